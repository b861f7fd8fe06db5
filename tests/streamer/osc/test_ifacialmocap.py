"""The text of iFacialMocap: both versions of it, and what is none."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.osc.ifacialmocap import parse
from streamer.osc.osc_packet import DatagramError
from streamer.sources.expression import MAX_WEIGHT
from streamer.sources.received_pose import ReceivedPose
from streamer.tracking.head_pose import rotation_vector

FIRST = (
    b"trackingStatus-1|mouthSmile_R-35|mouthSmile_L-10|jawOpen-12|jawLeft-7|eyeBlink_L-100|browInnerUp-20|cheekPuff-4|"
    b"tongueOut-50|eyeLookIn_R-6|FM_SAD-80|=head#-21.5,-6,3,-0.03,-0.1,-0.65|rightEye#6,2.4,.2|leftEye#6,-1.6,-.1|"
)
SECOND = FIRST.replace(b"trackingStatus-1|", b"").replace(b"=head#-", b"=HEAD").replace(b"-", b"&", 9).replace(
    b"=HEAD", b"=head#-"
)  # fmt: skip


def pose_of(text: bytes) -> ReceivedPose:
    pose = parse(text)
    assert pose is not None
    return pose


def weight(pose: ReceivedPose, name: str) -> float:
    return float(pose.weights[INDEX[name]])


@pytest.mark.parametrize("text", [FIRST, SECOND], ids=["version 1", "version 2"])
def test_ifacialmocap_gives_weights_and_tongue(text: bytes) -> None:
    pose = pose_of(text)
    expected = {
        "mouthSmile_R": 0.35, "mouthSmile_L": 0.1, "jawOpen": 0.12, "jawLeft": 0.07, "eyeBlink_L": 1.0,
        "browInnerUp_L": 0.2, "browInnerUp_R": 0.2, "cheekPuff_L": 0.04, "cheekPuff_R": 0.04, "eyeLookIn_R": 0.06,
    }  # fmt: skip
    assert {name: weight(pose, name) for name in expected} == pytest.approx(expected)
    assert pose.tongue == 0.5


def test_ifacialmocap_spells_left_and_right_out_as_well() -> None:
    pose = pose_of(b"mouthPressRight&14|EyeBlinkLeft&29|browDownLeft&1|FM_VF&3|=head#0,0,0,0,0,0|")
    assert weight(pose, "mouthPress_R") == pytest.approx(0.14)
    assert weight(pose, "eyeBlink_L") == pytest.approx(0.29)
    assert pose.place is None  # who sends nothing but 0 does not measure it


@pytest.mark.parametrize(
    ("angles", "vector"),
    [("10,0,0", (10, 0, 0)), ("0,10,0", (0, -10, 0)), ("0,0,10", (0, 0, -10))],
    ids=["down", "to their own left", "tilted to their own right"],
)
def test_ifacialmocap_turns_the_head_as_an_expression_does(angles: str, vector: tuple[int, int, int]) -> None:
    pose = pose_of(f"jawOpen-0|=head#{angles},0,0,0|".encode())
    np.testing.assert_allclose(np.degrees(rotation_vector(pose.head)), vector, atol=1e-6)


def test_ifacialmocap_place_is_on_the_axes_of_the_camera() -> None:
    pose = pose_of(b"=head#0,0,0,0.1,0.2,-0.6|")
    assert pose.place is not None
    np.testing.assert_allclose(pose.place, [0.1, -0.2, 0.6])


def test_ifacialmocap_looks_with_eyes_that_turn_where_no_blendshape_tells() -> None:
    pose = pose_of(b"jawOpen-0|=head#0,0,0,0,0,0|rightEye#5,10,0|leftEye#5,10,0|")  # down, and to their own left
    expected = math.sin(math.radians(10)) / math.sin(0.5)
    assert weight(pose, "eyeLookOut_L") == weight(pose, "eyeLookIn_R") == pytest.approx(expected)
    assert weight(pose, "eyeLookIn_L") == weight(pose, "eyeLookUp_L") == 0
    assert weight(pose, "eyeLookDown_R") > 0.15
    told = pose_of(b"eyeLookIn_R-0|=head#0,0,0,0,0,0|rightEye#5,10,0|leftEye#5,10,0|")
    assert weight(told, "eyeLookOut_L") == 0


def test_ifacialmocap_without_a_face_gives_no_pose() -> None:
    assert parse(b"trackingStatus-0|jawOpen-50|=head#0,0,0,0,0,0|") is None


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe", b"|||", b"iFacialMocap_x|sendDataVersion=v2", b"jawOpen", b"x-1|=head#1,2|"]
)
def test_ifacialmocap_refuses_what_it_does_not_understand(text: bytes) -> None:
    with pytest.raises(DatagramError):
        parse(text)


def test_ifacialmocap_says_where_vmc_belongs() -> None:
    with pytest.raises(DatagramError, match="for which --vmc-receive is"):
        parse(b"/VMC/Ext/OK\0,i\0\0\0\0\0\1")


def test_ifacialmocap_passes_over_bad_fields_and_limits_values() -> None:
    pose = pose_of(
        b"jawOpen-nan|mouthLeft-inf|mouthRight-1e999|mouthPucker-1e300|mouthFunnel--40|" + b"x" * 900 + b"-1|smile-3|"
        b"=head#1e9,-1e9,nan,0,0,0|=head#999999,0,0,1e9,0,0|rightEye#|"
    )
    assert np.isfinite(pose.weights).all() and np.isfinite(pose.head).all()
    assert weight(pose, "jawOpen") == weight(pose, "mouthLeft") == weight(pose, "mouthFunnel") == 0
    assert weight(pose, "mouthPucker") == MAX_WEIGHT
    assert pose.place is not None
    np.testing.assert_allclose(pose.place, [10, 0, 0])
    many = b"|".join(b"jawOpen-%d" % number for number in range(100_000))
    assert weight(pose_of(many), "jawOpen") <= MAX_WEIGHT


def test_ifacialmocap_survives_anything() -> None:
    random.seed(7)
    pieces = [FIRST, SECOND, b"nan", b"-", b"&", b"#", b"|", b",", b"=head#", b"1e400", b"\x00", b"\xc3", b"-9" * 50]
    for _ in range(2000):
        text = bytearray(b"".join(random.choices(pieces, k=random.randint(1, 6))))
        for _ in range(random.randint(0, 8)):
            text[random.randrange(len(text))] = random.randrange(256)
        try:
            pose = parse(bytes(text))
        except DatagramError:
            continue
        assert pose is None or (np.isfinite(pose.weights).all() and np.isfinite(pose.head).all())
