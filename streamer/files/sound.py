"""Copies the audio track of one file into another, beside its new video track."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from streamer.files.video_reader import local_file


class Sound:
    """The first audio track of a file, if any: copied where the new container accepts its codec, else re-encoded.

    Timestamps are kept, so audio and video stay in sync.
    """

    def __init__(self, path: Path) -> None:
        self._container: Any = av.open(local_file(path))
        audio = self._container.streams.audio
        self._source: Any = audio[0] if audio else None
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def start(self, container: Any, copied: frozenset[str], codec: str) -> None:
        """Add the track to a container before its first packet. copied: codecs to copy. codec: for all others."""
        if self._source is None or self._source.codec_context is None:  # no track, or one without a decoder
            return
        if self._source.codec_context.name in copied:
            self._packets = self._copied(container.add_stream_from_template(self._source))
        else:
            self._packets = self._encoded(container.add_stream(codec, rate=48_000, layout="stereo"))
        self._next = next(self._packets, None)

    def write(self, container: Any, until: float | None) -> None:
        """Write the packets up to `until` seconds, None: all that are left."""
        while self._next is not None and (until is None or _start_seconds(self._next) <= until):
            container.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the source file. Idempotent."""
        self._container.close()

    def _copied(self, target: Any) -> Iterator[Any]:
        for packet in self._container.demux(self._source):
            if packet.dts is not None:
                packet.stream = target
                yield packet

    def _encoded(self, target: Any) -> Iterator[Any]:
        resampler = AudioResampler(
            format=target.codec_context.format, layout="stereo", rate=48_000, frame_size=target.codec_context.frame_size
        )
        for frame in self._decoded():
            for piece in resampler.resample(frame):
                yield from target.encode(piece)
        for piece in resampler.resample(None):
            yield from target.encode(piece)
        yield from target.encode(None)

    def _decoded(self) -> Iterator[Any]:
        """Frames up to the end of the track or the first damage, so that damaged audio does not fail the video."""
        try:
            yield from self._container.decode(self._source)
        except FFmpegError:
            return


def _start_seconds(packet: Any) -> float:
    timestamp = packet.dts if packet.dts is not None else packet.pts
    return float(timestamp * packet.time_base) if timestamp is not None else 0.0
