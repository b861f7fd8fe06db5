"""The benchmark of a live voice finds the delays that its session had."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evaluation.spoken_clips import opening_of
from benchmarks.streaming.report import ServerTrace
from benchmarks.streaming.spoken_sound import SpokenMicrophone, sound_delay
from benchmarks.streaming.voice_delay import VoiceTrace, drawn_delays, openings, summarise, voice_begin
from benchmarks.streaming.voice_session import shown_faces
from models.geometry.topology import LOWER_LIP_INNER
from models.voice.log_mel import SAMPLE_RATE
from streamer.runtime.meter import TOTAL
from streamer.tracking.head_pose import CANONICAL

SECONDS, MOUTH_S, DRAWN_S, SOUND_S = 20.0, 0.15, 0.12, 0.13
VOICE_S = 0.9  # after the sound, when the server's voice began
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
    heard = (frames - DRAWN_S - VOICE_S).astype(np.float32)
    return microphone, VoiceTrace(BEGAN, BEGAN + frames, opening, shown, heard, sound, {"voice": [0.5, 0.7]})


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


def test_openings_that_no_frame_shows_are_counted() -> None:
    microphone, trace = session()
    kept = np.abs(trace.frames - BEGAN - 10) > 1
    for name in ("frames", "opening", "shown", "heard"):
        setattr(trace, name, getattr(trace, name)[kept])
    report = summarise(TIMES, parting_at(TIMES), microphone, trace)
    assert report["openings"] >= 23 and 2 <= report["unseen_openings"] <= 3
    assert report["mouth_openings"] < 23 and report["mouth_ms"]["p95"] < 1000 * MOUTH_S + 60


def test_an_opening_that_is_drawn_late_counts_as_late() -> None:
    """Each frame of every third opening arrives .2 s after it was drawn, after which those of others go on."""
    _, trace = session(50.0)
    frames = trace.frames - BEGAN
    is_late = np.floor((frames - DRAWN_S) / 0.7).astype(int) % 3 == 0
    arrivals = np.maximum.accumulate(frames + 0.2 * is_late)
    delays, unseen = drawn_delays(TIMES, parting_at(TIMES), arrivals, trace.shown, trace.heard)
    late = np.array([delay for _, delay in delays]) > DRAWN_S + 0.1
    assert not unseen and late.mean() == pytest.approx(1 / 3, abs=0.05)


def test_a_frame_shows_the_lips_and_the_voice_of_the_last_motion_that_departed() -> None:
    faces = []
    for parted in (0.0, 0.1, 0.2):
        face = CANONICAL.copy()
        face[LOWER_LIP_INNER, 1] += parted
        faces.append((10 + parted, face))
    stages = [(at + 0.03, {TOTAL: 30.0 + 0.2}) for at, _ in faces]
    trace = ServerTrace(stages=stages, faces=faces, voices={10.0: 8.9, 10.2: 9.1})
    shown, heard = shown_faces([10.02, 10.035, 10.15, 10.24], trace)
    assert np.isnan(shown[0]) and shown[1:] == pytest.approx([opening_of(face) for _, face in faces])
    assert shown[1] < shown[2] < shown[3]
    assert heard == pytest.approx([np.nan, 8.9, np.nan, 9.1], nan_ok=True)


def test_what_frames_are_drawn_from_tells_each_delay_to_a_frame_however_lips_go_on() -> None:
    """Lips that open in stages, in frames that are late by a constant and show another gain."""
    random = np.random.default_rng(4)
    points = np.cumsum(random.uniform(0.1, 0.25, 150))
    heights = random.uniform(0, 0.3, 150) * random.integers(0, 2, 150)
    times = np.arange(0, points[-1], 0.02)
    parting = np.interp(times, points, heights)
    moments = times[::2] + 0.004
    shown = (0.7 * np.interp(moments, points, heights) + 0.02).astype(np.float32)
    heard = (moments - VOICE_S).astype(np.float32)
    assert voice_begin(times, parting, shown, heard) == pytest.approx(VOICE_S, abs=0.002)
    found, unseen = drawn_delays(times, parting, moments + DRAWN_S, shown, heard)
    delays = np.array([delay for _, delay in found])
    assert len(delays) + len(unseen) == len(openings(times, parting)) > 20 and len(unseen) < 4
    assert (np.abs(delays - DRAWN_S - 0.02) < 0.0225).all()


def test_frames_that_show_another_voice_are_not_measured() -> None:
    _, trace = session()
    with pytest.raises(ValueError, match="do not show what was said"):
        drawn_delays(TIMES, parting_at(TIMES), trace.frames - BEGAN, np.roll(trace.shown, 7) ** 0.1, trace.heard**1.3)


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
