"""The voice takes a mouth whose face is lost within .3 s, softly, gives it back soon, and no missed picture shows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from models.voice.mouth_shapes import SHAPE_NAMES
from streamer.engine.camera_silence import CameraSilence
from streamer.sources.expression import MOUTH
from streamer.sources.voice_motion import VoiceFrame
from streamer.sources.voice_share import VoiceShare

WANTED_S = 0.3


def shares(
    share: VoiceShare, fps: float, seen: Iterable[bool], since: float = 0.0, strength: float = 0.0
) -> list[float]:
    """The voice's share of the mouth in pictures that do or do not show a face."""
    shown = []
    for number, is_seen in enumerate(seen):
        share.advance(strength, True, is_seen, since + number / fps)
        shown.append(share.mouth)
    return shown


def driven(fps: float, strength: float = 0.0) -> VoiceShare:
    """The share of a voice that is heard beside a face, until 0 s."""
    share = VoiceShare()
    shares(share, fps, [True] * round(2 * fps), -2.0, strength)
    assert share.mouth == pytest.approx(strength) and share.head == 0
    return share


@pytest.mark.parametrize("fps", [60, 30, 25, 15])
def test_a_lost_face_leaves_the_mouth_to_the_voice_in_time_and_softly(fps: float) -> None:
    share = driven(fps)
    taken = shares(share, fps, [False] * (int(WANTED_S * fps) + 1))
    assert taken == sorted(taken) and taken[-1] >= 0.95 and share.head >= 0.9
    assert fps < 25 or max(b - a for a, b in zip([0.0, *taken], taken, strict=False)) < 0.45


@pytest.mark.parametrize("fps", [60, 30, 25, 15])
@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_a_face_that_comes_back_has_its_mouth_again_in_time_and_softly(fps: float, strength: float) -> None:
    share = driven(fps, strength)
    shares(share, fps, [False] * round(fps), 0.0, strength)
    given = shares(share, fps, [True] * (int(WANTED_S * fps) + 1), 1.0, strength)
    assert given == sorted(given, reverse=True) and given[-1] == pytest.approx(strength, abs=0.05)
    assert fps < 25 or max(a - b for a, b in zip([1.0, *given], given, strict=False)) < 0.3


@pytest.mark.parametrize("fps", [30, 15, 7])
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_single_pictures_that_miss_a_face_change_nothing(fps: float, strength: float) -> None:
    seen = [number % 2 == 0 for number in range(40)] + [True] * 10 + [False, True]
    assert shares(driven(fps, strength), fps, seen, strength=strength) == pytest.approx([strength] * len(seen))


def test_a_blink_of_the_tracker_changes_little() -> None:
    assert max(shares(driven(30), 30, [False, False, True])) == 0
    assert max(shares(driven(30), 30, [False, False, False, True])) < 0.1


@pytest.mark.parametrize("fps", [30, 25])
def test_a_camera_that_falls_silent_leaves_the_mouth_to_the_voice_in_time(fps: float) -> None:
    """As the tracking thread does it: pictures until 0 s, then frames without any."""
    silence, share, now = CameraSilence(), driven(fps), 0.0
    for number in range(-10, 1):
        silence.notice(number / fps)
    while (now := now + silence.patience_s(now, now, sound_at=0.0)) <= WANTED_S:
        share.advance(0.0, True, not silence.is_late(now), now)
    assert share.mouth >= 0.95


def test_a_voice_that_comes_and_goes_has_its_share_softly() -> None:
    share = VoiceShare()
    assert shares(share, 25, [False] * 4)[-1] < 0.6
    shares(share, 25, [False] * 25, 0.16)
    share.advance(0.0, False, False, 1.2)
    assert 0.7 < share.mouth < 1
    share.advance(0.0, False, False, 1.3)
    share.advance(0.0, False, False, 1.4)
    share.advance(0.0, False, False, 1.5)
    assert share.mouth == 0


def test_a_voice_takes_the_mouth_and_leaves_its_smile() -> None:
    share = driven(30, 1.0)
    face = VoiceFrame(0.0, np.zeros(len(SHAPE_NAMES), np.float32), (0.0, 0.0, 0.0), 1.0)
    said = share.expression(face)
    assert said.kept[MOUTH] == pytest.approx(0) and said.corners_kept == pytest.approx(1)
