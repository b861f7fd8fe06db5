"""Exposure gains: found on the skin that two pictures share, robust, and limited."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.rigging.face_colours import (
    MAX_GAIN,
    FaceColours,
    expose,
    exposure_gain,
    skin_gain,
    to_linear,
    to_srgb,
    weighted_median,
)

RNG = np.random.default_rng(3)
LIGHT = RNG.uniform(0.1, 0.5, (200, 3)).astype(np.float32)
FRONTAL = np.ones(200, np.float32)


def test_skin_gain_undoes_a_change_of_exposure_and_white_balance() -> None:
    change = np.array([0.7, 0.8, 1.2], np.float32)
    found = skin_gain(FaceColours(LIGHT, FRONTAL), FaceColours(LIGHT * change, FRONTAL))
    assert found * change == pytest.approx(np.ones(3), abs=0.03)


def test_skin_gain_ignores_what_only_one_picture_shows_or_covers() -> None:
    other = LIGHT.copy()
    other[:60] = 0.9  # hair or a hand over less than half of the face
    half = np.where(np.arange(200) < 100, 1, -1).astype(np.float32)
    assert skin_gain(FaceColours(LIGHT, FRONTAL), FaceColours(other, FRONTAL)) == pytest.approx(np.ones(3), abs=0.1)
    hidden = LIGHT.copy()
    hidden[100:] = 0.9
    assert skin_gain(FaceColours(LIGHT, FRONTAL), FaceColours(hidden, half)) == pytest.approx(np.ones(3))


def test_skin_gain_is_limited_and_one_where_nothing_is_shared() -> None:
    dark = FaceColours(LIGHT * 0.1, FRONTAL)
    assert skin_gain(FaceColours(LIGHT, FRONTAL), dark) == pytest.approx(np.full(3, MAX_GAIN))
    assert skin_gain(FaceColours(LIGHT, FRONTAL), FaceColours(LIGHT * 0.5, -FRONTAL)) == pytest.approx(np.ones(3))


def test_exposure_gain_believes_brightness_less_and_hue_hardly_less_the_further_a_head_is_turned() -> None:
    first, other = FaceColours(LIGHT, FRONTAL), FaceColours(LIGHT * np.array([0.6, 0.66, 0.72], np.float32), FRONTAL)
    full = np.log(skin_gain(first, other))
    brightness, hue = [], []
    for angle in (0, 20, 45):
        found = np.log(exposure_gain(first, other, angle))
        brightness.append(found.mean() / full.mean())
        hue.append((found[0] - found[2]) / (full[0] - full[2]))
    assert brightness[0] > 0.95 and 0.4 < brightness[1] < 0.7 and 0.1 < brightness[2] < 0.3
    assert hue[0] > 0.95 and hue[2] > 0.6


def test_linear_light_and_srgb_are_inverse_and_expose_multiplies_light() -> None:
    values = np.linspace(0, 1, 32, dtype=np.float32)
    assert to_srgb(to_linear(values)) == pytest.approx(values, abs=1e-5)
    grey = np.full((2, 2, 3), 0.5, np.float32)
    gain = np.array([2.0, 1.0, 0.5], np.float32)
    assert to_linear(expose(grey, gain))[0, 0] == pytest.approx(to_linear(np.float32(0.5)) * gain, abs=1e-5)


def test_weighted_median_is_where_half_of_the_weight_lies_below() -> None:
    values = np.array([3, 1, 2], np.float32)
    assert weighted_median(values, np.array([1, 1, 1], np.float32)) == 2
    assert weighted_median(values, np.array([5, 1, 1], np.float32)) == 3
