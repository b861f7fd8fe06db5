"""What keys and buttons make a character do: faces that are held, and gestures that are played once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from streamer.sources.expression import Expression, combined, weights

FaceName = Literal[
    "smile", "laugh", "wink-left", "wink-right", "surprise", "anger", "sadness", "sleepy", "kiss", "puff", "tongue",
    "blush",
]  # fmt: skip
GestureName = Literal["nod", "shake", "wave"]
ActName = FaceName | GestureName
FACE_NAMES: tuple[FaceName, ...] = get_args(FaceName)
GESTURE_NAMES: tuple[GestureName, ...] = get_args(GestureName)
ACT_NAMES = (*FACE_NAMES, *GESTURE_NAMES)
LAUGH_HZ, LAUGH_JAW, LAUGH_NOD = 4.5, 0.2, math.radians(1.8)  # of a laugh: its beat, and what shakes with it


def _expression(
    kept: tuple[float, float, float] = (1, 1, 1),
    turn: tuple[float, float, float] = (0, 0, 0),
    tongue: float = 0.0,
    blush: float = 0.0,
    **named: float,
) -> Expression:
    """kept, tongue, blush: see `Expression`. turn: degrees. named: weights of blendshapes, of a pair by one name."""
    return Expression(
        weights(**named), np.array(kept, np.float32), np.radians(np.array(turn, np.float32)),
        extras=np.array([tongue, blush], np.float32),
    )  # fmt: skip


_FACES: Mapping[FaceName, Expression] = {
    "smile": _expression((1, 1, 0.7), mouthSmile=0.75, cheekSquint=0.5, eyeSquint=0.35, mouthDimple=0.15),
    "laugh": _expression(
        (0.6, 1, 0.3), (-5, 0, 0), mouthSmile=0.85, jawOpen=0.38, mouthUpperUp=0.3, cheekSquint=0.8, eyeSquint=0.8,
        browOuterUp=0.25,
    ),
    "wink-left": _expression(
        (1, 1, 0.9), (0, 0, 2), eyeBlink_L=1.0, cheekSquint_L=0.6, mouthSmile_L=0.4, browDown_L=0.3
    ),
    "wink-right": _expression(
        (1, 1, 0.9), (0, 0, -2), eyeBlink_R=1.0, cheekSquint_R=0.6, mouthSmile_R=0.4, browDown_R=0.3
    ),
    "surprise": _expression(
        (0.5, 0.2, 0.4), (-4, 0, 0), browInnerUp=0.9, browOuterUp=0.9, eyeWide=0.9, jawOpen=0.42, mouthFunnel=0.25
    ),
    "anger": _expression(
        (0.8, 0.2, 0.5), (5, 0, 0), browDown=1.7, browInnerUp=-1.0, browOuterUp=0.8, eyeSquint=0.45, noseSneer=0.45,
        mouthFrown=0.85, mouthShrugLower=0.5, mouthPress=0.35,
    ),
    "sadness": _expression(
        (0.7, 0.2, 0.6), (7, 0, 3), browInnerUp=1.6, browOuterUp=-0.8, mouthFrown=0.95, mouthShrugLower=0.45,
        eyeLookDown=0.35, eyeBlink=0.15,
    ),
    "sleepy": _expression((0.3, 0.5, 0.8), (7, 0, 5), eyeBlink=0.62, browOuterUp=0.2, eyeLookDown=0.25, jawOpen=0.06),
    "kiss": _expression((1, 1, 0.15), (-2, 0, 3), mouthPucker=1.25, mouthPress=0.4, eyeBlink=0.15),
    "puff": _expression(
        (1, 1, 0.15), (2, 0, 0), cheekPuff=1.25, mouthPucker=0.6, mouthPress=0.3, mouthFrown=0.25, browDown=0.4
    ),
    "tongue": _expression(
        (0.9, 1, 0.15), tongue=1.0, jawOpen=0.22, mouthLowerDown=0.25, mouthSmile=0.25, cheekSquint=0.3, eyeSquint=0.25
    ),
    "blush": _expression(blush=1.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gesture:
    """seconds: how long it takes. at: what it is after 0..1 of that; it begins and ends at rest."""

    seconds: float
    at: Callable[[float], Expression]


def _nod(share: float) -> Expression:
    return _expression(turn=(13 * math.sin(4 * math.pi * share) * _swell(share) + 3 * _swell(share), 0, 0))


def _shake(share: float) -> Expression:
    return _expression(turn=(0, 17 * math.sin(4 * math.pi * share) * _swell(share), 0))


def _wave(share: float) -> Expression:
    """The left arm, which a mirroring avatar raises where the driver sees their left."""
    raised = np.array([min(_swell(share) * 1.6, 1.0), 0], np.float32)
    swing = np.array([math.radians(24) * math.sin(8 * math.pi * share), 0], np.float32)
    smile = _FACES["smile"].at_strength(0.6 * _swell(share))
    return Expression(
        smile.weights, smile.kept, np.radians(np.array([0, 0, 4 * _swell(share)], np.float32)), raised, swing
    )


def _swell(share: float) -> float:
    """0 at both ends, 1 in the middle, without speed at the ends."""
    return math.sin(math.pi * share) ** 2


GESTURES: Mapping[GestureName, Gesture] = {
    "nod": Gesture(1.1, _nod),
    "shake": Gesture(1.3, _shake),
    "wave": Gesture(2.4, _wave),
}


def face(name: FaceName, seconds: float) -> Expression:
    """A face that has been held for some seconds."""
    still = _FACES[name]
    if name != "laugh":
        return still
    beat = math.sin(2 * math.pi * LAUGH_HZ * seconds)
    shaken = Expression(weights(jawOpen=LAUGH_JAW * beat), turn=np.array([LAUGH_NOD * beat, 0, 0], np.float32))
    return combined([still, shaken])
