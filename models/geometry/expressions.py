"""Expressions by ARKit's names: how far each of them moves the landmarks of the canonical face.

The names are those of Apple's ARKit in the spelling of ICT-FaceKit, with `_L` and `_R` for the person's own left and
right. `expressions.safetensors` is made by `scripts/make_expressions.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

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
def offsets() -> Tensor:
    """(len(NAMES), 478, 3) by how much each blendshape at weight 1 moves the landmarks, canonical units, on the CPU.

    Of blinks without the lids themselves, which meet wherever they are.
    """
    return load_file(FILE)["offsets"].float()
