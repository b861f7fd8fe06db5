"""The names and values of blendshapes for VMC's receivers."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.osc.vmc_faces import FACES, arkit_values, face_values, vrm_values
from streamer.sources.acts import face
from streamer.sources.expression import weights

# https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation
APPLE = {
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker",
    "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
}  # fmt: skip
VRM = ["A", "I", "U", "E", "O", "Blink", "Blink_L", "Blink_R", "Joy", "Fun", "Angry", "Sorrow"]


def vrm(**named: float) -> dict[str, float]:
    """The presets that are not 0."""
    return {name: value for name, value in vrm_values(weights(**named)) if value > 1e-5}


def test_arkit_names_are_apples_each_once() -> None:
    values = arkit_values(weights(eyeBlink_L=0.7, browInnerUp=0.4, cheekPuff_R=0.5, jawOpen=0.3), 0.6)
    assert len(values) == len(APPLE) == 52 and {name for name, _ in values} == APPLE
    assert {name: value for name, value in values if value > 0} == pytest.approx(
        {"eyeBlinkLeft": 0.7, "browInnerUp": 0.4, "cheekPuff": 0.25, "jawOpen": 0.3, "tongueOut": 0.6}
    )


def test_vrm_vowels_are_told_by_how_open_round_and_wide_a_mouth_is() -> None:
    assert vrm(jawOpen=0.7) == pytest.approx({"A": 1.0})
    assert vrm(jawOpen=0.35, mouthFunnel=1.0) == pytest.approx({"U": 0.5, "O": 0.5})
    assert vrm(mouthPucker=1.0) == {"U": 1.0}
    assert vrm(mouthStretch=1.0) == {"I": 1.0}
    assert vrm(jawOpen=0.7, mouthStretch=1.0) == pytest.approx({"E": 1.0}, abs=1e-6)
    assert vrm(jawOpen=0.5, mouthClose=1.0) == {}


def test_vrm_blinks_close_nothing_twice() -> None:
    assert vrm(eyeBlink=1.0) == {"Blink": 1.0}
    assert vrm(eyeBlink_L=1.0, eyeBlink_R=0.25) == pytest.approx({"Blink": 0.25, "Blink_L": 0.75})


def test_vrm_moods_are_those_of_faces_and_small_weights_are_none() -> None:
    smile = vrm_of("smile")
    assert smile["Joy"] + smile["Fun"] > 0.5 and smile["Angry"] == smile["Sorrow"] == 0
    assert vrm_of("anger")["Angry"] > 0.5 and vrm_of("sadness")["Sorrow"] > 0.5
    assert vrm(mouthSmile=0.2, browDown=0.2, mouthFrown=0.2, browInnerUp=0.2) == {}


def vrm_of(name: str) -> dict[str, float]:
    return dict(vrm_values(face(name, 0.0).weights.clip(0, 1)))  # type: ignore[arg-type]


def test_values_stay_between_0_and_1() -> None:
    chance = np.random.default_rng(3)
    for _ in range(200):
        some = chance.random(len(weights())).astype(np.float32)
        for faces in FACES:
            assert all(0 <= value <= 1 for _, value in face_values(some, 0.5, faces))
    assert [name for name, _ in vrm_values(weights())] == VRM
