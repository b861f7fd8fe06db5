"""Attempts to publish: each change is told once, and the next attempt comes later and later."""

from __future__ import annotations

from streamer.errors import MediaServerError
from streamer.webrtc.attempts import FIRST_RETRY_S, LONGEST_RETRY_S, STABLE_S, Attempts


def test_waits_are_doubled_up_to_the_longest_and_begin_anew_after_a_success_or_a_stable_stream() -> None:
    attempts = Attempts("server", lambda line: None)
    error = MediaServerError("it refuses the stream")
    waits = [attempts.fail(error, "", 0.0) for _ in range(9)]
    assert waits[:3] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S] and waits[-1] == LONGEST_RETRY_S
    assert [attempts.fail(error, "", STABLE_S + 1), attempts.fail(error, "", 0.0)] == waits[:2]
    attempts.begin_anew()
    assert attempts.fail(error, "", 0.0) == FIRST_RETRY_S


def test_each_change_is_told_once_and_what_broke_here_in_words_for_people() -> None:
    lines: list[str] = []
    attempts = Attempts("server:1935", lines.append)
    for _ in range(2):
        attempts.fail(MediaServerError("it refuses the stream"), "", 0.0)
    for _ in range(2):
        attempts.fail(ValueError("of an encoder"), "something broke here", 0.0)
    attempts.say_live()
    attempts.say_nobody_live()
    assert lines == [
        "cannot publish to server:1935, trying again: it refuses the stream",
        "cannot publish to server:1935, trying again: something broke here",
        "publishing the avatar to server:1935",
        "nobody is live: the stream to server:1935 has ended",
    ]
