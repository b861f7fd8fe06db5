"""Expressions: by name, in part, and several at once."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.sources.expression import MAX_WEIGHT, MOUTH, REST, Expression, combined, weights


def test_weights_set_one_side_or_both() -> None:
    values = weights(mouthSmile=0.5, eyeBlink_L=1.0)
    assert values[INDEX["mouthSmile_L"]] == values[INDEX["mouthSmile_R"]] == 0.5
    assert values[INDEX["eyeBlink_L"]] == 1 and values[INDEX["eyeBlink_R"]] == 0 and np.count_nonzero(values) == 3
    with pytest.raises(KeyError):
        weights(mouthGrin=1.0)


def test_at_strength_goes_from_nothing_to_all() -> None:
    kept = np.array([1, 0.5, 0.2], np.float32)
    whole = Expression(weights(jawOpen=0.8), kept, np.array([0.2, 0, 0], np.float32), np.array([1, 0], np.float32))
    assert whole.at_strength(0).is_rest and not whole.is_rest and REST.is_rest
    half = whole.at_strength(0.5)
    assert half.weights[INDEX["jawOpen"]] == pytest.approx(0.4) and half.raised[0] == 0.5
    assert half.kept == pytest.approx([1, 0.75, 0.6]) and half.turn[0] == pytest.approx(0.1)


def test_combined_adds_within_bounds_and_keeps_the_share_of_each() -> None:
    kept = np.array([1, 1, 0.5], np.float32)
    both = combined([Expression(weights(jawOpen=0.9), kept), Expression(weights(jawOpen=0.9), kept)])
    assert both.weights[INDEX["jawOpen"]] == MAX_WEIGHT and both.kept[MOUTH] == 0.25
    assert combined([]).is_rest


def test_tongue_and_blush_ease_with_the_face_and_the_strongest_counts() -> None:
    tongue, blush = (Expression(extras=np.array(values, np.float32)) for values in ((1, 0.2), (0, 0.6)))
    assert not tongue.is_rest and tongue.at_strength(0).is_rest
    assert tongue.at_strength(0.5).extras == pytest.approx([0.5, 0.1])
    assert combined([tongue, blush]).extras == pytest.approx([1, 0.6])


def test_combined_swings_the_arm_that_is_raised_most() -> None:
    low = Expression(raised=np.array([0.2, 0], np.float32), swing=np.array([0.9, 0.5], np.float32))
    high = Expression(raised=np.array([0.8, 0], np.float32), swing=np.array([0.1, 0.5], np.float32))
    for parts in ([low, high], [high, low]):
        assert combined(parts).swing == pytest.approx([0.1, 0]) and combined(parts).raised == pytest.approx([0.8, 0])


def test_head_gains_multiply_and_come_in_part() -> None:
    calm = Expression(head=0.5)
    assert not calm.is_rest and calm.at_strength(0.5).head == 0.75 and calm.at_strength(0).is_rest
    assert combined([calm, Expression(head=1.5), REST]).head == 0.75
