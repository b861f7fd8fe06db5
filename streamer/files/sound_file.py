"""Looks into a file with sound: whether it has some, and how long it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from streamer.files.video_reader import WHOLE, VideoError, check_clip, open_container
from streamer.options import ClipRange


def open_sound(path: Path, name: str) -> Any:
    """A container with an audio track that can be decoded. name: of the file in sentences. Raises VideoError."""
    container = open_container(path, name, is_sound=True)
    audio = container.streams.audio
    if not audio or audio[0].codec_context is None:
        container.close()
        raise VideoError(f"{name} has no sound: give a file in which somebody speaks.")
    return container


def sound_seconds(path: Path, name: str, clip: ClipRange = WHOLE) -> float:
    """Seconds of a part of a file's sound, 0 where the file does not tell. Raises VideoError where there is none."""
    with open_sound(path, name) as container:
        stream = container.streams.audio[0]
        seconds = float((stream.duration or 0) * (stream.time_base or 0) or (container.duration or 0) / av.time_base)
    check_clip(clip, seconds, name)
    end = seconds if clip.end is None else min(clip.end, seconds or clip.end)
    return max(end - clip.start, 0.0)
