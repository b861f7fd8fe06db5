"""Copies the audio track of one file, or a part of it, into another, beside its new video track."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from streamer.files.video_reader import WHOLE, open_container, times_in_file
from streamer.options import ClipRange


class Sound:
    """The first audio track of a file, if any: copied where the new container accepts its codec, else re-encoded.

    path, clip, name, from_zero: as for `VideoReader`. Timestamps are kept, or of a part count from its beginning as
    those of its frames do, so audio and video stay in sync. A part begins and ends with whole packets, some 20 ms each.
    """

    def __init__(self, path: Path, clip: ClipRange = WHOLE, name: str = "The video", from_zero: bool = False) -> None:
        self._container: Any = open_container(path, name)
        audio = self._container.streams.audio
        # A track without a decoder cannot be copied either: its parameters are unknown.
        self._source: Any = audio[0] if audio and audio[0].codec_context is not None else None
        self._is_whole = clip.is_whole
        keeps_times = clip.is_whole and not from_zero
        self._begin, self._end = (0.0, None) if keeps_times else times_in_file(self._container, clip)
        self._cut: float | None = None
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._container.close()

    @property
    def is_present(self) -> bool:
        """Whether the file has a track that can be written."""
        return self._source is not None

    def start(self, container: Any, copied: frozenset[str], codec: str) -> None:
        """Add the track to a container before its first packet. copied: codecs to copy. codec: for all others."""
        if self._source is None:
            return
        if self._source.codec_context.name in copied:
            self._packets = self._copied(container.add_stream_from_template(self._source))
        else:
            self._packets = self._encoded(container.add_stream(codec, rate=48_000, layout="stereo"))
        self._next = next(self._packets, None)

    def cut(self, seconds: float) -> None:
        """Let the sound end with a film that ends so many seconds after its beginning."""
        self._cut = seconds

    def write(self, container: Any, until: float | None) -> None:
        """Write the packets up to `until` seconds, None: all that are left."""
        until = self._cut if until is None else until
        while self._next is not None and (until is None or _start_seconds(self._next) <= until):
            container.mux(self._next)
            self._next = next(self._packets, None)

    def _copied(self, target: Any) -> Iterator[Any]:
        for packet in self._selected():
            if packet.dts is not None:
                shift = round(self._begin / packet.time_base)
                packet.dts -= shift
                if packet.pts is not None:
                    packet.pts -= shift
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
            for packet in self._selected():
                for frame in packet.decode():
                    if frame.pts is not None:
                        frame.pts -= round(self._begin / frame.time_base)
                    yield frame
        except FFmpegError:
            return

    def _selected(self) -> Iterator[Any]:
        """The packets of the part."""
        packets = self._container.demux(self._source)
        if not self._is_whole:
            packets = self._searched()
        for packet in packets:
            if packet.dts is not None and not self._is_whole:
                if _start_seconds(packet) < self._begin:
                    continue
                if self._end is not None and _start_seconds(packet) >= self._end:
                    return
            yield packet

    def _searched(self) -> Iterator[Any]:
        """Packets from one before the part on, or from the file's first on where its index leads too far."""
        try:
            self._container.seek(round(self._begin / self._source.time_base), stream=self._source, backward=True)
            packets = self._container.demux(self._source)
            first = next(packets, None)
            if first is not None and first.dts is not None and _start_seconds(first) <= self._begin:
                return chain([first], packets)
        except FFmpegError:
            pass
        self._container.seek(0, backward=True)
        return iter(self._container.demux(self._source))


def _start_seconds(packet: Any) -> float:
    timestamp = packet.dts if packet.dts is not None else packet.pts
    return float(timestamp * packet.time_base) if timestamp is not None else 0.0
