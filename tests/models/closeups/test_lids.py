"""Lids that close are drawn from the picture's own skin."""

import torch

from models.closeups.inputs import FINE_FACTOR, CloseupReference, make_references
from models.closeups.lids import lid_skin, may_be_shut, open_shares
from models.closeups.patches import CloseupEdit, cover_edit
from models.closeups.window import RIGHT_EYE_VIEW
from models.config import PRESETS
from models.geometry.openings import opening
from models.geometry.rig import Rig
from tests.support.closeups import closing_eyes
from tests.support.faces import drawn_face


def eye_reference(rig: Rig) -> CloseupReference:
    """Both eyes of a picture."""
    return CloseupReference.stack(make_references(rig.image, rig.face, rig.head, PRESETS["tiny"])[1:])


@torch.inference_mode()
def test_lids_of_an_open_eye_are_left_to_the_warp() -> None:
    rig = drawn_face(256)
    colour, cover = lid_skin(closing_eyes(rig, 1.0), eye_reference(rig))
    side = PRESETS["tiny"].eye_side * FINE_FACTOR
    assert colour.shape == (2, 3, side, side) and cover.shape == (2, 1, side, side)
    assert float(cover.max()) < 1e-3
    assert not may_be_shut(open_shares(closing_eyes(rig, 1.0)))
    assert may_be_shut(open_shares(closing_eyes(rig, 0.2)))


@torch.inference_mode()
def test_lids_of_a_shut_eye_cover_all_of_the_eye_at_rest() -> None:
    rig = drawn_face(256)
    eyes, reference = closing_eyes(rig, 0.0), eye_reference(rig)
    colour, cover = lid_skin(eyes, reference)
    ring = eyes.landmarks[:, 0, : len(RIGHT_EYE_VIEW.inner)]
    assert float(cover[opening(ring, cover.shape[-1]) > 0.99].min()) > 0.6
    assert float(cover[..., :3, :].max()) < 0.01 and float(cover[..., -3:, :].max()) < 0.01
    assert float(colour.min()) >= 0 and float(colour.max()) <= 1


@torch.inference_mode()
def test_lids_leave_a_half_shut_eye_open() -> None:
    rig = drawn_face(256)
    eyes, reference = closing_eyes(rig, 0.5), eye_reference(rig)
    _, cover = lid_skin(eyes, reference)
    ring = eyes.landmarks[:, 1, : len(RIGHT_EYE_VIEW.inner)]
    assert float(cover[opening(ring, cover.shape[-1]) > 0.99].max()) < 0.05


@torch.inference_mode()
def test_lids_never_show_what_lies_between_them_at_rest() -> None:
    """An eye in signal red: none of it is left when it is shut."""
    rig = drawn_face(256)
    eyes, reference = closing_eyes(rig, 0.0), eye_reference(rig)
    side = reference.fine.shape[-1]
    inside = opening(eyes.landmarks[:, 0, : len(RIGHT_EYE_VIEW.inner)], side)
    skin, red = torch.full_like(reference.fine, 0.6), torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    fine = torch.where(inside > 0, red, skin)
    colour, cover = lid_skin(eyes, CloseupReference(**{**vars(reference), "fine": fine}))
    difference = (colour - 0.6).abs().amax(1, keepdim=True) * cover
    assert float((difference > 0.25).float().sum() / (inside > 0).float().sum()) < 0.2  # no more than the lids' line


def test_cover_edit_lays_a_colour_over_an_edit() -> None:
    edit = CloseupEdit(torch.zeros(1, 2, 2, 2), torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 3, 4, 4), torch.ones(1))
    cover = torch.zeros(1, 1, 8, 8)
    cover[..., :4] = 1
    covered = cover_edit(edit, torch.ones(1, 3, 8, 8), cover)
    assert covered.keep[..., :4].max() == 0 and covered.paint[..., :4].min() == 1
    assert torch.allclose(covered.keep[..., 4:], torch.tensor(0.5)) and covered.paint[..., 4:].max() == 0
