"""Attention over slots against the formula in float64, and its rotary angles."""

import pytest
import torch

from kernels.attention import Rope, apply_rope, attend, axial_rope, rotate


def attention_float64(query, keys, values, position, is_occupied, rope: Rope, keyed: int) -> torch.Tensor:
    """softmax(q·k/√D)·v, slot by slot, in float64: (B, H, N, D)."""
    batch, heads, tokens, width = query.shape
    out = torch.zeros_like(query, dtype=torch.float64)
    for b in range(batch):
        slots = [s for s in range(position.shape[1]) if is_occupied[b, s]]
        rows = torch.cat([torch.arange(s * tokens, (s + 1) * tokens) for s in slots])
        ages = position[b, slots].repeat_interleave(tokens)
        key_angles = torch.cat([ages[:, None] * rope.time, rope.space.repeat(len(slots), 1)], -1)
        query_angles = torch.cat([torch.zeros(tokens, len(rope.time)), rope.space], -1)
        for h in range(heads):
            q, k = query[b, h].double(), keys[b, h, rows].double()
            if h < heads - keyed:
                q = rotate(q[None, None], query_angles.double()[None])[0, 0]
                k = rotate(k[None, None], key_angles.double()[None])[0, 0]
            out[b, h] = torch.softmax(q @ k.T / width**0.5, -1) @ values[b, h, rows].double()
    return out


@pytest.mark.parametrize(("heads", "keyed"), [(4, 0), (4, 1), (8, 3)])
@pytest.mark.parametrize("slots", [1, 2, 5])
def test_attend_equals_the_formula(heads: int, keyed: int, slots: int) -> None:
    torch.manual_seed(heads * 10 + slots)
    grid, width, batch = 4, 16, 3
    query = torch.randn(batch, heads, grid**2, width)
    keys, values = torch.randn(2, batch, heads, slots * grid**2, width)
    position = -torch.randint(0, 6, (batch, slots)).float()
    is_occupied = torch.rand(batch, slots) < 0.6
    is_occupied[:, -1] = True
    rope = axial_rope(grid, width)
    got = attend(query, keys, values, position, is_occupied, rope, keyed)
    expected = attention_float64(query, keys, values, position, is_occupied, rope, keyed)
    assert (got - expected).norm() / expected.norm() < 1e-5


def test_attend_ignores_empty_slots() -> None:
    rope = axial_rope(4, 16)
    query, keys, values = torch.randn(1, 2, 16, 16), torch.randn(1, 2, 48, 16), torch.randn(1, 2, 48, 16)
    is_occupied = torch.tensor([[True, False, True]])
    position = torch.tensor([[-8.0, -1.0, 0.0]])
    before = attend(query, keys, values, position, is_occupied, rope, 1)
    keys[:, :, 16:32], values[:, :, 16:32] = 1e3, 1e3
    assert torch.equal(before, attend(query, keys, values, position, is_occupied, rope, 1))


def test_rope_score_depends_on_the_distance_alone() -> None:
    rope = axial_rope(4, 32)
    query, key = torch.randn(2, 1, 1, 16, 32)

    def score(query_position: float, key_position: float) -> torch.Tensor:
        q = rotate(query, rope.angles(torch.tensor([[query_position]])))
        k = rotate(key, rope.angles(torch.tensor([[key_position]])))
        return q @ k.mT

    assert torch.allclose(score(0.0, -3.0), score(5.0, 2.0), atol=1e-4)


def test_axial_rope_refuses_a_head_width_that_is_not_divisible_by_8() -> None:
    with pytest.raises(ValueError, match="divisible by 8, got 12"):
        axial_rope(4, 12)


def test_attend_takes_pinned_keys_after_rope() -> None:
    rope = axial_rope(4, 16)
    query, keys, values = torch.randn(1, 4, 16, 16), torch.randn(1, 4, 48, 16), torch.randn(1, 4, 48, 16)
    position, is_occupied = torch.tensor([[-8.0, -1.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool)
    before_rope = attend(query, keys, values, position, is_occupied, rope, 1)
    keys[:, :, :16] = apply_rope(keys[:, :, :16], position[:, :1], rope, 1)
    after_rope = attend(query, keys, values, position, is_occupied, rope, 1, pinned=1)
    assert torch.allclose(before_rope, after_rope, atol=1e-5)
