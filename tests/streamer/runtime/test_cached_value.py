"""A figure is found out once in a while."""

from itertools import count

from streamer.runtime.cached_value import CachedValue


def test_it_is_found_out_anew_after_a_while() -> None:
    now = 0.0
    numbers = count()
    kept = CachedValue(lambda: next(numbers), period=1.0, clock=lambda: now)
    assert [kept(), kept()] == [0, 0]
    now = 1.0
    assert kept() == 0
    now = 1.5
    assert [kept(), kept()] == [1, 1]
