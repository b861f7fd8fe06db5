"""How far lids and mouths may open."""

import pytest
import torch

from models.geometry.openings import lid_transfer, narrow_mouth, soft_limit
from models.geometry.topology import topology


def test_lid_transfer_keeps_the_share_of_open_lids_and_is_monotone() -> None:
    share = torch.linspace(0, 1.5, 100)
    transferred = lid_transfer(share, torch.ones_like(share))
    assert torch.equal(transferred[share > 0.7], share[share > 0.7])
    assert (transferred.diff() >= 0).all()
    assert transferred[0] == 0
    assert transferred.diff().max() < 0.05  # no jump


def test_soft_limit_nears_the_limit_and_keeps_what_is_below_one() -> None:
    ratio = torch.tensor([-0.5, 0.0, 0.6, 1.0, 1.05, 1.5, 9.0])
    limited = soft_limit(ratio, torch.full_like(ratio, 1.5))
    assert limited[:4].tolist() == pytest.approx([0, 0, 0.6, 1])
    assert bool((limited[3:].diff() > 0).all()) and limited[4] == pytest.approx(1.05, abs=1e-3)
    assert limited[-1] < 1.5 + 1e-6


def test_narrow_mouth_keeps_a_mouth_at_rest() -> None:
    canonical = topology().canonical[None]
    assert torch.equal(narrow_mouth(canonical, canonical), canonical)
