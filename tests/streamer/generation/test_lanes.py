"""LaneAllocator are lent once at a time."""

import pytest

from streamer.errors import DeviceMemoryError
from streamer.generation.lanes import LaneAllocator


def test_a_lane_is_lent_until_it_is_given_back() -> None:
    lanes = LaneAllocator(2)
    assert (lanes.take(), lanes.take(), lanes.free) == (0, 1, 0)
    with pytest.raises(DeviceMemoryError):
        lanes.take()
    lanes.give(0)
    assert (lanes.free, lanes.take()) == (1, 0)


@pytest.mark.parametrize("lane", [-1, 0, 2])
def test_what_is_not_lent_cannot_be_given_back(lane: int) -> None:
    with pytest.raises(ValueError, match=f"lane {lane} is not taken"):
        LaneAllocator(2).give(lane)


def test_no_lanes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 lane, got 0"):
        LaneAllocator(0)
