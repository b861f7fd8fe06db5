"""Generators with one input removed, for ablations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from models.geometry.rig import Rig
from models.geometry.views import View
from streamer.generation.generator import Generator, Reference, State


class GeneratorWrapper:
    """A generator that delegates everything to another one; its subclasses change one thing."""

    def __init__(self, inner: Generator) -> None:
        self.inner = inner

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        return self.inner.encode_reference(rig, views)

    def at_rest(self, reference: Reference, *rest: Any) -> Any:
        return self.inner.at_rest(reference, *rest)

    def open(self, reference: Reference) -> State:
        return self.inner.open(reference)

    def warm_up(self, rig: Rig, *rest: Any) -> None:
        self.inner.warm_up(rig, *rest)

    def predict(self, states: Sequence[State], rig: Rig, *rest: Any, **named: Any) -> Any:
        return self.inner.predict(states, rig, *rest, **named)


class WithoutPastFrames(GeneratorWrapper):
    """The transformer attends to no past frame, as with a ring of W = 0."""

    def predict(self, states: Sequence[State], rig: Rig, *rest: Any, **named: Any) -> Any:
        for state in states:
            state.reset()
        return super().predict(states, rig, *rest, **named)


class GreyTransformerInput(GeneratorWrapper):
    """The transformer gets mid-grey instead of the warped picture; its edit is composited over the true warp."""

    def open(self, reference: Reference) -> State:
        assert reference.focus is not None
        grey = torch.full_like(reference.focus.picture, 0.5)
        return super().open(replace(reference, focus=replace(reference.focus, picture=grey)))


class GreyInputs(GreyTransformerInput):
    """Transformer and close-ups get mid-grey instead of the warped picture."""

    def predict(self, states: Sequence[State], rig: Rig, *rest: Any, **named: Any) -> Any:
        grey = replace(rig, image=torch.full_like(rig.image, 0.5))
        return super().predict(states, grey, *rest, **named)
