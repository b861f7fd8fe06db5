"""Hands that a picture hides beyond its border are drawn in its skin when they come up, and change nothing at rest."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import LEFT_ELBOW, LEFT_INDEX, LEFT_PINKY, LEFT_SHOULDER, LEFT_THUMB, LEFT_WRIST
from models.geometry.guidance import make_guidance
from models.geometry.hidden_hands import DARKER_PALM, NAIL_CENTRE, HiddenHands, TileShapes, paint_hidden_hands
from models.geometry.limb_curve import FINGERS, FOREARM_PIECES, LIMB_PIECES, PIECES
from models.geometry.limbs import Outlines
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from streamer.rigging.hidden_hands import complete_hands
from streamer.rigging.limb_outline import LimbOutlines
from tests.support.bodies import SKIN, drawn_figure
from tests.support.bodies import outlines as figure_outlines

BORDER = 0.12  # lower border of the picture, canvas units; the wrists are at .1
ARM_JOINTS = (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_PINKY, LEFT_INDEX, LEFT_THUMB)


def cut_figure(hidden: bool) -> Rig:
    """The drawn figure in a picture that ends at its wrists, with painted hands or without."""
    whole = drawn_figure(512)
    radii, shown, *_ = figure_outlines()
    inside = torch.tensor([[-1.0, -1.0, 1.0, BORDER]])
    limbs = LimbOutlines(radii[0].numpy(), shown[0].unflatten(0, (4, 2)).numpy(), inside[0].numpy())
    rgb, alpha = whole.image[0].permute(1, 2, 0).numpy(), whole.matte[0, 0].numpy()
    added = complete_hands(rgb, alpha, whole.body[0].numpy(), None, limbs, None)
    assert added is not None
    parts = [torch.from_numpy(part)[None] for part in (added.body, added.hands, added.hidden)]
    body, hands, which = parts
    every = Outlines(
        torch.from_numpy(added.limbs.radii)[None],
        torch.cat([shown, torch.from_numpy(added.fingers.shown)[None]], 1),
        inside,
        which,
    )
    every = every._replace(radii=torch.cat([every.radii, torch.from_numpy(added.fingers.radii)[None]], 1))
    outlines = every if hidden else Outlines(radii, shown, inside)
    return Rig.build(
        whole.image, whole.matte, whole.face, body if hidden else whole.body, whole.plate, whole.image,
        hands=hands if hidden else None, outlines=outlines,
    )  # fmt: skip


@pytest.fixture(scope="module")
def figure() -> Rig:
    return cut_figure(hidden=True)


def raised(rig: Rig, degrees: float) -> Pose:
    """The pose with the left arm turned about its shoulder in the picture's plane, and its hand with it."""
    pose, angle = rest_pose(rig), math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    body, hands, centre = pose.body.clone(), pose.hands.clone(), pose.body[:, ARM_JOINTS[:1], :2]
    body[:, list(ARM_JOINTS), :2] = (body[:, list(ARM_JOINTS), :2] - centre) @ turn.T + centre
    hands[:, 0, :, :2] = (hands[:, 0, :, :2] - centre) @ turn.T + centre
    return replace(pose, body=body, hands=hands)


def drawn(rig: Rig, pose: Pose) -> Tensor:
    with torch.inference_mode():
        return compose(rig, make_guidance(rig, pose))[0]


def skin_around(picture: Tensor, point: Tensor) -> int:
    """How many pixels of a picture (4, S, S) within .2 of a canvas point (2,) have the colour of the face."""
    x, y = ((point + 1) * picture.shape[-1] / 2).round().long().tolist()
    near = picture[:3, max(y - 51, 0) : y + 51, max(x - 51, 0) : x + 51]
    return int(((near - torch.tensor(SKIN)[:, None, None]).abs().amax(0) < 0.2).sum())


def test_at_rest_the_picture_within_its_border_stays(figure: Rig) -> None:
    rows, without = int((BORDER + 1) * figure.size / 2), cut_figure(hidden=False)
    assert figure.pieces == PIECES
    painted, plain = (drawn(rig, rest_pose(rig))[:3, :rows] for rig in (figure, without))
    error = (painted - figure.image[0, :, :rows]).square().mean()
    assert -10 * math.log10(error) > 40
    assert (painted - plain).abs().amax() < 0.1  # nothing of the hands themselves, not even at the wrists


def test_a_hand_that_comes_up_is_drawn_in_skin_with_its_fingers(figure: Rig) -> None:
    pose = raised(figure, -120)
    picture, palm = drawn(figure, pose), pose.hands[0, 0, 9, :2]
    without = cut_figure(hidden=False)
    assert skin_around(picture, palm) > 500
    assert skin_around(drawn(without, raised(without, -120)), palm) < 50
    tips = pose.hands[0, 0, [8, 12, 16, 20], :2]
    x, y = ((tips + 1) * figure.size / 2).round().long().unbind(1)
    assert ((picture[:3, y, x] - torch.tensor(SKIN)[:, None]).abs().amax(0) < 0.3).all()


SIDE = 16  # texels of a tile
PALM_MIDDLE = 1 + DARKER_PALM / 3  # brightness of a palm's middle over that of all of it
CLOTH, PAPER = 0.5, torch.tensor([0.1, 0.2, 0.9])  # of the tiles, and of the picture at their texels
LEFT_FOREARM, RIGHT_FOREARM, LEFT_INDEX_FINGER = FOREARM_PIECES[0], FOREARM_PIECES[1], LIMB_PIECES + 1


