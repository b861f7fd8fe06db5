"""Weights of blendshapes by the names that VMC's receivers know: ARKit's 52, or those that every VRM model has."""

from __future__ import annotations

import re
from typing import Literal, get_args

from models.geometry.expressions import INDEX, NAMES
from streamer.sources.expression import Array

Faces = Literal["arkit", "vrm"]
FACES: tuple[Faces, ...] = get_args(Faces)
_ONE_IN_ARKIT = ("browInnerUp", "cheekPuff")  # which are of one side each in `NAMES`
_APPLE_NAMES = tuple(re.sub("_L$", "Left", re.sub("_R$", "Right", name)) for name in NAMES)
FULL_JAW = 0.7  # jawOpen of a mouth that is as open as the vowel A
# Weights from which a face begins to be one of VRM's, which are whole faces, and at which it is all of it.
FAINT, FULL = 0.2, 0.8


def face_values(weights: Array, tongue: float, faces: Faces) -> list[tuple[str, float]]:
    """Names and values 0..1. weights: (E,) of `NAMES`, 0..1. tongue: how far it is out, 0..1."""
    return arkit_values(weights, tongue) if faces == "arkit" else vrm_values(weights)


def arkit_values(weights: Array, tongue: float) -> list[tuple[str, float]]:
    """All 52 of ARKit in Apple's spelling, `jawOpen`, `eyeBlinkLeft`; left and right are the driver's own."""
    values = dict(zip(_APPLE_NAMES, weights.tolist(), strict=True))
    for name in _ONE_IN_ARKIT:
        values[name] = (values.pop(f"{name}Left") + values.pop(f"{name}Right")) / 2
    return [*values.items(), ("tongueOut", tongue)]


def vrm_values(weights: Array) -> list[tuple[str, float]]:
    """The presets of VRM 0: vowels, blinks and moods.

    Vowels by how far the mouth is open, and how round or wide. `Blink` has what both eyes do, `Blink_L` and `Blink_R`
    what one does more, so that nothing is closed twice.
    """

    def of(name: str) -> float:
        return float(weights[INDEX[name]])

    def both(name: str) -> float:
        return (of(f"{name}_L") + of(f"{name}_R")) / 2

    is_open = min(of("jawOpen") / FULL_JAW, 1.0) * (1 - of("mouthClose"))
    is_round = max(of("mouthPucker"), of("mouthFunnel"))
    is_wide = both("mouthStretch") * (1 - is_round)
    left, right = of("eyeBlink_L"), of("eyeBlink_R")
    smiles, squints = _whole(both("mouthSmile")), _whole(both("cheekSquint"))
    frowns = max(_whole(both("mouthFrown")), _whole(both("browInnerUp") - both("browOuterUp")))
    return [
        ("A", is_open * (1 - is_round) * (1 - is_wide)),
        ("I", is_wide * (1 - is_open)),
        ("U", is_round * (1 - is_open)),
        ("E", is_wide * is_open),
        ("O", is_round * is_open),
        ("Blink", min(left, right)),
        ("Blink_L", left - min(left, right)),
        ("Blink_R", right - min(left, right)),
        ("Joy", smiles * squints),
        ("Fun", smiles * (1 - squints)),
        ("Angry", _whole(both("browDown")) * (1 - smiles)),
        ("Sorrow", frowns * (1 - smiles)),
    ]


def _whole(weight: float) -> float:
    """How much of a whole face a weight is, 0..1."""
    return min(max((weight - FAINT) / (FULL - FAINT), 0.0), 1.0)
