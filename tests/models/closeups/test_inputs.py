"""Input of the close-ups: openings where the landmarks are, known pixels where no network is needed."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from models.closeups.inputs import (
    LID_SHADOW,
    NOW_INNER_RING,
    REST_INNER_RING,
    REST_PICTURE,
    CloseupReference,
    disc,
    make_input,
    make_inputs,
    make_reference,
    make_references,
    rim_colours,
    sample,
)
from models.closeups.window import MOUTH_VIEW
from models.config import PRESETS
from models.geometry.openings import EYES, LOWER_LIP_EDGE, UPPER_LIP_EDGE, opening
from models.geometry.rig import Rig
from tests.support.closeups import SMALL, at_rest, closeups_at_rest, closing_eyes, mouth_at_rest
from tests.support.faces import drawn_face

REST_RINGS, NOW_RINGS = slice(6, 8), slice(8, 10)


def test_network_mask_of_a_mouth_is_what_the_picture_does_not_show() -> None:
    rig = drawn_face(256)
    moving = at_rest(rig)
    face = moving.face.clone()
    face[:, list(UPPER_LIP_EDGE), 1] -= 0.02
    face[:, list(LOWER_LIP_EDGE), 1] += 0.04
    reference = make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, 96)
    mouth = make_input([MOUTH_VIEW], replace(moving, face=face), reference)  # the lips part, the flow does not follow
    rest_inner, now_inner = mouth.maps[:, REST_INNER_RING], mouth.maps[:, NOW_INNER_RING]
    new = (now_inner > 0.9) & (rest_inner < 0.1)
    assert new.any() and float(mouth.network_mask[new].min()) > 0.9
    assert float(mouth.hidden[new].min()) > 0.8
    assert float(mouth.network_mask[..., :16, :].max()) == 0  # the nose
    shifted = make_input([MOUTH_VIEW], replace(moving, flow=moving.flow - 0.01, face=moving.face + 0.01), reference)
    assert float(shifted.network_mask.max()) < 0.5  # the flow has followed: the moved opening lies on the new one


def test_rings_are_where_the_landmarks_are() -> None:
    mouth = mouth_at_rest(drawn_face(128), 32)
    inner, outer = mouth.maps[0, NOW_RINGS]
    assert outer.sum() > 4 * inner.sum() > 0
    assert torch.equal(mouth.maps[0, REST_RINGS], mouth.maps[0, NOW_RINGS])
    rows = outer.sum(1).nonzero()[:, 0]
    assert 10 < float(rows.float().mean()) < 18  # the lips lie a little above the window's middle


def test_known_pixels_are_none_where_lids_stay_open() -> None:
    rig = drawn_face(256)
    assert float(closing_eyes(rig, 1.0).known.max()) < 0.05
    assert float(closing_eyes(rig, 0.1).known.max()) > 0.9


def test_known_pixels_keep_the_iris_rigid_between_closing_lids() -> None:
    """The warp squeezes the iris with the lids; the eyeball behind them does not change."""
    eyes = closing_eyes(drawn_face(256), 0.5)
    inside = -F.max_pool2d(-eyes.maps[:, NOW_INNER_RING], 3, 1, 1) > 0.95
    assert inside.any() and float(eyes.known[inside].min()) > 0.9
    eyeball, rest = eyes.known_colour, eyes.maps[:, REST_PICTURE] / 2 + 0.5
    shadow = (eyeball / rest.clamp_min(0.02)).mean(1, keepdim=True)[inside]
    assert float(shadow.min()) > 1 - LID_SHADOW - 0.02 and float(shadow.max()) < 1.02


def with_plain_eyes(rig: Rig) -> Rig:
    """The same face with white eyes and dark irises on grey."""
    plain = torch.full_like(rig.image, 0.4)
    for ring, iris in EYES:
        eye = opening(rig.face[:, list(ring), :2], 256) > 0.5
        iris_disc = disc(rig.face[:, iris + 1 : iris + 5, :2], 256) > 0.5
        plain = torch.where(eye, torch.where(iris_disc, 0.1, 0.9), plain)
    return replace(rig, image=plain)


def test_known_pixels_that_a_glance_uncovers_are_white() -> None:
    rig = with_plain_eyes(drawn_face(256))
    moving = at_rest(rig)
    face = moving.face.clone()
    for _, iris in EYES:
        face[:, iris : iris + 5, 0] += 0.02
    references = make_references(rig.image, rig.face, rig.head, PRESETS["tiny"])
    eyes = make_inputs(replace(moving, face=face), references)[1]
    uncovered = eyes.known[:, 0] > 0.9
    assert uncovered.any()
    assert float(eyes.known_colour.permute(0, 2, 3, 1)[uncovered].min()) > 0.9 * (1 - LID_SHADOW)


def test_rim_colours_are_the_darkest_above_an_opening() -> None:
    ring = torch.tensor([[[-0.5, 0.0], [-0.25, -0.25], [0.25, -0.25], [0.5, 0.0], [0.25, 0.25], [-0.25, 0.25]]])
    picture = torch.ones(1, 3, 48, 48)
    picture[..., 16:18, 18:30] = -1.0  # a line just over the upper side
    rim = rim_colours(ring, picture)[0, 0, 0]
    assert rim.shape == (48,)
    assert float(rim[22:26].max()) < -0.5 and float(rim[:12].min()) == float(rim[36:].min()) == 1.0
    mirrored = ring[:, [3, 2, 1, 0, 5, 4]]
    assert torch.allclose(rim_colours(mirrored, picture), rim_colours(ring, picture), atol=1e-5)


def test_sample_takes_both_halves_of_a_batch_from_the_same_maps() -> None:
    maps = torch.rand(2, 3, 16, 16)
    grids = torch.rand(4, 5, 6, 2) * 2 - 1
    each = torch.cat([sample(maps, grids[:2]), sample(maps, grids[2:])])
    assert torch.allclose(sample(maps, grids), each, atol=1e-6)


@torch.inference_mode()
def test_inputs_of_a_batch_equal_those_of_single_pictures() -> None:
    rigs = [drawn_face(128, 0.28), drawn_face(128, 0.24)]
    references = [make_references(rig.image, rig.face, rig.head, SMALL) for rig in rigs]
    stacked = [CloseupReference.stack(pair) for pair in zip(*references, strict=True)]
    together = make_inputs(at_rest(Rig.stack(rigs)), stacked)
    for k, rig in enumerate(rigs):
        for both, one in zip(together, closeups_at_rest(rig), strict=True):
            assert torch.allclose(both.maps[k::2], one.maps, atol=1e-4)
            assert torch.allclose(both.landmarks[k::2], one.landmarks, atol=1e-4)
