"""A value is computed at most once per period."""

from itertools import count

from streamer.runtime.cached_value import CachedValue


def test_cached_value_is_computed_again_after_its_period() -> None:
    now = 0.0
    numbers = count()
    value = CachedValue(lambda: next(numbers), period=1.0, clock=lambda: now)
    assert [value(), value()] == [0, 0]
    now = 1.0
    assert value() == 0
    now = 1.5
    assert [value(), value()] == [1, 1]
