"""Lanes of the KV cache are pinned, advance and are reset independently."""

import pytest
import torch
from torch import Tensor

from kernels.ring import FLOAT8
from models.cache import Cache
from models.config import ModelConfig

SMALL = ModelConfig(width=32, depth=2, heads=2, keyed=1, ring=2, references=2, stem=(8, 16, 16))


def lanes(*numbers: int) -> Tensor:
    return torch.tensor(numbers)


def references(count: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    keys, values = torch.randn(2, SMALL.depth, batch, SMALL.heads, count * SMALL.tokens, SMALL.head_width)
    return keys, values


def test_cache_advances_and_resets_each_lane_alone() -> None:
    cache = Cache(SMALL, 3)
    ring = cache.ring(lanes(2, 0))
    for _ in range(4):
        cache.advance(lanes(2))
    cache.advance()
    assert cache.cursor.tolist() == [1, 1, 2] and cache.filled.tolist() == [1, 1, 2]
    position, live = ring.slots(SMALL.references, SMALL.ring)
    assert position.tolist() == [[0, 0, -2, -1, 0], [0, 0, -1, 0, -2]]
    assert live.tolist() == [[False, False, True, True, True], [False, False, True, True, False]]
    cache.reset(lanes(2))
    assert cache.cursor.tolist() == [1, 1, 0] and cache.filled.tolist() == [1, 1, 0]
    cache.advance(lanes(1, 1, 1))  # a batch filled up with a spare lane
    assert cache.filled.tolist() == [1, 2, 0]


def test_cache_pins_as_many_references_as_each_lane_is_given() -> None:
    cache = Cache(SMALL, 3)
    cache.advance()
    keys, values = references(2, batch=2)
    cache.pin(lanes(2, 0), keys, values)
    more, _ = references(1)
    cache.pin(lanes(1), more, more)
    assert cache.pinned.tolist() == [2, 1, 2] and cache.filled.tolist() == [1, 1, 1]
    assert torch.equal(cache.keys[:, 0, :, : 2 * SMALL.tokens], keys[:, 1])
    assert torch.equal(cache.values[:, 2, :, : 2 * SMALL.tokens], values[:, 0])
    assert torch.equal(cache.keys[:, 1, :, : SMALL.tokens], more[:, 0])
    assert not cache.keys[:, :, :, 2 * SMALL.tokens :].any()
    cache.pin(None, more, more)
    assert cache.pinned.tolist() == [1, 1, 1]


def test_cache_refuses_references_that_do_not_fill_its_slots() -> None:
    keys, _ = references(3)
    with pytest.raises(ValueError, match="768 tokens do not fill up to 2×256 slots"):
        Cache(SMALL, 1).pin(None, keys, keys)


def test_cache_in_float8_keeps_references_to_three_bits_and_resets_when_they_change() -> None:
    cache = Cache(SMALL, 2, dtype=FLOAT8)
    cache.advance()
    keys, values = references(2)
    cache.pin(lanes(1), keys * 7, values)
    assert cache.filled.tolist() == [1, 0]
    held, _, scale = cache.layer(1)
    assert scale is not None
    got = held[1, :, : 2 * SMALL.tokens].float() * scale[0, 1, :, None, None]
    assert ((got - keys[1, 0] * 7).norm() / (keys[1] * 7).norm()) < 0.04
