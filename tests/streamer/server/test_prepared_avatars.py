"""The avatars that sessions used last are kept, few of each session and few in all."""

from __future__ import annotations

from typing import Any

from streamer.server.prepared_avatars import PreparedAvatars
from tests.support.fakes import FakeAvatar


def _avatars(count: int) -> list[Any]:
    return [FakeAvatar() for _ in range(count)]


def test_least_recently_used_of_a_session_is_forgotten_first() -> None:
    kept = PreparedAvatars(max_per_session=2, max_avatars=9)
    first, second, third = _avatars(3)
    kept.put("a", ("1",), first)
    kept.put("a", ("2",), second)
    kept.put("a", ("1",), first)
    kept.put("a", ("3",), third)
    assert [kept.get("a", (key,)) for key in "123"] == [first, None, third]


def test_all_sessions_together_keep_a_bounded_number() -> None:
    kept = PreparedAvatars(max_per_session=4, max_avatars=3)
    for session, avatar in zip("abcdefgh", _avatars(8), strict=True):
        kept.put(session, ("1",), avatar)
        assert len(kept) <= 3
    assert kept.get("a", ("1",)) is None and kept.get("h", ("1",)) is not None


def test_nothing_is_kept_of_a_session_that_has_ended() -> None:
    kept = PreparedAvatars()
    for session, avatar in zip("ab", _avatars(2), strict=True):
        kept.put(session, ("1",), avatar)
    kept.forget("a")
    assert len(kept) == 1 and kept.get("b", ("1",)) is not None
