"""The VMC protocol's messages, as a program that moves an avatar sends them to one that shows it (a "marionette").

https://protocol.vmc.info/marionette-spec. Bones are turned relative to the bone that holds them and to a T-pose, in
Unity's axes: of an avatar, x to its own right, y up, z where it looks to. On the camera's axes, which are opposite to
those in every direction, a rotation is the same matrix.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from streamer.osc.blendshape_names import face_weights, is_look, known_name, look_values
from streamer.osc.osc_packet import Argument
from streamer.osc.vmc_hands import finger_bone_names, hand_points
from streamer.runtime.token_bucket import Rate, TokenBucket
from streamer.sources.received_pose import ReceivedPose

Quaternion = tuple[float, float, float, float]  # x, y, z, w; of length 1
OnPose = Callable[[ReceivedPose, str], None]

KEPT_S = 1.0  # for which a bone or a blendshape counts that is not sent again: not all programs send all at once
SILENT_S = 0.3  # without a message of one program, after which another one's count
POSES = Rate(8, 240)  # of what comes more often the newest is in the next one; the air delivers some at once
UNTURNED = 0.9999  # |w| of a bone's rotation from which it is as in the T-pose: within 1.6°
_SPINE = ("spine", "chest", "upperchest")
_ARM = ("shoulder", "upperarm", "lowerarm", "hand")
_SIDES = (("left", 1.0), ("right", -1.0))  # and where the arm points in a T-pose, on the camera's x axis
_BONES = {
    *_SPINE, "neck", "head", "lefteye", "righteye", *(side + bone for side, _ in _SIDES for bone in _ARM),
    *finger_bone_names(0), *finger_bone_names(1),
}  # fmt: skip
_IDENTITY = np.eye(3)


class VmcReceiver:
    """Puts messages together to poses. on_pose: called with each, and the address of whom it came from.

    A pose is complete at `/VMC/Ext/Blend/Apply`; of programs that send no blendshapes, when the next one begins.
    While `/VMC/Ext/OK` says that nothing is tracked there are none. clock: seconds.
    """

    def __init__(self, on_pose: OnPose, clock: Callable[[], float] = time.monotonic) -> None:
        self._on_pose = on_pose
        self._clock = clock
        self._source, self._heard_at = "", -math.inf
        self._poses = TokenBucket(POSES, clock)
        self._forget()

    def receive(self, address: str, arguments: Sequence[Argument], source: tuple[str, int]) -> None:
        """Take one message; one that is not understood changes nothing. For `osc_messages`."""
        now, sender = self._clock(), f"{source[0]}:{source[1]}"
        if sender != self._source:
            if now - self._heard_at < SILENT_S:
                return
            self._source = sender
            self._forget()
        self._heard_at = now
        if address == "/VMC/Ext/Bone/Pos":
            self._take_bone(arguments, now)
        elif address == "/VMC/Ext/Blend/Val":
            self._take_value(arguments, now)
        elif address == "/VMC/Ext/Blend/Apply":
            self._complete(now)
            self._applies = True
        elif address == "/VMC/Ext/OK":
            if not self._applies:
                self._complete(now)
            self._is_tracked = _is_tracked(arguments)

    def _forget(self) -> None:
        self._bones: dict[str, tuple[Quaternion, float]] = {}  # by name, with when it came
        self._values: dict[str, tuple[float, float]] = {}
        self._is_tracked = True
        self._applies = False  # whether this program says when a pose is complete
        self._has_news = False

    def _take_bone(self, arguments: Sequence[Argument], now: float) -> None:
        if len(arguments) < 8 or not isinstance(arguments[0], str) or len(arguments[0]) > 32:
            return
        bone, rotation = arguments[0].casefold(), _quaternion(arguments[4:8])
        if bone in _BONES and rotation is not None:
            self._bones[bone] = rotation, now
            self._has_news = True

    def _take_value(self, arguments: Sequence[Argument], now: float) -> None:
        if len(arguments) < 2 or not isinstance(arguments[0], str):
            return
        name, value = known_name(arguments[0]), _number(arguments[1])
        if name is not None and value is not None:
            self._values[name] = value, now
            self._has_news = True

    def _complete(self, now: float) -> None:
        if not self._has_news or not self._is_tracked or self._poses.wait_s() > 0:
            return
        self._poses.take()
        self._has_news = False
        self._bones = {name: each for name, each in self._bones.items() if now - each[1] < KEPT_S}
        self._values = {name: each for name, each in self._values.items() if now - each[1] < KEPT_S}
        bones = {name: rotation for name, (rotation, _) in self._bones.items()}
        self._on_pose(pose_of(bones, {name: value for name, (value, _) in self._values.items()}), self._source)


def pose_of(bones: dict[str, Quaternion], values: dict[str, float]) -> ReceivedPose:
    """The pose of an avatar. bones: by name in lower case; those that are missing are as in the T-pose. values: of
    blendshapes, see `face_weights`. Turns of the hips are left out: a performer may face any side of their room.
    """
    if not any(is_look(name) for name in values) and "lefteye" in bones and "righteye" in bones:
        values = values | look_values(_look(bones["lefteye"]), _look(bones["righteye"]))
    weights, tongue = face_weights(values)
    chest = _chain(_IDENTITY, bones, _SPINE)
    head = _chain(chest, bones, ("neck", "head"))
    has_chest = any(bone in bones for bone in _SPINE)
    arms = _arms(bones, chest)
    hands = (None, None) if arms is None else (_hand(bones, chest, 0), _hand(bones, chest, 1))
    return ReceivedPose(weights, tongue, head, chest=chest if has_chest else None, arms=arms, hands=hands)


def matrix(quaternion: Quaternion) -> NDArray[np.float64]:
    """The rotation (3, 3) of a quaternion x, y, z, w of length 1."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _chain(holder: NDArray[np.float64], bones: dict[str, Quaternion], names: Sequence[str]) -> NDArray[np.float64]:
    """The rotation of the last of some bones, each held by the one before, the first one by `holder`."""
    for name in names:
        if name in bones:
            holder = holder @ matrix(bones[name])
    return holder


