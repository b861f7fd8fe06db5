"""A camera's silence is noticed by its usual rate, and frames go on without it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from streamer.engine.camera_silence import (
    CAMERA_IDLE_S,
    IDLE_FPS,
    LATE_PACKET_S,
    LATE_S,
    PACKET_S,
    VOICE_FPS,
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


def begins(silence: CameraSilence, packets: Sequence[float], fps: float, draw_s: float = 0.005) -> Sequence[float]:
    """When frames begin that take `draw_s`, where packets of a voice come at these times, s; until the last one."""
    now, began = 0.0, [0.0]
    while now < packets[-1]:
        heard = [at for at in packets if at <= now]
        patience = silence.patience_s(now, began[-1], heard[-1] if heard else -1.0, fps)
        if patience <= 0:
            began.append(now)
            now += draw_s
            continue
        coming = packets[len(heard)] if len(heard) < len(packets) else math.inf
        now = min(now + patience + 1e-9, coming)  # a packet interrupts the wait
    return began[1:]


@pytest.mark.parametrize("fps", [IDLE_FPS, VOICE_FPS])
def test_with_a_voice_frames_begin_with_its_packets_when_a_picture_is_late(fps: float) -> None:
    random = np.random.default_rng(1)
    packets = [number * PACKET_S + 0.004 + float(random.uniform(-0.003, 0.003)) for number in range(100)]
    began = begins(camera(30), packets, fps)
    assert 1 / 30 + LATE_S - PACKET_S / 2 <= began[0] <= 1 / 30 + LATE_S + PACKET_S
    assert all(at in packets for at in began[1:])
    assert np.mean(np.diff(began)) == pytest.approx(1 / fps, rel=0.02)
    assert np.max(np.diff(began)) < 1 / fps + 0.007


def test_a_frame_waits_for_no_packet_that_is_lost() -> None:
    packets = [number * PACKET_S for number in range(50) if number not in (30, 31)]
    began = begins(camera(30), packets, VOICE_FPS)
    assert any(abs(at - (29 * PACKET_S + PACKET_S + LATE_PACKET_S)) < 1e-6 for at in began)
    assert np.max(np.diff(began)) <= 2 * PACKET_S + 1e-6


def test_where_drawing_takes_longer_than_a_packet_no_frame_begins_with_an_old_one() -> None:
    packets = [number * PACKET_S for number in range(100)]
    began = np.array(begins(camera(30), packets, VOICE_FPS, draw_s=0.033))
    assert np.all((began + 1e-9) % PACKET_S < PACKET_S / 2 + 1e-6) and np.max(np.diff(began)) <= 2 * PACKET_S + 1e-6
