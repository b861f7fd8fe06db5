"""Hands that hang beyond the border of a picture are added to it; others are left as they are."""

import numpy as np
import pytest
import torch

from models.geometry.body import LEFT_INDEX, LEFT_PINKY, LEFT_WRIST, RIGHT_WRIST
from models.geometry.hand import HAND_WRIST, INDEX_ROOT, PINKY_ROOT
from models.geometry.limb_curve import (
    FINGERS,
    LIMB_SAMPLES,
    LIMBS,
    SEGMENTS_OF_LIMB,
    limb_polylines,
    limb_samples,
    place_on_limb,
)
from streamer.rigging.canvas import Array
from streamer.rigging.finger_outline import FingerOutlines, find_fingers
from streamer.rigging.hidden_hands import CompletedHands, cut_columns, palm_length
from streamer.rigging.hidden_hands import complete_hands as complete_in
from streamer.rigging.limb_outline import LimbOutlines
from tests.support.bodies import LEG, SKIN, figure_hands, figure_joints

WRIST_Y = 0.1  # of the figure
SIZE = 256
ALL_SKIN = np.broadcast_to(np.float32(SKIN), (SIZE, SIZE, 3)).copy()
PERSON = np.ones((SIZE, SIZE), np.float32)


def body() -> Array:
    return np.asarray(figure_joints()[0].numpy().copy())


def outlines(lower_border: float, arms: bool = True) -> LimbOutlines:
    shown = np.full((LIMBS, SEGMENTS_OF_LIMB), float(arms), np.float32)
    borders = np.array([-1, -1, 1, lower_border], np.float32)
    return LimbOutlines(np.full((LIMBS, LIMB_SAMPLES, 2), 0.05, np.float32), shown, borders)


def complete_hands(
    body: Array, hands: Array | None, limbs: LimbOutlines, fingers: FingerOutlines | None, rgb: Array = ALL_SKIN
) -> CompletedHands | None:
    return complete_in(rgb, PERSON, body, hands, limbs, fingers)


@pytest.fixture
def added() -> CompletedHands:
    found = complete_hands(body(), None, outlines(WRIST_Y + 0.02), None)
    assert found is not None
    return found


def test_hands_beyond_the_border_are_put_at_the_ends_of_the_forearms(added: CompletedHands) -> None:
    assert added.hidden.tolist() == [1, 1]
    assert added.fingers.shown.tolist() == [1] * 2 * FINGERS
    assert (added.hands[..., 3] == 1).all()
    for side, wrist in enumerate((LEFT_WRIST, RIGHT_WRIST)):
        hand = added.hands[side, :, :2]
        assert np.allclose(hand[HAND_WRIST], body()[wrist, :2], atol=1e-6)
        assert (hand[INDEX_ROOT:, 1] > WRIST_Y + 0.05).all()  # they hang
        assert abs(hand[INDEX_ROOT, 0]) < abs(hand[PINKY_ROOT, 0])  # seen from the back, with the thumb inside
    assert np.allclose(added.body[LEFT_INDEX, :2], added.hands[0, INDEX_ROOT, :2])
    assert np.allclose(added.body[LEFT_PINKY, :2], added.hands[0, PINKY_ROOT, :2])


def test_hands_beyond_the_border_have_the_size_of_the_body(added: CompletedHands) -> None:
    small = body()
    small[:, :3] *= 0.5
    found = complete_hands(small, None, outlines(0.5 * WRIST_Y + 0.01), None)
    assert found is not None
    spans = [np.ptp(hands[0, :, 1]) for hands in (added.hands, found.hands)]
    assert spans[1] == pytest.approx(0.5 * spans[0], rel=0.02)


def test_what_the_picture_shows_of_limbs_stays(added: CompletedHands) -> None:
    before = outlines(WRIST_Y + 0.02).radii
    palm = LIMB_SAMPLES * 2 // 3  # of the samples; the wrist is at .7 of them
    assert np.array_equal(added.limbs.radii[:, :palm], before[:, :palm])
    assert np.array_equal(added.limbs.radii[2:], before[2:])  # legs


def test_cuffs_that_reach_over_the_wrist_stay_as_far_as_the_picture_shows_them() -> None:
    limbs = outlines(WRIST_Y + 0.07)
    limbs.radii[:2] = 0.11  # wide sleeves
    found = complete_hands(body(), None, limbs, None)
    assert found is not None and found.hidden.tolist() == [1, 1]
    s = limb_samples(torch.device("cpu")).numpy()
    line = limb_polylines(torch.from_numpy(found.body)[None])[0, 0]
    y = place_on_limb(line, limb_samples(line.device), torch.zeros(LIMB_SAMPLES))[:, 1].numpy()
    shown = y < WRIST_Y + 0.07
    assert s[shown].max() > 2.1
    assert (found.limbs.radii[0, shown] == np.float32(0.11)).all()
    assert found.limbs.radii[0, ~shown].max() < 0.1


def test_a_fist_that_ends_before_the_border_is_no_hidden_hand() -> None:
    rgb = ALL_SKIN.copy()
    length = palm_length(body(), np.zeros((21, 4), np.float32))
    end = WRIST_Y + 1.05 * length
    below = round((end + 1) * SIZE / 2)
    rgb[below:] = LEG  # trousers behind the fist
    border = end + 0.2 * length
    assert complete_hands(body(), None, outlines(border), None) is not None  # one that goes on to the border is cut
    assert complete_hands(body(), None, outlines(border), None, rgb) is None
    found = complete_hands(body(), None, outlines(WRIST_Y + 0.5 * length), None, rgb)
    assert found is not None and found.hidden.tolist() == [1, 1]


def test_no_hands_are_added_where_the_picture_shows_them_or_no_arms() -> None:
    assert complete_hands(body(), None, outlines(1.0), None) is None
    assert complete_hands(body(), None, outlines(WRIST_Y + 0.02, arms=False), None) is None


def test_an_open_hand_that_is_shown_keeps_its_fingers() -> None:
    hands, limbs = figure_hands()[0].numpy().copy(), outlines(1.0)
    alpha, face = np.ones((512, 512), np.float32), np.full((478, 3), -0.9, np.float32)
    fingers = find_fingers(alpha, face, np.zeros_like(body()), hands, limbs)
    assert isinstance(fingers, FingerOutlines)
    assert complete_hands(body(), hands, limbs, fingers) is None
    found = complete_hands(body(), hands, outlines(WRIST_Y + 0.02), fingers)  # the right one is beyond
    assert found is not None
    assert found.hidden.tolist() == [0, 1]
    assert np.array_equal(found.fingers.radii[:FINGERS], fingers.radii[:FINGERS])
    assert np.array_equal(found.hands[0], hands[0])


def test_the_border_cuts_hands_where_their_arms_cross_it(added: CompletedHands) -> None:
    row = round((WRIST_Y + 0.02 + 1) * SIZE / 2)
    rgb = np.zeros((SIZE, SIZE, 3), np.float32)
    wrists = [round((body()[wrist, 0] + 1) * SIZE / 2) for wrist in (LEFT_WRIST, RIGHT_WRIST)]
    for wrist in wrists:
        rgb[row - 8 : row, wrist - 14 : wrist + 14] = SKIN
    cut = cut_columns(rgb, added.body, added.limbs, added.hidden)
    for wrist in wrists:
        assert cut[wrist - 13 : wrist + 13].all()
    assert cut.sum() < 2 * 28 + 4
    assert not cut_columns(rgb, added.body, added.limbs, np.zeros(2, np.float32)).any()