def _arms(bones: dict[str, Quaternion], chest: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """See `ReceivedPose.arms`. None of arms that stand out as in a T-pose, since nobody tracks those."""
    names = [side + bone for side, _ in _SIDES for bone in _ARM]
    if not _is_turned(bones, names):
        return None
    arms = np.zeros((2, 3, 3))
    for arm, (side, outwards) in zip(arms, _SIDES, strict=True):
        rotation = _chain(chest, bones, (side + "shoulder",))
        for number, bone in enumerate(_ARM[1:]):
            rotation = _chain(rotation, bones, (side + bone,))
            arm[number] = rotation @ np.array([outwards, 0, 0])
    return arms


def _is_turned(bones: dict[str, Quaternion], names: Iterable[str]) -> bool:
    """Whether any of these bones is sent and not as in the T-pose: programs send whole avatars, and those bones that
    nobody tracks unturned.
    """
    return any(name in bones and abs(bones[name][3]) < UNTURNED for name in names)


def _hand(bones: dict[str, Quaternion], chest: NDArray[np.float64], number: int) -> NDArray[np.float64] | None:
    """See `ReceivedPose.hands`. number: 0 left, 1 right."""
    names = finger_bone_names(number)
    if not _is_turned(bones, names):
        return None
    fingers = {name: matrix(bones[name]) for name in names if name in bones}
    side, _ = _SIDES[number]
    return hand_points(_chain(chest, bones, [side + bone for bone in _ARM]), fingers, number)


def _look(eye: Quaternion) -> tuple[float, float]:
    """Radians down and to the driver's own left by which an eye has turned."""
    ahead = -matrix(eye)[:, 2]  # on the camera's axes it looks along −z
    return math.asin(min(max(float(ahead[1]), -1.0), 1.0)), math.atan2(float(ahead[0]), -float(ahead[2]))


def _is_tracked(arguments: Sequence[Argument]) -> bool:
    """loaded, calibration state, calibration mode, tracking status; older programs leave the last ones out."""
    loaded, tracked = (arguments[number] if len(arguments) > number else 1 for number in (0, 3))
    return loaded != 0 and tracked != 0


def _number(argument: Argument) -> float | None:
    if isinstance(argument, str | bytes) or not math.isfinite(argument):
        return None
    return float(argument)


def _quaternion(arguments: Sequence[Argument]) -> Quaternion | None:
    """A rotation of length 1; None of one that is none."""
    numbers = [_number(argument) for argument in arguments]
    x, y, z, w = (0.0 if number is None else number for number in numbers)
    length = math.hypot(x, y, z, w)
    if None in numbers or not 0.5 < length < 2:
        return None
    return x / length, y / length, z / length, w / length
