"""The blendshapes: their names, and that each moves what it is named after."""

from __future__ import annotations

import pytest
import torch

from models.geometry.expressions import INDEX, NAMES, offsets
from models.geometry.topology import (
    CHIN,
    LANDMARKS,
    LEFT_BROW_MIDDLE,
    LEFT_IRIS,
    LEFT_LID,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    RIGHT_IRIS,
    RIGHT_LID,
    RIGHT_MOUTH_CORNER,
    topology,
)


def test_offsets_have_a_name_each_and_are_symmetric() -> None:
    assert offsets().shape == (len(NAMES), LANDMARKS, 3) and len(set(NAMES)) == len(NAMES)
    assert offsets().isfinite().all() and offsets().abs().max() < 0.6
    canonical = topology().canonical
    flip = torch.tensor([-1.0, 1, 1])
    mirror = torch.cdist(canonical * flip, canonical).argmin(1)
    for name in NAMES:
        if name.endswith("_L"):
            left, right = offsets()[INDEX[name]], offsets()[INDEX[f"{name[:-1]}R"]]
            assert (left[mirror] * flip - right).norm(dim=-1).max() < 2e-3, name


@pytest.mark.parametrize(
    ("name", "landmark", "axis", "sign"),
    [
        ("jawOpen", LOWER_LIP_INNER, 1, 1),
        ("jawOpen", CHIN, 1, 1),
        ("mouthSmile_L", LEFT_MOUTH_CORNER, 1, -1),
        ("mouthSmile_L", LEFT_MOUTH_CORNER, 0, 1),
        ("mouthFrown_R", RIGHT_MOUTH_CORNER, 1, 1),
        ("mouthPucker", LEFT_MOUTH_CORNER, 0, -1),
        ("browDown_L", LEFT_BROW_MIDDLE, 1, 1),
        ("browOuterUp_L", LEFT_BROW_MIDDLE, 1, -1),
        ("eyeLookUp_R", RIGHT_IRIS, 1, -1),
        ("eyeLookOut_L", LEFT_IRIS, 0, 1),
        ("eyeLookIn_R", RIGHT_IRIS, 0, 1),
    ],
)
def test_offsets_go_where_the_name_says(name: str, landmark: int, axis: int, sign: int) -> None:
    assert sign * offsets()[INDEX[name], landmark, axis] > 0.01


def test_blinks_leave_the_lids_to_close_lids() -> None:
    assert not offsets()[INDEX["eyeBlink_L"], list(LEFT_LID)].any()
    assert not offsets()[INDEX["eyeBlink_R"], list(RIGHT_LID)].any()
