"""Close-ups of drawn faces."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from models.closeups.inputs import CloseupInput, MovingPicture, make_input, make_inputs, make_reference, make_references
from models.closeups.patches import CloseupEdit, Patch
from models.closeups.window import MOUTH_VIEW, Window, window_fade
from models.config import PRESETS, ModelConfig
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.openings import lid_pairs
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from models.geometry.topology import LEFT_LID, RIGHT_LID
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS

TEETH, DARK = 0.9, 0.1  # lightness in a driver's mouth
SMALL = ModelConfig(mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8), eye_channels=(8, 8, 8))


def at_rest(rig: Rig) -> MovingPicture:
    """A picture in its own pose."""
    guidance, pose = make_guidance(rig, rest_pose(rig)), rest_pose(rig)
    return MovingPicture.of(rig, pose, guidance)


def mouth_at_rest(rig: Rig, side: int) -> CloseupInput:
    """The mouth of a picture in its own pose; side: pixels of the window."""
    return make_input([MOUTH_VIEW], at_rest(rig), make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, side))


def closeups_at_rest(rig: Rig) -> tuple[CloseupInput, CloseupInput]:
    """Mouth and eyes of a picture in its own pose, in the sizes of `SMALL`."""
    return make_inputs(at_rest(rig), make_references(rig.image, rig.face, rig.head, SMALL))


def closing_eyes(rig: Rig, share: float) -> CloseupInput:
    """Eyes whose lids have come together to a share of their opening while the flow does not follow."""
    moving = at_rest(rig)
    face = moving.face.clone()
    for ring in (RIGHT_LID, LEFT_LID):
        upper, lower = lid_pairs(ring)
        face[:, list(upper)] = torch.lerp(face[:, list(lower)], face[:, list(upper)], share)
    references = make_references(rig.image, rig.face, rig.head, PRESETS["tiny"])
    return make_inputs(replace(moving, face=face, flow=0 * moving.flow), references)[1]


def opening_ring() -> Tensor:
    """(1, 20, 2) the opening of a mouth in the shape of an ellipse with level corners, from one corner over the top."""
    angle = torch.pi - torch.arange(20) * torch.pi / 10
    return torch.stack([0.6 * angle.cos() - 0.05, 0.1 - 0.25 * angle.sin()], -1)[None]


def mouth_cells(upper: float = TEETH, lower: float = DARK, weight: float = 1.0) -> Tensor:
    """(1, MOUTH_ROWS, MOUTH_COLUMNS, 4) `Driver.mouth`: teeth above the dark."""
    cells = torch.full((1, MOUTH_ROWS, MOUTH_COLUMNS, 4), upper)
    cells[:, MOUTH_ROWS // 2 :] = lower
    cells[..., 3] = 1
    return cells * weight


def uniform_patch(window: Window, keep: float, colour: float, flow_x: float = 0.0) -> Patch:
    """A patch with one keep, one grey and one flow in all of its window, fading at its border."""
    fade = window_fade(unit_grid(32, window.centre.device)).expand(len(window.centre), -1, -1, -1)
    flow = F.avg_pool2d(fade, 2) * torch.tensor([flow_x, 0.0]).view(1, 2, 1, 1)
    return Patch(window, CloseupEdit(flow, 1 - (1 - keep) * fade, torch.full((len(fade), 3, 32, 32), colour), fade))
