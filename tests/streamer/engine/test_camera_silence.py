"""A camera's silence is noticed by its usual rate, and frames go on without it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamer.engine.camera_silence import (
    CAMERA_IDLE_S,
    IDLE_FPS,
    LATE_S,
    PACKET_S,
    SOUND_READY_S,
    CameraSilence,
)


def camera(fps: float) -> CameraSilence:
    """Pictures came until 0 s."""
    silence = CameraSilence()
    for number in range(-10, 1):
        silence.notice(number / fps)
    return silence


def test_a_camera_that_never_sent_is_silent_for_ever_and_frames_come_evenly() -> None:
    silence = CameraSilence()
    assert silence.lasts_s(5.0) == math.inf and silence.is_idle(5.0) and silence.is_late(5.0)
    assert silence.patience_s(5.0, -math.inf, sound_at=None) == 0
    assert silence.patience_s(5.0, 4.99, sound_at=None) == pytest.approx(1 / IDLE_FPS - 0.01)
    assert silence.patience_s(5.0, 4.9, sound_at=None) == 0


@pytest.mark.parametrize("fps", [30, 10])
def test_a_picture_is_late_by_the_camera_s_own_rate(fps: float) -> None:
    silence = camera(fps)
    assert not silence.is_late(1 / fps + LATE_S - 0.001) and silence.is_late(1 / fps + LATE_S + 0.001)
    assert not silence.is_idle(CAMERA_IDLE_S - 0.001) and silence.is_idle(CAMERA_IDLE_S)


def test_a_slow_camera_is_not_late_before_it_is_idle() -> None:
    assert not camera(2).is_late(CAMERA_IDLE_S - 0.001)


def test_without_a_voice_nothing_is_drawn_until_the_avatar_idles() -> None:
    silence = camera(30)
    assert silence.patience_s(0.01, 0.0, sound_at=None) == pytest.approx(CAMERA_IDLE_S - 0.01)
    assert silence.patience_s(1.0, 0.99, sound_at=None) == pytest.approx(1 / IDLE_FPS - 0.01)


def test_with_a_voice_frames_come_evenly_when_a_picture_is_late_and_begin_after_a_packet() -> None:
    silence, now, began = camera(30), 0.0, []
    while now < 1:
        now += silence.patience_s(now, now, sound_at=now - now % PACKET_S)
        began.append(now)
        assert abs(now % PACKET_S - SOUND_READY_S) < 1e-6
        now += 0.001  # to look at it
    assert 0 <= began[0] - 1 / 30 - LATE_S <= PACKET_S
    assert np.diff(began) == pytest.approx([1 / IDLE_FPS] * (len(began) - 1))
