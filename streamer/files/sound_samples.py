"""The sound of a file as samples of one channel at the voice network's rate, whatever it was recorded as."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from models.voice.log_mel import SAMPLE_RATE
from streamer.files.sound_file import open_sound
from streamer.files.video_reader import WHOLE
from streamer.options import ClipRange

Samples = NDArray[np.float32]


def sound_samples(path: Path, name: str = "The file", clip: ClipRange = WHOLE) -> Generator[Samples, None, None]:
    """Pieces (n,) of a file's first audio track in ±1, mono at SAMPLE_RATE, from the beginning of the file on.

    WAV, MP3, video and all else that FFmpeg opens, with any rate and channels. A track that begins later than the file
    is preceded by silence; where it is damaged, it ends. name: of the file in sentences. clip: the part that is wanted;
    what is before it is decoded, too. Raises VideoError where there is no sound.
    """
    begin = round(clip.start * SAMPLE_RATE)
    end = None if clip.end is None else round(clip.end * SAMPLE_RATE)
    at = 0
    for piece in _whole(path, name):
        if end is not None and at >= end:
            return
        part = piece[max(begin - at, 0) : None if end is None else end - at]
        at += len(piece)
        if len(part):
            yield part


def _whole(path: Path, name: str) -> Iterator[Samples]:
    with open_sound(path, name) as container:
        resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        is_first = True
        for frame in chain(_decoded(container, container.streams.audio[0]), [None]):
            if is_first and frame is not None:
                yield np.zeros(max(0, round(_start_s(frame, container) * SAMPLE_RATE)), np.float32)
            is_first = False
            for piece in resampler.resample(frame):
                # Channels that are added up may exceed full scale.
                yield np.clip(piece.to_ndarray().reshape(-1), -1, 1).astype(np.float32)


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames up to the end of the track or its first damage."""
    try:
        yield from container.decode(stream)
    except FFmpegError:
        return


def _start_s(frame: Any, container: Any) -> float:
    """When a frame begins, in seconds since the file does."""
    return float((frame.time or 0.0) - (container.start_time or 0) / 1_000_000)
