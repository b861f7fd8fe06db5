"""Windows on a moving head: square close-ups that go and turn with it, so that teeth and eyeballs stay in their
place."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.topology import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LID,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LID,
    HeadTransform,
)

FADE = 0.2  # what a close-up says fades to nothing over this share of its window at the border
BEARINGS = (1, 168, 152, 234, 454)  # nose, bridge, chin, the face's right and left edge: they tell how the head stands


@dataclass(frozen=True)
class View:
    """What one kind of close-up looks at.

    centre: canonical units (models/geometry/topology.py), rigid on the head. half: half side, canonical units. inner:
    ring of
    the opening; outer: ring of what is drawn around it. marks: landmarks that the network is told. mirrored: the window
    is flipped, so that a left eye looks like a right one and one network serves both. ajar: shares of the opening at
    rest between which it begins to show its inside; below, lashes or lips hide it. turns: behind it is an eyeball,
    whose iris is the outer ring and whose pupil the mark after the inner ring's.
    """

    centre: tuple[float, float, float]
    half: float
    inner: tuple[int, ...]
    outer: tuple[int, ...]
    marks: tuple[int, ...]
    ajar: tuple[float, float]
    turns: bool = False
    mirrored: bool = False


MOUTH_VIEW = View((0, 0.8, -0.15), 0.46, INNER_LIPS, OUTER_LIPS, (*OUTER_LIPS, *INNER_LIPS, *BEARINGS), (0.05, 0.15))
RIGHT_EYE_VIEW = View(
    (-0.356, 0, -0.06), 0.27, RIGHT_LID, tuple(range(RIGHT_IRIS + 1, RIGHT_IRIS + 5)),
    (*RIGHT_LID, RIGHT_IRIS, *RIGHT_BROW, *BEARINGS), (0.15, 0.4), turns=True,
)  # fmt: skip
LEFT_EYE_VIEW = View(
    (0.356, 0, -0.06), 0.27, LEFT_LID, tuple(range(LEFT_IRIS + 1, LEFT_IRIS + 5)),
    (*LEFT_LID, LEFT_IRIS, *LEFT_BROW, 1, 168, 152, 454, 234), (0.15, 0.4), turns=True, mirrored=True,
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Where B close-ups lie. centre (B, 2); across, down (B, 2): from the centre to the middle of the right and of the
    lower edge; all in the units of the map they lie on.
    """

    centre: Tensor
    across: Tensor
    down: Tensor

    @staticmethod
    def of(view: View, head: HeadTransform) -> Window:
        """On heads standing as the frames say; upright along the head's own vertical, which a turn does not shorten."""
        spot = const_floats((view.centre,), head.scale.device).expand(len(head.scale), -1, -1)
        down = head.rotation[:, :2, 1]
        down = down / down.norm(dim=-1, keepdim=True).clamp_min(1e-3) * (view.half * head.scale)[:, None]
        across = torch.stack([down[:, 1], -down[:, 0]], -1)
        return Window(head.apply(spot)[:, 0, :2], -across if view.mirrored else across, down)

    @staticmethod
    def stack(windows: list[Window]) -> Window:
        """Several as one batch."""
        if len(windows) == 1:
            return windows[0]
        return Window(*(torch.cat([getattr(w, f.name) for w in windows]) for f in fields(Window)))

    def rows(self, who: slice) -> Window:
        """Some of the batch."""
        return Window(*(getattr(self, f.name)[who] for f in fields(Window)))

    def flat(self) -> Tensor:
        """(B, 6) centre, across, down: as `kernels.overlay` takes it."""
        return torch.cat([self.centre, self.across, self.down], 1)

    def within(self, box: Tensor) -> Window:
        """The same windows in the units of boxes (B, 3) of the map."""
        half = box[:, 2:]
        return Window((self.centre - box[:, :2]) / half, self.across / half, self.down / half)

    def bounds(self, size: int) -> list[tuple[slice, slice, slice]]:
        """Which of the batch touch which rows and columns of a canvas of `size` pixels. On a CPU each for itself; on a
        device all of them all of it: asking would make it wait, and there one large piece of work is quicker than many.
        """
        if self.centre.device.type != "cpu":
            return [(slice(None), slice(0, size), slice(0, size))]
        reach = self.across.abs() + self.down.abs()
        corners = torch.cat([self.centre - reach, self.centre + reach], -1).add(1).mul(size / 2).clamp(0, size)
        low = corners[:, :2].floor().long().tolist()
        high = corners[:, 2:].ceil().long().tolist()
        return [
            (slice(k, k + 1), slice(top, bottom), slice(left, right))
            for k, ((left, top), (right, bottom)) in enumerate(zip(low, high, strict=True))
        ]

    def grid(self, side: int) -> Tensor:
        """(B, side, side, 2) places of the window's pixels on the map."""
        unit = unit_grid(side, self.centre.device)
        return self.lay(unit) + self.centre[:, None, None]

    def lay(self, steps: Tensor) -> Tensor:
        """(B or 1, h, w, 2) displacements in window units → map units."""
        return steps[..., :1] * self.across[:, None, None] + steps[..., 1:] * self.down[:, None, None]

    def at(self, points: Tensor) -> Tensor:
        """(B or 1, ..., 2) places on the map → (B, ..., 2) window units, -1..1 inside."""
        shape = [-1] + [1] * (points.dim() - 2) + [2]
        away = points - self.centre.view(shape)
        axes = torch.stack([self.across, self.down], -1) / self.down.square().sum(-1).clamp_min(1e-9)[:, None, None]
        return away @ axes.view(-1, *[1] * (points.dim() - 3), 2, 2) if points.dim() > 3 else away @ axes


def fade(place: Tensor) -> Tensor:
    """(B, 1, h, w) 1 inside a window, falling to 0 at its border; place (B, h, w, 2) in window units."""
    return smoothstep(0, FADE, 1 - place.abs().amax(-1)).unsqueeze(1)
