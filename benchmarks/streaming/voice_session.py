"""A real session that a voice alone drives: the server in a process of its own, a client with a microphone here."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from av import AudioFrame, VideoFrame

from benchmarks.evaluation.spoken_clips import opening_of
from benchmarks.streaming.report import ServerTrace
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.spoken_sound import SpokenMicrophone
from benchmarks.streaming.voice_delay import Array, VoiceTrace
from benchmarks.streaming.webrtc_client import CONNECT_TIMEOUT_S, WebRtcClient, luma
from models.voice.log_mel import SAMPLE_RATE
from streamer.files.sound_samples import sound_samples
from streamer.frames import Image
from streamer.runtime.meter import TOTAL
from streamer.tracking.mediapipe_models import camera_units, face_mesh
from training.voice.espeak import espeak
from training.voice.rooms import at_16_khz

SENTENCES = ("Papa bought a big apple pie.", "My mother may move the map.", "Bob put both books by the window.")
PAUSE_S = 0.6  # between two of them
WARM_UP_S = 8.0  # in which the voice's network is made and the sound finds its delay


def speech_of(clips: Sequence[Path]) -> Array:
    """(n,) at 16 kHz of what is said in clips, one after the other; without any, sentences of eSpeak NG. Raises
    VideoError, and OSError where eSpeak NG is not installed.
    """
    if clips:
        return np.concatenate([np.concatenate(list(sound_samples(path, str(path)))) for path in clips])
    spoken = [espeak().say(text, "en-us", 150, 50, 50) for text in SENTENCES]
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    return np.concatenate([part for each in spoken for part in (at_16_khz(each.samples, each.rate), pause)])


def watch_voice(flags: Sequence[str], microphone: SpokenMicrophone, seconds: float) -> VoiceTrace:
    """Let a server animate its picture by what is said. flags: of `run_server.py`. Raises KagamiError and OSError."""
    with ServerProcess(flags) as server:
        arrivals, pictures, sound = asyncio.run(_watch(server.url, microphone, seconds))
        recorded = server.stop()
    stages: dict[str, list[float]] = {}
    for at, each in recorded.stages:
        if at >= arrivals[0]:
            for name, milliseconds in each.items():
                stages.setdefault(name, []).append(milliseconds)
    shown, heard = shown_faces(arrivals, recorded)
    return VoiceTrace(microphone.began, np.array(arrivals), _openings(pictures), shown, heard, sound, stages)


def shown_faces(arrivals: Sequence[float], recorded: ServerTrace) -> tuple[Array, Array]:
    """(F,) how far the driver's lips part in the motion that each frame shows, eye distances, and the moment of the
    voice that it shows, s since that began: of the last one that had departed when a frame arrived, which follow each
    other at once. NaN where there is none.
    """
    departures = [(at, at - each[TOTAL] / 1000) for at, each in recorded.stages if TOTAL in each]
    moments = np.array([captured for captured, _ in recorded.faces])
    shown, heard = np.full((2, len(arrivals)), np.nan, np.float32)
    for number, index in enumerate(np.searchsorted([at for at, _ in departures], arrivals) - 1):
        if index >= 0 and len(moments):
            nearest = int(np.argmin(np.abs(moments - departures[index][1])))  # told by two clocks' readings of one time
            captured, face = recorded.faces[nearest]
            shown[number], heard[number] = opening_of(face), recorded.voices.get(captured, np.nan)
    return shown, heard


async def _watch(
    page_url: str, microphone: SpokenMicrophone, seconds: float
) -> tuple[list[float], list[Image], list[tuple[float, float, Array]]]:
    """Arrivals of avatar frames, their luma, and the sound that came back."""
    arrivals, pictures, sound = [], [], []

    def keep_frame(at: float, frame: VideoFrame) -> None:
        arrivals.append(at)
        pictures.append(luma(frame).copy())

    def keep_sound(at: float, frame: AudioFrame) -> None:
        samples = frame.to_ndarray().reshape(-1, frame.layout.nb_channels).mean(1) / 32768
        start = (frame.pts or 0) / frame.sample_rate
        sound.append((at, start, samples[:: frame.sample_rate // SAMPLE_RATE].astype(np.float32)))

    url = page_url.replace("http://", "ws://").rstrip("/") + "/ws"
    async with WebRtcClient(url, [], 30.0, microphone=microphone) as client:
        await client.wait_until(lambda log: bool(log.frames), CONNECT_TIMEOUT_S, "The first avatar frame")
        await client.watch(WARM_UP_S)
        client.on_video, client.on_sound = keep_frame, keep_sound
        print(f"measuring for {seconds:g} s", file=sys.stderr)
        await client.watch(seconds)
        client.on_video = client.on_sound = None
    return arrivals, pictures, sound


def _openings(pictures: Sequence[Image]) -> Array:
    """(F,) how far lips part in frames (H, W), see `SpokenClip.opening`. Each is looked at alone: a mesh that follows a
    face smooths its landmarks, which would count as delay.
    """
    found = []
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=1) as mesh:
        for grey in pictures:
            rgb = np.repeat(grey[..., None], 3, 2)
            faces = mesh.process(rgb).multi_face_landmarks
            found.append(opening_of(camera_units(faces[0].landmark, rgb.shape)) if faces else np.nan)
    return np.array(found, np.float32)
