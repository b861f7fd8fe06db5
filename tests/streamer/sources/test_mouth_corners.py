"""A smile is told from what a mouth says, so that it stays where a voice takes the mouth."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.sources.expression import Array, Expression, blendshapes, combined, weights
from streamer.sources.mouth_corners import corner_weights
from streamer.tracking.head_pose import CANONICAL, head_pose

SPEECH = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress")


def change(**named: float) -> Array:
    """What tracking finds of a face with these blendshapes."""
    face = CANONICAL + np.tensordot(weights(**named), blendshapes(), 1)
    return (head_pose(face).inverse(face) - CANONICAL).astype(np.float32)


@pytest.mark.parametrize("speech", SPEECH)
def test_corners_are_found_under_speech_and_not_in_it(speech: str) -> None:
    assert corner_weights(change(**{speech: 0.5})).max() < 0.05
    smiles = corner_weights(change(mouthSmile=0.6, **{speech: 0.4}))
    assert smiles[:2] == pytest.approx([0.55, 0.55], abs=0.12) and smiles[2:].max() < 0.05


def test_corners_are_told_by_side_and_direction() -> None:
    left, right, *_ = corner_weights(change(mouthSmile_L=0.7))
    assert left > 0.5 and right < 0.05
    assert corner_weights(change(mouthFrown=0.7))[2:].min() > 0.35
    assert not corner_weights(np.zeros((478, 3), np.float32)).any()


def test_corners_that_stay_are_those_that_every_part_leaves() -> None:
    voice = Expression(kept=np.array([1, 1, 0], np.float32), corners=1.0)
    half = Expression(kept=np.array([1, 1, 0.5], np.float32))
    assert voice.corners_kept == 1 and half.corners_kept == 0.5
    for parts in ([voice, half], [half, voice]):
        assert combined(parts).corners_kept == pytest.approx(0.5) and combined(parts).kept[2] == 0
    assert voice.at_strength(0.4).corners_kept == pytest.approx(1)
