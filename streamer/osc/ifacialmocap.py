"""The text that iFacialMocap, MeowFace, Facemotion3d and others send by UDP, 30 to 60 times a second.

    mouthSmile_R-12|jawOpen-5|…|=head#rx,ry,rz,x,y,z|rightEye#rx,ry,rz|leftEye#rx,ry,rz|

https://www.ifacialmocap.com/for-developer/. Weights are 0..100; version 2 has `&` before them in place of `-`. Angles
are degrees and places metres on ARKit's axes: x to the driver's own left, y up, z towards the camera.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamer.osc.blendshape_names import face_weights, is_look, known_name, look_values
from streamer.osc.osc_packet import DatagramError
from streamer.sources.received_pose import ReceivedPose
from streamer.tracking.head_pose import rotation_matrix

MAX_FIELDS = 256  # of a datagram; programs send some 60
MAX_ANGLE = 180.0  # degrees
MAX_PLACE_M = 10.0  # of a face from its camera
_STATUS = "trackingStatus"  # 0 while no face is found
_ANGLES = {"=head": 6, "rightEye": 3, "leftEye": 3}  # numbers of each; a place follows the head's angles
_AXES = np.diag([1.0, -1.0, -1.0])  # from ARKit's axes to the camera's, and back


def parse(datagram: bytes) -> ReceivedPose | None:
    """The pose of one datagram; None where it says that no face is found. Fields that mean nothing are passed over.

    Takes time in proportion to the datagram's length. Raises DatagramError where nothing in it is understood.
    """
    try:
        text = datagram.decode()
    except UnicodeDecodeError as error:
        raise DatagramError("it is no text") from error
    values: dict[str, float] = {}
    angles: dict[str, list[float]] = {}
    for each in text.split("|", MAX_FIELDS)[:MAX_FIELDS]:
        name, separator, numbers = each.strip().partition("#")
        if separator:
            if (read := _numbers(numbers, _ANGLES.get(name, 0))) is not None:
                angles[name] = read
            continue
        name, separator, number = each.strip().partition("&" if "&" in each else "-")
        if (value := _numbers(number, 1)) is None:
            continue
        if name == _STATUS and value[0] == 0:
            return None
        if (known := known_name(name)) is not None:
            values[known] = value[0] / 100
    if datagram.startswith((b"/", b"#bundle")):
        raise DatagramError("it is OSC, as VMC sends it, for which --vmc-receive is")
    if not values and not angles:
        raise DatagramError("it has no blendshape and no head of iFacialMocap")
    if not any(is_look(name) for name in values) and "leftEye" in angles and "rightEye" in angles:
        left, right = (angles[eye] for eye in ("leftEye", "rightEye"))
        values |= look_values((_radians(left[0]), _radians(left[1])), (_radians(right[0]), _radians(right[1])))
    weights, tongue = face_weights(values)
    head = angles.get("=head", [0.0] * 6)
    return ReceivedPose(weights, tongue, head_rotation(*head[:3]), _place(head[3:]))


def head_rotation(down: float, left: float, tilt: float) -> NDArray[np.float64]:
    """The rotation (3, 3) on the camera's axes of angles on ARKit's, degrees: first about z, then x, then y, as all who
    read this text take them.
    """
    x, y, z = (rotation_matrix(_radians(angle) * np.eye(3)[axis]) for axis, angle in enumerate((down, left, tilt)))
    rotation: NDArray[np.float64] = _AXES @ y @ x @ z @ _AXES
    return rotation


def _place(place: list[float]) -> NDArray[np.float64] | None:
    """Metres on the camera's axes; None of those who send nothing but 0, since they do not measure it."""
    if not any(place):
        return None
    return _AXES @ np.clip(place, -MAX_PLACE_M, MAX_PLACE_M)


def _radians(degrees: float) -> float:
    return math.radians(min(max(degrees, -MAX_ANGLE), MAX_ANGLE))


def _numbers(text: str, count: int) -> list[float] | None:
    """So many finite numbers between commas; None of anything else."""
    parts = text.split(",", count) if count > 0 else []
    if len(parts) != count or count == 0:
        return None
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
