"""Decoded streams of the outputs' tests: from bytes, and from a server of FFmpeg that receives one by RTMP."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import av
import numpy as np

LISTEN_TIMEOUT_S = 30.0


@dataclass
class Decoded:
    """pictures: seconds and mean brightness of each, and its size. sound: seconds and loudness of each millisecond."""

    codecs: list[str] = field(default_factory=list)
    pictures: list[tuple[float, float]] = field(default_factory=list)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    key_frames: list[float] = field(default_factory=list)
    sound: list[tuple[float, float]] = field(default_factory=list)
    newest: np.ndarray | None = None

    def take(self, frame: Any) -> None:
        seconds = float(frame.pts * frame.time_base)
        if isinstance(frame, av.VideoFrame):
            self.newest = frame.to_ndarray(format="rgb24")
            self.pictures.append((seconds, float(self.newest.mean())))
            self.sizes.add((frame.width, frame.height))
            if frame.key_frame:
                self.key_frames.append(seconds)
        else:
            wave = np.abs(frame.to_ndarray()[0].astype(float))
            step = frame.sample_rate // 1000
            for n in range(len(wave) // step):
                self.sound.append((seconds + n / 1000, float(wave[n * step : (n + 1) * step].max())))

    def flashes(self) -> list[float]:
        """When the picture turns from dark to bright, seconds."""
        return _onsets(self.pictures, 128, 0)

    def beeps(self) -> list[float]:
        """When sound begins after half a second of silence, seconds."""
        return _onsets(self.sound, 0.25 * max(loudness for _, loudness in self.sound), 0.5)


def _onsets(values: list[tuple[float, float]], threshold: float, quiet_s: float) -> list[float]:
    found: list[float] = []
    last_loud = -1e9
    for before, (at, value) in zip([None, *values], values, strict=False):
        if value > threshold:
            if before is not None and before[1] <= threshold and at - last_loud > quiet_s:
                found.append(at)
            last_loud = at
    return found


def decode(data: bytes) -> Decoded:
    """What is in a muxed stream."""
    decoded = Decoded()
    with av.open(io.BytesIO(data)) as container:
        decoded.codecs = [stream.codec_context.name for stream in container.streams]
        for packet in container.demux():
            for frame in packet.decode():
                decoded.take(frame)
    return decoded


class RtmpReceiver:
    """FFmpeg as RTMP server for one stream, in a thread. port: None takes a free one; it listens soon."""

    def __init__(self, port: int | None = None) -> None:
        self._place = socket.socket()  # keeps the port, beside which FFmpeg may listen
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", port or 0))
        self.port: int = self._place.getsockname()[1]
        self.url = f"rtmp://127.0.0.1:{self.port}/live/s3cret-k3y"
        self.decoded = Decoded()
        self._changed = threading.Condition()
        self._ends = False
        self._thread = threading.Thread(target=self._receive, name="rtmp-receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Drop the connection at its next packet, or wait until somebody else has."""
        self._ends = True
        self._thread.join(LISTEN_TIMEOUT_S)
        self._place.close()
        assert not self._thread.is_alive()

    def wait_for_frames(self, pictures: int, sounds: int = 0) -> None:
        self.wait_for(lambda decoded: len(decoded.pictures) >= pictures and len(decoded.sound) >= sounds)

    def wait_for(self, condition: Callable[[Decoded], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.decoded), LISTEN_TIMEOUT_S)

    def _receive(self) -> None:
        options = {"listen": "1", "analyzeduration": "300000", "fflags": "nobuffer"}
        with (
            contextlib.suppress(av.FFmpegError),  # the stream breaks off
            av.open(self.url, options=options, timeout=LISTEN_TIMEOUT_S) as container,
        ):
            self.decoded.codecs = sorted(stream.codec_context.name for stream in container.streams)
            for packet in container.demux():
                frames = packet.decode()
                with self._changed:
                    for frame in frames:
                        self.decoded.take(frame)
                    self._changed.notify_all()
                if self._ends:
                    return
