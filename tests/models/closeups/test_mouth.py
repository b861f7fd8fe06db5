"""Driven mouths: where their cells go, and in which colours."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.closeups.inputs import (
    NOW_INNER_RING,
    CloseupInput,
    CloseupReference,
    MovingPicture,
    make_input,
    make_inputs,
    make_reference,
    make_references,
)
from models.closeups.mouth import (
    CHEEK_LANDMARKS,
    NETWORK_TONE_SHARE,
    SCLERA_LANDMARKS,
    stretch_driver_mouth,
    tint_driver_mouth,
    white_point,
)
from models.closeups.patches import driver_mouth, make_patches
from models.closeups.teeth import chroma_range
from models.closeups.window import MOUTH_VIEW
from models.compositor import compose
from models.config import GUIDE_SIDE, ModelConfig
from models.dit import Edit
from models.geometry.guidance import guide
from models.geometry.openings import LOWER_LIP
from models.geometry.retarget import Pose, Strength, retarget
from models.geometry.rig import Rig
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, Driver
from tests.support.faces import drawn_face

SMALL = ModelConfig(mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8), eye_channels=(8, 8, 8))
TEETH, DARK = 0.9, 0.1


def mouth(upper: float = TEETH, lower: float = DARK, weight: float = 1.0) -> Tensor:
    """(1, MOUTH_ROWS, MOUTH_COLUMNS, 4) teeth above the dark."""
    cells = torch.full((1, MOUTH_ROWS, MOUTH_COLUMNS, 4), upper)
    cells[:, MOUTH_ROWS // 2 :] = lower
    cells[..., 3] = 1
    return cells * weight


def ring(left: float = -0.6, right: float = 0.4, top: float = -0.2, low: float = 0.3) -> Tensor:
    """(1, 20, 2) a box with its corners halfway down."""
    x = torch.linspace(left, right, 11)
    upper, lower = torch.full((11,), top), torch.full((9,), low)
    upper[0] = upper[-1] = (top + low) / 2
    return torch.stack([torch.cat([x, x[1:-1].flip(0)]), torch.cat([upper, lower])], -1)[None]


def test_cells_fill_the_opening_from_corner_to_corner_and_from_lip_to_lip() -> None:
    cells = mouth().permute(0, 3, 1, 2)
    cells[:, 0] = torch.linspace(0, 1, MOUTH_COLUMNS)  # a ramp from corner to corner
    found = stretch_driver_mouth(cells, ring(), 96)[0]
    line = (torch.arange(96) * 2 + 1) / 96 - 1
    row, column = int((line - 0.0).abs().argmin()), int((line + 0.1).abs().argmin())
    inside = (line > -0.55) & (line < 0.35)
    assert torch.allclose(found[0, row, inside], (line[inside] + 0.6) / 1.0, atol=0.02)
    down = found[1, :, column]
    assert float(down[(line > -0.18) & (line < 0.0)].min()) > 0.85  # the upper half: teeth
    assert float(down[(line > 0.1) & (line < 0.28)].max()) < 0.15
    assert torch.isfinite(found).all()


def test_white_is_the_lighter_of_cheeks_and_eyes() -> None:
    picture, face = torch.full((2, 3, 64, 64), 0.1), torch.zeros(2, 478, 3)
    face[:, list(CHEEK_LANDMARKS), 0] = -0.5
    for start, end in SCLERA_LANDMARKS:
        face[:, start, 0] = face[:, end, 0] = 0.5
    skin, eye = torch.tensor([0.7, 0.5, 0.4]), torch.tensor([[0.9, 0.9, 0.8], [0.3, 0.3, 0.3]])
    picture[:, :, :, :32] = skin[:, None, None]
    picture[:, :, :, 32:] = eye[:, :, None, None]
    assert torch.allclose(white_point(picture, face), torch.stack([eye[0], skin]), atol=1e-5)


def test_the_tone_is_both_of_theirs_and_the_contrast_the_drivers() -> None:
    some = stretch_driver_mouth(mouth(0.7, 0.3).permute(0, 3, 1, 2), ring(), 96)
    paint = torch.full((1, 3, 96, 96), 0.3)
    drawn = tint_driver_mouth(some, paint, chroma_range(paint))
    his = float(some[:, :3].mean())
    assert float(drawn.mean()) == pytest.approx(his + NETWORK_TONE_SHARE * (0.3 - his), abs=0.02)
    rows = drawn[0, 0, :, 40]
    assert float(rows.max() - rows.min()) == pytest.approx(0.4, abs=0.02)


def test_nothing_in_a_grey_picture_is_red() -> None:
    red = stretch_driver_mouth(mouth().permute(0, 3, 1, 2), ring(), 96) * torch.tensor([1.0, 0.5, 0.5, 1.0]).view(
        1, 4, 1, 1
    )
    grey = torch.full((1, 3, 96, 96), 0.5)
    spread = tint_driver_mouth(red, grey, chroma_range(grey))
    assert float((spread.amax(1) - spread.amin(1)).max()) < 0.1 < 0.4 * float(red[:, 0].max())


def opened(
    rig: Rig, cells: Tensor, **strength: float
) -> tuple[Pose, CloseupInput, CloseupInput, tuple[CloseupReference, ...]]:
    """A rig whose shut mouth opens as wide as can be, and what its close-ups see."""
    face = rig.face.clone()
    face[:, list(LOWER_LIP), 1] += 0.06
    still = Driver.of_face(rig.face)
    pose = retarget(rig, replace(Driver.of_face(face), mouth=cells), still, Strength(**strength))
    guidance = guide(rig, pose)
    subject = MovingPicture(rig.image, guidance.focus_flow, rig.focus, pose.face, pose.head)
    looks = make_references(rig.image, rig.face, rig.head, SMALL)
    return pose, *make_inputs(subject, looks), looks


def test_it_is_drawn_where_the_picture_shows_nothing_of_a_mouth() -> None:
    rig = drawn_face(256)
    pose, sight, _, looks = opened(rig, mouth())
    say = driver_mouth(pose.mouth, sight, looks[0])
    opening = sight.maps[:, NOW_INNER_RING]
    assert float(say[:, 3:][opening > 0.95].min()) > 0.9 and float(say[:, 3:][opening < 0.01].max()) == 0
    pose, sight, _, looks = opened(rig, mouth(weight=0.0))
    assert float(driver_mouth(pose.mouth, sight, looks[0])[:, 3].max()) == 0  # nothing measured
    pose, sight, _, looks = opened(rig, mouth(), teeth=0.0)
    assert float(driver_mouth(pose.mouth, sight, looks[0])[:, 3].max()) == 0  # nor wanted
    still = MovingPicture(rig.image, guide(rig, pose).focus_flow, rig.focus, rig.face, rig.head)
    shut = make_input([MOUTH_VIEW], still, make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, 32))
    assert float(driver_mouth(mouth().permute(0, 3, 1, 2), shut, looks[0])[:, 3].max()) < 0.1


@torch.inference_mode()
def test_drivers_of_a_batch_show_their_own_mouths() -> None:
    rigs = Rig.stack([drawn_face(128)] * 2)
    cells = torch.cat([mouth(), mouth(DARK, TEETH)])
    pose, sight, eyes, looks = opened(rigs, cells)
    out = []
    for view, count in ((sight, 2), (eyes, 4)):
        side = view.maps.shape[-1]
        paint = torch.full((count, 3, side, side), 0.5)
        out += [torch.zeros(count, 2, side // 2, side // 2), torch.ones(count, 1, side, side), paint]
    done = make_patches(sight, eyes, out, looks[0], pose.mouth)
    edit = Edit(*(torch.zeros(2, k, n, n) for k, n in ((2, GUIDE_SIDE), (1, 128), (3, 128), (1, GUIDE_SIDE))))
    edit = replace(edit, keep=1 - edit.keep)
    picture = compose(rigs, guide(rigs, pose), edit, None, done)[:, :3].mean(1)
    x, (top, low) = 64, ((pose.face[0, [13, 14], 1] + 1) * 64).tolist()
    upper, lower = (int(top + share * (low - top)) for share in (0.25, 0.75))
    assert picture[0, upper, x] > picture[0, lower, x] + 0.2
    assert picture[1, lower, x] > picture[1, upper, x] + 0.2
