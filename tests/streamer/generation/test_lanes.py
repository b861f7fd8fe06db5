"""Each lane is lent to one stream at a time."""

import pytest

from streamer.errors import DeviceMemoryError
from streamer.generation.lanes import LaneAllocator


def test_take_lends_each_lane_once_until_it_is_given_back() -> None:
    lanes = LaneAllocator(2)
    assert (lanes.take(), lanes.take(), lanes.free) == (0, 1, 0)
    with pytest.raises(DeviceMemoryError):
        lanes.take()
    lanes.give(0)
    assert (lanes.free, lanes.take()) == (1, 0)


@pytest.mark.parametrize("lane", [-1, 0, 2])
def test_give_refuses_a_lane_that_is_not_lent(lane: int) -> None:
    with pytest.raises(ValueError, match=f"lane {lane} is not taken"):
        LaneAllocator(2).give(lane)


def test_lane_allocator_needs_at_least_one_lane() -> None:
    with pytest.raises(ValueError, match="at least 1 lane, got 0"):
        LaneAllocator(0)
