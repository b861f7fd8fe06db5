"""What is known of alpha before it is solved for: the character, the background, and what reaches behind hair."""

import cv2
import numpy as np

from streamer.rigging.matting import CoarseMatte
from streamer.rigging.trimap import bands, trimap
from tests.support.heads import BACKDROP, HAIR, SIDE, coarse, face, picture, true_alpha

BAR = (slice(98, 102), slice(118, SIDE))  # of the colour of hair, from the picture's border to the head


def test_trimap_has_the_face_for_certain_and_the_hair_for_possible() -> None:
    alpha = true_alpha()
    guess = coarse(alpha)
    known = bands(face(), CoarseMatte(guess.matte * 0.5, (guess.matte > 0.99).astype(np.float32)))
    assert set(np.unique(known)) == {0, 0.5, 1}
    assert (known[guess.matte > 0.99] == 1).all()
    assert (known[alpha > 0.3] > 0).all()
    assert known[0, 0] == 0


def test_trimap_takes_a_plain_background_out_of_the_band_but_for_a_margin() -> None:
    alpha = true_alpha()
    guess = coarse(alpha)
    wide, narrow = bands(face(), guess), trimap(picture(alpha), face(), guess)
    assert (narrow == 0.5).sum() < 0.9 * (wide == 0.5).sum()
    assert (narrow[alpha > 0.1] > 0).all()
    assert ((narrow == 1) == (wide == 1)).all()


def test_trimap_has_a_bar_that_goes_on_beyond_the_band_for_background() -> None:
    alpha = true_alpha()
    rgb = picture(alpha)
    rgb[BAR] = HAIR
    guess = coarse(alpha)
    beside = guess.matte[BAR] < 0.02
    assert (bands(face(), guess)[BAR][beside] == 0.5).any()
    assert (trimap(rgb, face(), guess)[BAR][beside] == 0).all()


def test_trimap_leaves_a_strand_within_the_band_unknown() -> None:
    head = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(head, (SIDE // 2, SIDE // 2), SIDE // 4, 1.0, -1)
    rgb = picture(head)
    strand = (slice(76, 79), slice(118, 124))
    rgb[strand] = HAIR
    known = trimap(rgb, face(), CoarseMatte(head, np.zeros_like(head)))
    assert np.abs(rgb - BACKDROP).max(-1)[strand].min() > 0.5
    assert (known[strand] == 0.5).all()
