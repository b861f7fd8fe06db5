"""Patches are composited over the picture, one by one and all at once."""

import pytest
import torch

from models.closeups.patches import CloseupEdit, Patch
from models.closeups.window import VIEWS, Window, window_fade
from models.compositor import compose
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from tests.support.faces import drawn_face


def test_compose_draws_patches_of_a_batch_at_once_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.stack([drawn_face(64, scale) for scale in (0.2, 0.26)])
    random = torch.Generator().manual_seed(2)

    def maps(channels: int, side: int) -> torch.Tensor:
        return torch.rand(2, channels, side, side, generator=random) * window_fade(unit_grid(side, torch.device("cpu")))

    patches = [
        Patch(Window.of(view, rig.head), CloseupEdit(0.1 * maps(2, 8), 1 - maps(1, 16), maps(3, 16), maps(1, 16)))
        for view in VIEWS
    ]
    guidance = make_guidance(rig, rest_pose(rig))
    singly, without = compose(rig, guidance, patches=patches), compose(rig, guidance)
    monkeypatch.setattr(Window, "covered_pixels", lambda _, size: [(slice(None), slice(0, size), slice(0, size))])
    together = compose(rig, guidance, patches=patches)
    # Of what has all but faded at a window's border half a pixel reaches beyond it.
    assert torch.allclose(together, singly, atol=5e-3) and (singly - without).abs().max() > 0.1
