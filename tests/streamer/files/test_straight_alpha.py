"""Straight colours keep what is seen and go on where nothing is."""

import cv2
import numpy as np

from streamer.files.straight_alpha import straight_rgba

HAIR = np.array([200, 150, 90])


def soft_disc(side: int = 96) -> np.ndarray:
    """(side, side) uint8 alpha of a disc with a soft edge."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    return (np.clip((30 - np.hypot(across - 48, down - 48)) / 6 + 0.5, 0, 1) * 255).astype(np.uint8)


def premultiplied(alpha: np.ndarray) -> np.ndarray:
    return np.round(alpha[..., None] / 255 * HAIR).astype(np.uint8)


def test_the_colour_under_low_alpha_and_beside_the_edge_is_the_edge_s() -> None:
    alpha = soft_disc()
    rgba = straight_rgba(premultiplied(alpha), alpha)
    near = cv2.dilate(alpha, np.ones((17, 17))) > 0
    error = np.abs(rgba[near][:, :3].astype(int) - HAIR)
    assert error.max() <= 16  # of one level of alpha that was rounded; a premultiplied black would be off by 200
    assert error.mean() < 1
    assert np.array_equal(rgba[..., 3], alpha)


def test_what_is_seen_is_the_premultiplied_frame() -> None:
    rng = np.random.default_rng(4)
    alpha = soft_disc()
    rgb = (rng.random((96, 96, 3)) * alpha[..., None]).astype(np.uint8)
    rgba = straight_rgba(rgb, alpha)
    again = rgba[..., :3].astype(float) * alpha[..., None] / 255
    assert np.abs(again - rgb).max() <= 2
    assert np.array_equal(rgba[alpha == 255][:, :3], rgb[alpha == 255])


def test_subsampled_chroma_makes_no_dark_rim() -> None:
    alpha = soft_disc()
    rgba = straight_rgba(premultiplied(alpha), alpha)
    small = cv2.resize(rgba[..., :3], (48, 48), interpolation=cv2.INTER_AREA)
    coded = cv2.resize(small, (96, 96), interpolation=cv2.INTER_LINEAR)
    share = alpha[..., None] / 255.0
    over_green = [each.astype(float) * share + (1 - share) * [0, 177, 64] for each in (coded, HAIR)]
    assert np.abs(over_green[0] - over_green[1]).max() < 4


def test_an_empty_frame_stays_empty() -> None:
    empty = np.zeros((9, 7), np.uint8)
    assert straight_rgba(np.zeros((9, 7, 3), np.uint8), empty).max() == 0
