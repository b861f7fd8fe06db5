"""Close-up windows: squares that move and turn rigidly with the head, so that upper teeth and eyeballs stand still in
them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.topology import (
    CHIN,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_FACE_EDGE,
    LEFT_IRIS,
    LEFT_LID,
    NOSE_BRIDGE,
    NOSE_TIP,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_FACE_EDGE,
    RIGHT_IRIS,
    RIGHT_LID,
    HeadTransform,
)

BORDER_FADE = 0.2  # window units (half sides): an edit fades to nothing over this distance from the window's border
# These landmarks show the network how the head is turned; a mirrored view has right and left exchanged.
POSE_LANDMARKS = (NOSE_TIP, NOSE_BRIDGE, CHIN, RIGHT_FACE_EDGE, LEFT_FACE_EDGE)
MIRRORED_POSE_LANDMARKS = (NOSE_TIP, NOSE_BRIDGE, CHIN, LEFT_FACE_EDGE, RIGHT_FACE_EDGE)


@dataclass(frozen=True)
class View:
    """Where one kind of close-up lies on the head, and which landmarks belong to it.

    centre: (x, y, z) canonical units (models/geometry/topology.py), rigid on the head.
    half_side: canonical units.
    inner: landmarks, the ring around the opening.
    outer: landmarks, the ring around the lips; of an eye, the four on the iris's rim.
    landmarks: input of the network; of an eye, the pupil follows the inner ring.
    visible_opening: the inside of an opening becomes visible between these two shares of its area at rest; below the
        first, lashes or lips hide it.
    is_eye: an eyeball lies behind the opening.
    mirrored: the window is flipped left to right, so that one network serves both eyes.
    """

    centre: tuple[float, float, float]
    half_side: float
    inner: tuple[int, ...]
    outer: tuple[int, ...]
    landmarks: tuple[int, ...]
    visible_opening: tuple[float, float]
    is_eye: bool = False
    mirrored: bool = False


MOUTH_VIEW = View(
    (0, 0.8, -0.15), 0.46, INNER_LIPS, OUTER_LIPS, (*OUTER_LIPS, *INNER_LIPS, *POSE_LANDMARKS), (0.05, 0.15)
)
RIGHT_EYE_VIEW = View(
    (-0.356, 0, -0.06), 0.27, RIGHT_LID, tuple(range(RIGHT_IRIS + 1, RIGHT_IRIS + 5)),
    (*RIGHT_LID, RIGHT_IRIS, *RIGHT_BROW, *POSE_LANDMARKS), (0.15, 0.4), is_eye=True,
)  # fmt: skip
LEFT_EYE_VIEW = View(
    (0.356, 0, -0.06), 0.27, LEFT_LID, tuple(range(LEFT_IRIS + 1, LEFT_IRIS + 5)),
    (*LEFT_LID, LEFT_IRIS, *LEFT_BROW, *MIRRORED_POSE_LANDMARKS), (0.15, 0.4), is_eye=True, mirrored=True,
)  # fmt: skip
VIEWS = (MOUTH_VIEW, RIGHT_EYE_VIEW, LEFT_EYE_VIEW)


@dataclass(frozen=True)
class Window:
    """The squares of B close-ups on a map (the canvas or the focus box), in the map's units.

    centre: (B, 2). across, down: (B, 2) vectors from the centre to the middle of the right and of the lower edge.
    """

    centre: Tensor
    across: Tensor
    down: Tensor

    @staticmethod
    def of(view: View, head: HeadTransform) -> Window:
        """The windows of a view on B heads. They follow the head's own vertical, and a turn does not shorten them."""
        centre = const_floats((view.centre,), head.scale.device).expand(len(head.scale), -1, -1)
        down = head.rotation[:, :2, 1]
        down = down / down.norm(dim=-1, keepdim=True).clamp_min(1e-3) * (view.half_side * head.scale)[:, None]
        across = torch.stack([down[:, 1], -down[:, 0]], -1)
        return Window(head.apply(centre)[:, 0, :2], -across if view.mirrored else across, down)

    @staticmethod
    def stack(windows: list[Window]) -> Window:
        """Several as one batch."""
        if len(windows) == 1:
            return windows[0]
        return Window(*(torch.cat([getattr(w, f.name) for w in windows]) for f in fields(Window)))

    def select(self, batch: slice) -> Window:
        """A slice of the batch."""
        return Window(*(getattr(self, f.name)[batch] for f in fields(Window)))

    def as_rows(self) -> Tensor:
        """(B, 6) centre, across, down: the form that `kernels.overlay` takes."""
        return torch.cat([self.centre, self.across, self.down], 1)

    def grid(self, side: int) -> Tensor:
        """(B, side, side, 2) positions of the window's pixel centres on the map."""
        unit = unit_grid(side, self.centre.device)
        return self.to_map(unit) + self.centre[:, None, None]

    def to_map(self, displacements: Tensor) -> Tensor:
        """(B or 1, h, w, 2) displacements in window units → map units."""
        return displacements[..., :1] * self.across[:, None, None] + displacements[..., 1:] * self.down[:, None, None]

    def to_window(self, points: Tensor) -> Tensor:
        """(B or 1, ..., 2) positions on the map → (B, ..., 2) window units, −1..1 inside."""
        shape = [-1] + [1] * (points.dim() - 2) + [2]
        offset = points - self.centre.view(shape)
        axes = torch.stack([self.across, self.down], -1) / self.down.square().sum(-1).clamp_min(1e-9)[:, None, None]
        return offset @ axes.view(-1, *[1] * (points.dim() - 3), 2, 2) if points.dim() > 3 else offset @ axes


def window_fade(position: Tensor) -> Tensor:
    """(B, 1, h, w) 1 inside a window, falling to 0 at its border; position (B, h, w, 2) in window units."""
    return smoothstep(0, BORDER_FADE, 1 - position.abs().amax(-1)).unsqueeze(1)
