"""Inputs and references of baked frames."""

from __future__ import annotations

from pathlib import Path

import torch

from models.config import ModelConfig
from models.dit import CausalDiT
from tests.support.small_training import one_batch
from training.tasks.baked_frames import clean_input, encode_references, reference_focus

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8))
PAIR = ModelConfig(width=32, depth=1, heads=4, keyed=1, references=3, stem=(8, 8, 8))


@torch.no_grad()
def test_encode_references_fills_all_slots(data: Path) -> None:
    network, batch = CausalDiT(PAIR), one_batch(data)
    focus, tokens = reference_focus(batch), PAIR.tokens
    keys, values = encode_references(network, batch, focus, [1])
    assert keys.shape == values.shape == (1, 2, 4, 3 * tokens, 8)
    assert torch.equal(keys[..., 2 * tokens :, :], keys[..., :tokens, :])  # the picture again
    assert torch.equal(keys[..., tokens : 2 * tokens, :], network.encode_reference(clean_input(batch, 1))[0])


def test_clean_input_has_no_noise_and_no_flow(data: Path) -> None:
    batch = one_batch(data)
    view = clean_input(batch, 1)
    assert torch.equal(view.warped, batch.truth[:, 1]) and torch.equal(view.noised, view.warped * 2 - 1)
    assert float(view.maps[:, :2].abs().max()) == 0 and float(view.maps[:, 2].min()) == 1
    assert torch.equal(view.maps[:, 3:], batch.maps[:, 1, 3:]) and float(view.level.max()) == 0
