"""Blendshapes by the names under which trackers send them: ARKit's in several spellings, and the few of VRM avatars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np

from models.geometry.expressions import INDEX, NAMES
from streamer.sources.acts import FaceName, face
from streamer.sources.expression import MAX_WEIGHT, Array, weights

MAX_NAME_CHARACTERS = 64
LOOK_RADIANS = 0.5  # by which an eye turns at weight 1 of eyeLookIn, -Out, -Up or -Down
TONGUE = "tongueout"
# Vowels of VRM avatars, which say how a mouth sounds and not how it looks: the shapes that are seen as them.
_VOWELS = {
    "a": weights(jawOpen=0.55, mouthLowerDown=0.2),
    "i": weights(jawOpen=0.1, mouthStretch=0.5, mouthSmile=0.2, mouthLowerDown=0.3),
    "u": weights(jawOpen=0.12, mouthPucker=0.75, mouthFunnel=0.2),
    "e": weights(jawOpen=0.25, mouthStretch=0.4, mouthLowerDown=0.25),
    "o": weights(jawOpen=0.35, mouthFunnel=0.6),
}
_FACES: dict[str, FaceName] = {
    "joy": "smile", "fun": "smile", "angry": "anger", "sorrow": "sadness", "surprised": "surprise",
}  # fmt: skip
_FACE_STRENGTHS = {"fun": 0.6}
# VRM 1's names of what VRM 0 calls otherwise.
_OTHER_NAMES = {
    "aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "happy": "joy", "relaxed": "fun", "sad": "sorrow",
    "blinkleft": "blinkl", "blinkright": "blinkr",
}  # fmt: skip
# VRM's blinks, of which that of both eyes and that of one may come together.
_BLINKS = {"blink": weights(eyeBlink=1.0), "blinkl": weights(eyeBlink_L=1.0), "blinkr": weights(eyeBlink_R=1.0)}


def known_name(name: str) -> str | None:
    """The one spelling of a blendshape's name that `face_weights` takes; None for one that is not known."""
    if len(name) > MAX_NAME_CHARACTERS:
        return None
    folded = name.replace("_", "").casefold()
    folded = _OTHER_NAMES.get(folded, folded)
    return _spellings().get(folded)


def face_weights(values: Mapping[str, float]) -> tuple[Array, float]:
    """Weights (E,) of the blendshapes, and how far the tongue is out, 0..1.

    values: finite, 1 for all of a shape, by names of `known_name`; limits are kept here. A mouth that is sent in
    ARKit's shapes is not moved by vowels as well, nor are lids by VRM's blinks.
    """
    total = np.zeros(len(NAMES), np.float32)
    has_mouth, has_lids = "jawopen" in values, "eyeblinkl" in values
    blinks = np.zeros(len(NAMES), np.float32)
    for name, value in values.items():
        share = np.float32(min(max(value, 0.0), MAX_WEIGHT))
        if name in _VOWELS:
            total += 0 if has_mouth else share * _VOWELS[name]
        elif name in _FACES:
            total += share * np.float32(_FACE_STRENGTHS.get(name, 1.0)) * face(_FACES[name], 0.0).weights
        elif name in _BLINKS:
            blinks += 0 if has_lids else share * _BLINKS[name]
        elif name != TONGUE:
            total[list(_places()[name])] += share
    total = (total + blinks.clip(0, 1)).clip(-MAX_WEIGHT, MAX_WEIGHT)
    return total, min(max(values.get(TONGUE, 0.0), 0.0), 1.0)


def look_values(left: tuple[float, float], right: tuple[float, float]) -> dict[str, float]:
    """Values for `face_weights` of eyes that turn. left, right: radians down and to the driver's own left, by eye."""
    values = {}
    for side, outwards, (down, leftwards) in (("l", 1, left), ("r", -1, right)):
        out = outwards * leftwards
        for name, angle in (("down", down), ("up", -down), ("out", out), ("in", -out)):
            values[f"eyelook{name}{side}"] = max(math.sin(angle), 0.0) / math.sin(LOOK_RADIANS)
    return values


def is_look(name: str) -> bool:
    """Whether a known name is one of where an eye looks."""
    return name.startswith("eyelook")


@cache
def _places() -> dict[str, tuple[int, ...]]:
    """The places of ARKit's shapes in the vector of weights, by name; two of a shape that we have for either side."""
    places: dict[str, tuple[int, ...]] = {}
    for name, number in INDEX.items():
        places[name.replace("_", "").casefold()] = (number,)
        pair = name[:-2].casefold()
        if name.endswith(("_L", "_R")) and pair in ("browinnerup", "cheekpuff"):
            places[pair] = (*places.get(pair, ()), number)
    return places


@cache
def _spellings() -> dict[str, str]:
    """What `known_name` knows, folded, and the one spelling of each."""
    spellings = {name: name for name in (*_places(), *_VOWELS, *_FACES, *_BLINKS, TONGUE)}
    for name in INDEX:
        if name.endswith(("_L", "_R")):
            folded = name.replace("_", "").casefold()
            spellings[name[:-2].casefold() + ("left" if name.endswith("_L") else "right")] = folded
    return spellings