def painted(
    s: float,
    fraction: float = 0.0,
    person: float = 1.0,
    hidden: tuple[float, float] = (1, 1),
    end: float = 2.5,
    light: tuple[float, float] = (0, 0),
    shaded: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Colours (18, 3, T, T) and alpha (18, T, T) of tiles whose texels all lie at s and `fraction` of their pieces.

    The upper half of each tile is within the picture, the lower one beyond its border.
    """
    whole = torch.ones(1, PIECES, 1, SIDE, SIDE)
    straight, alpha = CLOTH * whole.expand(-1, -1, 3, -1, -1), 0.75 * whole
    picture = torch.cat([PAPER[:, None, None] * whole * person, whole * person], 2)
    places = torch.zeros(1, PIECES, SIDE, SIDE, 2)
    places[..., SIDE // 2 :, :, 1] = 0.9
    one = whole.flatten(0, 1)
    shapes = TileShapes(s * one, fraction * one, one)
    inside, skin = torch.tensor([[-1.0, -1.0, 1.0, 0.5]]), torch.tensor([[SKIN, SKIN]])
    seen = torch.tensor([light]), torch.tensor([shaded])
    hands = HiddenHands(torch.tensor([hidden]), torch.full((1, 2), end), inside, skin, *seen)
    colours, covered = paint_hidden_hands(straight, alpha, picture, places, shapes, hands)
    return colours[0], covered[0, :, 0]


@pytest.mark.parametrize(("s", "is_hand"), [(1.5, False), (2.2, True)])
def test_beyond_the_border_a_sleeve_goes_over_into_a_hand_and_within_it_the_picture_stays(
    s: float, is_hand: bool
) -> None:
    colours, alpha = painted(s)
    for piece in FOREARM_PIECES:
        within, beyond = colours[piece, :, : SIDE // 2], colours[piece, :, SIDE // 2 :]
        assert (within == CLOTH).all() and (alpha[piece, : SIDE // 2] == 0.75).all()
        expected = torch.tensor(SKIN) * PALM_MIDDLE if is_hand else torch.full((3,), CLOTH)
        assert torch.allclose(beyond, expected[:, None, None].expand_as(beyond), atol=1e-5)
        assert torch.allclose(alpha[piece, SIDE // 2 :], torch.ones(()))


@pytest.mark.parametrize(("s", "alpha"), [(2.4, 1.0), (2.6, 0.0)])
def test_a_palm_ends_where_it_is_told(s: float, alpha: float) -> None:
    assert painted(s, end=2.5)[1][LEFT_FOREARM, -1, 0] == pytest.approx(alpha, abs=1e-5)


@pytest.mark.parametrize(("s", "alpha"), [(-0.3, 0.0), (0.5, 1.0)])
def test_a_finger_comes_out_of_its_palm(s: float, alpha: float) -> None:
    assert painted(s)[1][LEFT_INDEX_FINGER, -1, 0] == pytest.approx(alpha, abs=1e-5)


def test_what_the_picture_shows_of_a_finger_is_the_persons() -> None:
    colours, alpha = painted(0.5, person=0.4)
    assert torch.allclose(colours[LEFT_INDEX_FINGER, :, 0, 0], PAPER, atol=1e-5)
    assert alpha[LEFT_INDEX_FINGER, 0, 0] == pytest.approx(0.4, abs=1e-5)
    assert painted(0.5, person=0.0)[1][LEFT_INDEX_FINGER, 0, 0] == 0


def test_painted_fingers_are_rounder_than_palms() -> None:
    middle, edge = painted(2.2)[0], painted(2.2, fraction=0.9)[0]
    palm, finger = (
        float(edge[piece, 0, -1, 0] / middle[piece, 0, -1, 0]) for piece in (LEFT_FOREARM, LEFT_INDEX_FINGER)
    )
    assert finger < 0.8 < palm < 0.95


def test_hands_and_pieces_that_are_not_hidden_stay_as_they_are() -> None:
    colours, alpha = painted(2.2, hidden=(0, 1))
    right = [RIGHT_FOREARM, *range(LIMB_PIECES + FINGERS, PIECES)]
    others = [piece for piece in range(PIECES) if piece not in right]
    assert (colours[others] == CLOTH).all() and (alpha[others] == 0.75).all()
    assert (colours[right][..., -1, 0] != CLOTH).all()


def test_the_side_that_looks_towards_the_light_is_brighter() -> None:
    left, right = (painted(2.2, fraction=side, light=(-0.3, 0))[0][:, 0, -1, 0] for side in (-0.7, 0.7))
    assert left[LEFT_INDEX_FINGER] > 1.3 * right[LEFT_INDEX_FINGER]
    assert 1.05 * right[LEFT_FOREARM] < left[LEFT_FOREARM] < 1.3 * right[LEFT_FOREARM]  # flatter
    middle = painted(2.2, light=(-0.3, 0.3))[0][LEFT_INDEX_FINGER, 0, -1, 0]
    tip = painted(2.9, fraction=0, light=(-0.3, 0.3))[0][LEFT_INDEX_FINGER, 0, -1, 0]
    assert tip < 0.95 * middle  # lit from below, the ends of raised fingers are dark


def test_only_pictures_with_shading_have_nails_and_folds() -> None:
    for shaded in (0.0, 1.0):
        plain, nail, fold = (painted(s, shaded=shaded)[0][LEFT_INDEX_FINGER, 1, -1, 0] for s in (1.5, NAIL_CENTRE, 1.0))
        assert (nail > plain + 0.01) == (fold < plain - 0.01) == bool(shaded)
    palms = [painted(2.2, shaded=shaded)[0][LEFT_FOREARM, :, -1, 0] for shaded in (0.0, 1.0)]
    assert torch.equal(*palms)
