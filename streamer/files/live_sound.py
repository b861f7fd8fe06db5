"""The sound track of a recording of what is live, taken as far as the picture is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from av import AudioFrame

from streamer.runtime.sound_feed import SAMPLE_RATE, Samples

SETTLE_S = 0.25  # by which the track lags behind the picture, so that the network has brought what was said

MAX_BURST_S = 10.0  # that is written at once; of a longer break in the picture the rest is left out, which is silence


class LiveSound:
    """A track as long as the picture, but for its first 20 ms; silence where nobody is heard.

    Where no picture came for longer than MAX_BURST_S, the track has a gap in its timestamps.

    pull: the samples (count, CHANNELS) from so many seconds after the beginning on; called with times in order.
    """

    def __init__(self, pull: Callable[[int, float], Samples]) -> None:
        self._pull = pull
        self._stream: Any = None
        self._written = 0  # samples of one channel
        self._until = 0.0  # seconds of picture so far

    def start(self, container: Any, copied: frozenset[str], codec: str) -> None:
        """Add the track to a container before its first packet. codec: by FFmpeg's name."""
        self._stream = container.add_stream(codec, rate=SAMPLE_RATE, layout="stereo")
        context = self._stream.codec_context
        context.open()
        # The coder puts its priming before the first samples: before 0 it would shift the picture of a fragmented MP4.
        self._written = context.frame_size

    def write(self, container: Any, until: float | None) -> None:
        """Write what was said until SETTLE_S before `until`, seconds; None: until the last `until`, and end."""
        size = self._stream.codec_context.frame_size
        end = self._until if until is None else until - SETTLE_S
        self._until = self._until if until is None else until
        missing = int(end * SAMPLE_RATE) - self._written - int(MAX_BURST_S * SAMPLE_RATE)
        if missing > 0:
            self._written += missing // size * size
        while self._written + size <= end * SAMPLE_RATE:
            samples = self._pull(size, self._written / SAMPLE_RATE)
            frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = SAMPLE_RATE, self._written
            self._written += size
            container.mux(self._stream.encode(frame))
        if until is None:
            container.mux(self._stream.encode(None))
