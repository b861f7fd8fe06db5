"""Changes to the motion of rendered characters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.render.character.act import Act
from training.render.scene.motion_tracks import Track


def map_track(track: Track, change: Callable[[str, NDArray], NDArray]) -> Track:
    """A track of the results of `change`, which is called with the name and values (frames, ...) of each array."""
    parts: dict[str, Any] = {}
    for field in fields(Track):
        values = getattr(track, field.name)
        parts[field.name] = None if values is None else np.asarray(change(field.name, values), np.float32)
    return Track(**parts)


def subsample_from_rest(track: Track, step: int, amount: NDArray) -> Track:
    """Every step-th frame of a track, interpolated from rest to the track by `amount` (frames,) 0..1."""

    def interpolate(name: str, values: NDArray) -> NDArray:
        rest, share = getattr(Act(), name), amount.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(rest + share * (values[::step] - rest))

    return map_track(track, interpolate)


def end_as_begun(track: Track, window: int, ease: int) -> Track:
    """A track whose last `window` frames repeat its first ones, after a transition of `ease` frames."""

    def repeat_start(name: str, values: NDArray) -> NDArray:
        out = values.copy()
        start = len(values) - window
        share = np.linspace(0, 1, ease + 2)[1:-1].reshape(-1, *[1] * (values.ndim - 1))
        out[start - ease : start] = (1 - share) * values[start - ease : start] + share * values[0]
        out[start:] = values[:window]
        return out

    return map_track(track, repeat_start)
