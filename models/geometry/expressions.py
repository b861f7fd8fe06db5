"""Expressions by ARKit's names: how far each of them moves the landmarks of the canonical face.

The names are those of Apple's ARKit in the spelling of ICT-FaceKit, with `_L` and `_R` for the person's own left and
right. `expressions.safetensors` is made by `scripts/make_expressions.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

FILE = Path(__file__).with_name("expressions.safetensors")
_PAIRS = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn",
    "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress",
    "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip
NAMES = (
    *(f"{name}_{side}" for name in _PAIRS for side in "LR"),
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
"""The blendshapes, in the order of every vector of weights."""
INDEX = {name: number for number, name in enumerate(NAMES)}


@cache
def offsets() -> NDArray[np.float32]:
    """(len(NAMES), 478, 3) by how much each blendshape at weight 1 moves the landmarks, canonical units.

    Of blinks without the lids themselves, which meet wherever they are (`close_lids`).
    """
    return load_file(FILE)["offsets"].astype(np.float32)


def weights(**named: float) -> NDArray[np.float32]:
    """(len(NAMES),) weights with these values and 0 elsewhere. A pair's name without its side sets both sides.

    Raises KeyError for a name that there is not.
    """
    values = np.zeros(len(NAMES), np.float32)
    for name, value in named.items():
        for each in (name,) if name in INDEX else (f"{name}_L", f"{name}_R"):
            values[INDEX[each]] = value
    return values
