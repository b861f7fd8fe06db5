"""The benchmark of a live voice finds the delays that its session had."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evaluation.spoken_clips import opening_of
from benchmarks.streaming.report import ServerTrace
from benchmarks.streaming.spoken_sound import SpokenMicrophone, sound_delay
from benchmarks.streaming.voice_delay import VoiceTrace, drawn_delays, openings, summarise
from benchmarks.streaming.voice_session import shown_openings
from models.geometry.topology import LOWER_LIP_INNER
from models.voice.log_mel import SAMPLE_RATE
from streamer.runtime.meter import TOTAL
from streamer.tracking.head_pose import CANONICAL

SECONDS, MOUTH_S, DRAWN_S, SOUND_S = 20.0, 0.15, 0.12, 0.13
BEGAN = 1000.0  # seconds on `time.monotonic`
TIMES = (np.arange(round(SECONDS * 50)) / 50).astype(np.float32)


def parting_at(times: np.ndarray) -> np.ndarray:
    """Lips that open for .2 s, once in .7 s."""
    return (
        0.2 * np.clip(np.sin(np.pi * ((times % 0.7) - 0.3) / 0.2), 0, 1) * ((times % 0.7 > 0.3) & (times % 0.7 < 0.5))
    )


def speech(seconds: float) -> np.ndarray:
    random = np.random.default_rng(1)
    loud = np.repeat(random.uniform(0, 1, round(seconds * 10)), SAMPLE_RATE // 10)
    return (0.2 * loud * random.normal(0, 1, len(loud))).clip(-1, 1).astype(np.float32)


def session(fps: float = 25.0) -> tuple[SpokenMicrophone, VoiceTrace]:
    microphone = SpokenMicrophone(speech(7.3))
    microphone.began = BEGAN
    frames = np.arange(3.0, SECONDS, 1 / fps)
    opening = (0.6 * parting_at(frames - MOUTH_S) + 0.01).astype(np.float32)
    shown = (0.4 * parting_at(frames - DRAWN_S)).astype(np.float32)
    said, count, sound = microphone.said(SECONDS), SAMPLE_RATE // 50, []
    for start in range(3 * SAMPLE_RATE, len(said) - count, count):
        pts = start / SAMPLE_RATE
        sound.append((BEGAN + pts + SOUND_S, pts - 2.5, said[start : start + count]))
    del sound[200:202]  # were lost
    return microphone, VoiceTrace(BEGAN, BEGAN + frames, opening, shown, sound, {"voice": [0.5, 0.7]})


def test_openings_are_found_once_where_lips_have_parted_half_of_the_way() -> None:
    found = openings(TIMES, parting_at(TIMES))
    assert np.diff(found) == pytest.approx([0.7] * (len(found) - 1), abs=0.02) and len(found) >= 27
    assert found[0] == pytest.approx(0.3 + 0.2 / 6, abs=0.02)


def test_delays_of_mouth_and_sound_are_those_of_the_session() -> None:
    report = summarise(TIMES, parting_at(TIMES), *session())
    assert report["openings"] >= 20 and report["fps"] == pytest.approx(25, abs=0.2)
    assert report["usual_ms"] == pytest.approx(1000 * MOUTH_S, abs=10)
    assert report["mouth_ms"]["p50"] == pytest.approx(1000 * MOUTH_S + 20, abs=15)  # and half a frame
    assert report["sound_ms"] == {"p50": pytest.approx(1000 * SOUND_S, abs=1), "p95": pytest.approx(130, abs=1)}
    assert report["mouth_after_sound_ms"]["p50"] == pytest.approx(40, abs=15)
    assert report["drawn_ms"]["p50"] == pytest.approx(1000 * DRAWN_S + 20, abs=15)
    assert report["drawn_apart_ms"]["p50"] == pytest.approx(10, abs=15)
    assert report["voice_cpu_ms"]["p50"] == pytest.approx(0.6)


def test_openings_without_frames_are_left_out() -> None:
    microphone, trace = session()
    kept = np.abs(trace.frames - BEGAN - 10) > 1
    trace.frames, trace.opening, trace.shown = trace.frames[kept], trace.opening[kept], trace.shown[kept]
    report = summarise(TIMES, parting_at(TIMES), microphone, trace)
    assert 15 <= report["openings"] < 23 and report["mouth_ms"]["p95"] < 1000 * MOUTH_S + 60


def test_lips_of_a_frame_are_those_of_the_last_motion_that_departed() -> None:
    faces = []
    for parted in (0.0, 0.1, 0.2):
        face = CANONICAL.copy()
        face[LOWER_LIP_INNER, 1] += parted
        faces.append((10 + parted, face))
    stages = [(at + 0.03, {TOTAL: 30.0 + 0.2}) for at, _ in faces]
    shown = shown_openings([10.02, 10.035, 10.15, 10.24], ServerTrace(stages=stages, faces=faces))
    assert np.isnan(shown[0]) and shown[1:] == pytest.approx([opening_of(face) for _, face in faces])
    assert shown[1] < shown[2] < shown[3]


def test_what_frames_are_drawn_from_tells_each_delay_to_a_frame_however_lips_go_on() -> None:
    """Lips that open in stages, seen by their half ways in frames that are late by a constant and show another gain."""
    random = np.random.default_rng(4)
    points = np.cumsum(random.uniform(0.1, 0.25, 150))
    heights = random.uniform(0, 0.3, 150) * random.integers(0, 2, 150)
    times = np.arange(0, points[-1], 0.02)
    parting = np.interp(times, points, heights)
    frames = times[::2] + DRAWN_S
    found = drawn_delays(
        times, parting, frames, (0.7 * np.interp(times[::2], points, heights) + 0.02).astype(np.float32)
    )
    delays = np.array([delay for _, delay in found])
    assert len(delays) == len(openings(times, parting)) > 20
    assert (np.abs(delays - DRAWN_S - 0.02) < 0.0205).mean() > 0.9


def test_a_still_mouth_is_not_measured() -> None:
    microphone, trace = session()
    with pytest.raises(ValueError, match="nothing was measured"):
        summarise(TIMES, np.zeros_like(TIMES), microphone, trace)


def test_sound_that_was_not_sent_has_no_delay() -> None:
    sent, other = speech(6.0), np.random.default_rng(2).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    assert sound_delay(sent, sent[40_000:56_000], 2.7) == pytest.approx(0.2)
    assert sound_delay(sent, other, 2.7) is None
    assert sound_delay(sent, np.zeros(SAMPLE_RATE, np.float32), 2.7) is None


def test_a_microphone_says_its_speech_again_and_again() -> None:
    microphone = SpokenMicrophone(speech(1.0))
    assert np.array_equal(microphone.said(3.0)[:16_000], microphone.said(3.0)[16_000:32_000])
    sound = microphone.sound(0.5, 48_000)
    assert np.abs(sound[::3].astype(np.float32) / 32767 - microphone.said(1.5)[8_000:24_000]).max() < 1e-3
