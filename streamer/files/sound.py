"""The driver's sound, carried from one file to another beside the new pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError


class Sound:
    """The first audio track of a file, if it has one: copied where the new container takes its codec, else re-encoded.

    Times stay those of the file, so sound and pictures keep their distance.
    """

    def __init__(self, path: Path) -> None:
        self._container: Any = av.open(str(path))
        audio = self._container.streams.audio
        self._source: Any = audio[0] if audio else None
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def start(self, container: Any, copied: frozenset[str], codec: str) -> None:
        """Add the track to a container that is about to be written. copied: codec names that it takes unchanged."""
        if self._source is None or self._source.codec_context is None:  # no track, or one that nothing can decode
            return
        if self._source.codec_context.name in copied:
            self._packets = self._copied(container.add_stream_from_template(self._source))
        else:
            self._packets = self._encoded(container.add_stream(codec, rate=48_000, layout="stereo"))
        self._next = next(self._packets, None)

    def carry(self, container: Any, until: float | None) -> None:
        """Write what is due up to `until` seconds, or all that is left."""
        while self._next is not None and (until is None or _seconds(self._next) <= until):
            container.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Let go of the source; may be called twice."""
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
        """Frames up to where the track ends or breaks: a damaged end of the sound must not cost the pictures."""
        try:
            yield from self._container.decode(self._source)
        except FFmpegError:
            return


def _seconds(packet: Any) -> float:
    at = packet.dts if packet.dts is not None else packet.pts
    return float(at * packet.time_base) if at is not None else 0.0
