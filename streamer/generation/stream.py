"""One session's state on the device, and the frames that it wants drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from kernels.pixels import to_bytes
from models.geometry.rig import Rig
from streamer.effort import Effort
from streamer.frames import Image
from streamer.generation.avatar import Avatar
from streamer.generation.background import backdrop_frame, background_of
from streamer.generation.controls import Controls
from streamer.generation.generator import State
from streamer.generation.resized_canvas import ResizedCanvas
from streamer.generation.view import cut_frame
from streamer.rigging.backdrop import Backdrop
from streamer.tracking.motion import Motion


@dataclass(eq=False, slots=True)
class Stream:
    """One session's state on the device. parts: the streams of a scene's characters, from left to right."""

    avatar: Avatar
    state: State
    parts: tuple[Stream, ...] = ()
    canvases: ResizedCanvas = field(default_factory=ResizedCanvas)
    _canvas: tuple[Rig, Rig] | None = None  # the avatar's rig, and what of it is drawn since the effort was set
    _behind: tuple[object, Image] | None = None
    _background: tuple[object, torch.Tensor | None] | None = None  # what was chosen, and what was made of it

    @property
    def canvas(self) -> Rig:
        """The avatar's rig on the canvas that is drawn."""
        whole = self.avatar.rig
        return whole if self._canvas is None or self._canvas[0] is not whole else self._canvas[1]

    def set_effort(self, effort: Effort) -> None:
        """How much computing the next frames may cost. A smaller canvas comes some frames later, see `ResizedCanvas`;
        frames without a layout are not scaled back, and have one canvas.
        """
        for each in self.parts or (self,):
            each.state.effort = effort
            whole = each.avatar.rig
            share = 1.0 if each.avatar.layout is None else effort.canvas_share
            each._canvas = whole, each.canvases.rig(whole, round(whole.size * share))
        if self.parts:  # a scene's avatar and state are those of its first character
            self._canvas = self.parts[0]._canvas

    def background(
        self, controls: Controls, backdrop: Backdrop | None = None, seconds: float = 0.0
    ) -> torch.Tensor | None:
        """The chosen background (1, 3, S, S), None for the picture's own; made once for each choice.

        backdrop: what is shown for `background="picture"`; None: the picture's own. seconds: of the frame, on the clock
        by which a clip is played.
        """
        rig = self.canvas
        choice: object = (self.avatar, rig.size, controls.background, controls.colour)
        shown = backdrop if controls.background == "picture" else None
        index = 0 if shown is None else shown.index_at(seconds)
        if shown is not None:
            choice = (self.avatar, rig.size, shown, index)
        if self._background is None or self._background[0] != choice:
            made = background_of(rig, controls)
            if shown is not None:
                made = backdrop_frame(rig, shown, index, self.avatar.crop_on(rig.size))
            self._background = (choice, made)
        return self._background[1]

    def behind(self, controls: Controls, backdrop: Backdrop | None = None, seconds: float = 0.0) -> Image:
        """(H, W, 3) what stands behind all characters of a scene in the frame; made once for each choice. backdrop,
        seconds: as for `background`.
        """
        layout = self.avatar.layout
        assert layout is not None
        chosen = self.background(controls, backdrop, seconds)
        choice = (self.avatar, controls, self._background and self._background[0])
        if self._behind is None or self._behind[0] != choice:
            plane = to_bytes(self.canvas.plate if chosen is None else chosen)[0].cpu().numpy()
            self._behind = (choice, cut_frame([plane], layout, controls.framing, self.avatar.rig.size)[0])
        return self._behind[1]


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """One frame to draw: of which stream, after which motion, relative to which neutral.

    others: motion and neutral for each further character of a scene. alpha: whether the frame needs its alpha whatever
    stands behind. backdrop: of one's own, see `Stream.background`.
    """

    stream: Stream
    motion: Motion
    neutral: Motion
    controls: Controls = field(default_factory=Controls)
    others: tuple[tuple[Motion, Motion], ...] = ()
    alpha: bool = False
    backdrop: Backdrop | None = None

    @property
    def transparent(self) -> bool:
        """Whether the frame is drawn with alpha."""
        return self.alpha or self.controls.background == "transparent"

    def of_each_character(self) -> list[FrameRequest]:
        """The frame of each character of a scene, from left to right, with alpha: over the picture's own plate where
        that stands behind them, else over nothing.
        """
        own = self.controls.background == "original"
        controls = replace(self.controls, background="original" if own else "transparent")
        drivers = ((self.motion, self.neutral), *self.others)
        return [
            FrameRequest(stream, motion, neutral, controls, alpha=True)
            for stream, (motion, neutral) in zip(self.stream.parts, drivers, strict=True)
        ]
