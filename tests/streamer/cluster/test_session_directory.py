"""The records of a cluster's sessions, without Ray; time is a number."""

from __future__ import annotations

from streamer.cluster.session_directory import RECORD_S, UNKEPT, Record, SessionDirectory, digest
from streamer.server.session_handle import session_handle

SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def record(session: str = "s", replica: str = "a", picture: str = "") -> Record[str]:
    return Record(session, replica, f"what {session} needs", picture)


def directory(clock: Clock | None = None, max_pictures: int = 4) -> SessionDirectory[str, str]:
    return SessionDirectory(clock or Clock(), max_pictures)


def test_directory_knows_where_a_session_is_by_its_name_and_by_the_digest_of_its_secret() -> None:
    made = directory()
    made.tell("a", {digest(SECRET): record()})
    found = made.find(digest(SECRET))
    assert found is not None and found.carried == "what s needs"
    assert made.replica_of("s") == made.replica_of(session_handle("s")) == "a"
    assert made.find(digest("other")) is None and made.replica_of("other") is None


def test_directory_forgets_what_its_replica_does_not_tell_of_any_more() -> None:
    made = directory()
    made.tell("a", {"one": record("1"), "two": record("2")})
    made.tell("a", {"two": record("2")})
    assert made.replica_of("1") is None and made.replica_of("2") == "a"
    made.tell("a", {})
    assert len(made) == 0 and made.replica_of(session_handle("2")) is None


def test_directory_keeps_the_sessions_of_a_dead_replica_for_a_time() -> None:
    clock = Clock()
    made = directory(clock)
    made.tell("a", {"one": record("1")})
    clock.now = RECORD_S - 1
    made.tell("b", {})
    assert made.find("one") is not None
    clock.now = RECORD_S + 1
    made.tell("b", {})
    assert made.find("one") is None and made.replica_of("1") is None


def test_directory_follows_a_session_that_moved() -> None:
    made = directory()
    made.tell("a", {"one": record("1", "a")})
    made.tell("b", {"one": record("1", "b")})
    made.tell("a", {})  # it ended there
    assert made.replica_of("1") == "b"


def test_directory_asks_for_the_pictures_that_it_has_not_and_forgets_those_that_nobody_wears() -> None:
    made = directory()
    worn = {"one": record("1", picture="p"), "two": record("2"), "three": record("3", picture=UNKEPT)}
    assert made.tell("a", worn) == ["p"]
    made.keep("p", "a picture")
    assert made.tell("a", worn) == [] and made.picture("p") == "a picture"
    assert made.picture(UNKEPT) is None
    made.tell("a", {"two": record("2")})
    assert made.picture("p") is None, "somebody could find it who knows its hash"


def test_directory_keeps_no_more_pictures_than_it_may() -> None:
    made = directory(max_pictures=2)
    for name in ("p", "q", "r"):
        made.keep(name, name.upper())
    assert [made.picture(name) for name in ("p", "q", "r")] == [None, "Q", "R"]


def test_digest_does_not_tell_the_secret() -> None:
    assert SECRET not in digest(SECRET) and len(digest(SECRET)) == 64 and digest(SECRET) == digest(SECRET)


def test_directory_keeps_the_background_of_a_session_as_long_as_somebody_has_it() -> None:
    made = directory()
    with_own = Record("s", "a", "what s needs", "", background="sky")
    assert made.tell("a", {"one": with_own}) == ["sky"]
    made.keep("sky", "a file")
    assert made.tell("a", {"one": with_own}) == [] and made.picture("sky") == "a file"
    made.tell("a", {"one": record()})
    assert made.picture("sky") is None


def test_replica_that_still_draws_for_a_session_that_moved_does_not_take_it_back() -> None:
    made = directory()
    former, present = Record("s", "a", "what s needs", ""), Record("s", "b", "what s needs", "", moves=1)
    for replica, told in (("a", former), ("b", present), ("a", former)):
        made.tell(replica, {"one": told})
    assert made.replica_of("s") == "b"
    made.tell("a", {})
    assert made.replica_of("s") == "b"
    made.tell("b", {})
    made.tell("a", {"one": former})
    assert made.replica_of("s") == "a"


def test_session_that_began_anew_elsewhere_is_not_taken_for_the_former_one() -> None:
    made = directory()
    former = Record("s", "a", "what s needs", "", since=1.0, moves=3)
    present = Record("t", "b", "what t needs", "", since=2.0)
    for replica, told in (("a", former), ("b", present), ("a", former)):
        made.tell(replica, {"one": told})
    assert made.replica_of("t") == "b"
