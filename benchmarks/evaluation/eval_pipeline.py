"""A pipeline for measuring: draws rigs that are at hand, with any generator, also with one that lacks a part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from models.geometry.rig import Rig
from streamer.animate import perform
from streamer.frames import Image
from streamer.generation.controls import Controls
from streamer.generation.eager_frame import EagerFrame
from streamer.generation.generator import Generator, Reference, State
from streamer.generation.pipeline import Avatar, AvatarPipeline
from streamer.tracking.motion import Motion


class Artist(AvatarPipeline):
    """`AvatarPipeline` with a given generator, which also takes rigs made elsewhere: from the renderer's own truth."""

    def __init__(self, generator: Generator, device: str = "cpu", size: int = 256) -> None:
        super().__init__(EagerFrame(generator, torch.device(device)), size)

    def adopt(self, rig: Rig) -> Avatar:
        """An avatar of a square picture's rig."""
        with torch.inference_mode():
            rig = rig.to(self.device)
            return Avatar(rig, self.renderer.encode_reference(rig), rig.size, rig.size)


def animate(artist: Artist, rig: Rig, motions: Iterable[Motion]) -> list[Image]:
    """One drawn frame for each motion; the first is the driver's neutral, and the driver sits side by side."""
    return [frame.rgb for frame in perform(artist, artist.adopt(rig), motions, Controls(mirror=False))]


class Altered:
    """A generator that hands everything on; its subclasses take one thing away."""

    def __init__(self, inner: Generator) -> None:
        self.inner = inner

    def encode_reference(self, rig: Rig) -> Reference:
        return self.inner.encode_reference(rig)

    def open(self, reference: Reference) -> State:
        return self.inner.open(reference)

    def warm_up(self, rig: Rig, *rest: Any) -> None:
        self.inner.warm_up(rig, *rest)

    def predict(self, states: Sequence[State], rig: Rig, *rest: Any, **named: Any) -> Any:
        return self.inner.predict(states, rig, *rest, **named)


class Forgetful(Altered):
    """Sees no past frame: a ring of W = 0."""

    def predict(self, states: Sequence[State], rig: Rig, *rest: Any, **named: Any) -> Any:
        for state in states:
            state.reset()
        return super().predict(states, rig, *rest, **named)


class Blind(Altered):
    """The transformer sees mid-grey in place of the warped picture; its edit is composed over the true warp as ever."""

    def open(self, reference: Reference) -> State:
        assert reference.focus is not None
        grey = torch.full_like(reference.focus.picture, 0.5)
        return super().open(replace(reference, focus=replace(reference.focus, picture=grey)))


class Blindfolded(Blind):
    """So do the close-ups."""

    def predict(self, states: Sequence[State], rig: Rig, *rest: Any, **named: Any) -> Any:
        grey = replace(rig, image=torch.full_like(rig.image, 0.5))
        return super().predict(states, grey, *rest, **named)
