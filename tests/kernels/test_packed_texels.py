"""Textures in 16 bits: what they hold, how they round, and how long they are kept."""

import gc
import weakref

import numpy as np
import pytest
import torch

from kernels.sampling.packed_texels import TEXEL_UNIT, TEXELS_PER_ONE, packed_texels


def texture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(5)) * 3 - 1


@pytest.mark.parametrize("channels_last", [False, True])
def test_texels_lie_channels_last_and_are_rounded_to_half_a_step(channels_last: bool) -> None:
    given = texture(2, 4, 3, 5)
    if channels_last:
        given = given.contiguous(memory_format=torch.channels_last)
    packed = packed_texels(given)
    assert packed.shape == (2, 60) and packed.dtype == np.int16
    back = torch.from_numpy(packed.astype(np.float32) * TEXEL_UNIT).view(2, 3, 5, 4).permute(0, 3, 1, 2)
    assert (back - given).abs().max() <= 0.5 / TEXELS_PER_ONE + 1e-6


def test_values_beyond_two_are_clamped_and_none_wraps_around() -> None:
    given = torch.tensor([-9.0, -2.0, 2.0, 9.0]).view(1, 4, 1, 1)
    assert packed_texels(given).tolist() == [[-(1 << 15), -(1 << 15), (1 << 15) - 1, (1 << 15) - 1]]


def test_a_texture_is_packed_once_and_forgotten_with_its_tensor() -> None:
    given = texture(1, 4, 2, 2)
    packed = weakref.ref(packed_texels(given))
    assert packed_texels(given) is packed()
    del given
    gc.collect()
    assert packed() is None


def test_equal_textures_are_packed_separately() -> None:
    first, second = texture(1, 4, 2, 2), texture(1, 4, 2, 2)
    assert np.array_equal(packed_texels(first), packed_texels(second))
    assert packed_texels(first) is not packed_texels(second)


def test_of_several_the_first_are_packed_and_more_of_them_later() -> None:
    given = texture(1, 3, 4, 2, 2)
    whole = packed_texels(given.flatten(0, 1))
    for pieces in (2, 3, 1):
        packed = packed_texels(given, pieces)
        assert packed.shape == (1, pieces, 16) and np.array_equal(packed[0], whole[:pieces])
