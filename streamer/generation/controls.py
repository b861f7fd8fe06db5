"""The live controls of a session, and what mirroring does to a motion."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.options import LARGEST_PERSON, OWN_ASPECT, Background, BoneFactors, FrameKind, SpeedKind
from streamer.rigging.framing import Framing


@dataclass(frozen=True, slots=True)
class Controls:
    """Settings that may change from frame to frame.

    head, face, body: strength of the motion, 0..2, where 1 follows the driver exactly.
    voice: 0..1, how much of the mouth the microphone's voice moves while the driver's face is seen; else it moves all.
    eyes, brows, mouth: the same of these parts of the face, factors of `face`; hands: of palms and fingers, of `body`.
    tracker: whether the tracker of another program, where the server receives one, drives in place of the camera.
    follow_body: whether the driver's body and hands are looked at; else the picture's go along with the head.
    smoothing: of the driver's motion, 0..2: see `MotionFilter`.
    yaw, pitch, roll: degrees by which the head turns in addition, within `TURN_LIMITS`: to the driver's own right, up,
    and tilted to the driver's own right. gaze_x, gaze_y: the same of the eyes within the head, right and up.
    light: strength of the shading that is transferred from the driver's face, 0..2.
    shoulders, torso, arms, legs: factors of the character's bone lengths, `BONE_RANGE`, where 1 is the picture's own.
    teeth: whether the driver's own teeth and tongue are drawn in an open mouth.
    mirror: whether the character moves like a mirror image of the driver, else like a person beside the driver.
    background: what stands behind the character; "picture" is a picture or clip of one's own, if there is one.
    colour: RGB 0..255 for `background="colour"`.
    frame, aspect, zoom, shift_x, shift_y: the frame, see `Framing`.
    who: of several people before the camera, the one who is followed: "largest", "left", "right", or a number counted
        from the left; left and right are those that a mirrored driver sees.
    speed: what a busy CPU keeps longest, see `streamer.engine.governor`.
    keep_in_frame: whether the driver's motion eases off towards the border of the frame, so that the head stays in it.
    """

    head: float = 1.0
    face: float = 1.0
    body: float = 1.0
    eyes: float = 1.0
    brows: float = 1.0
    mouth: float = 1.0
    hands: float = 1.0
    voice: float = 0.0
    tracker: bool = True
    follow_body: bool = True
    smoothing: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    light: float = 1.0
    shoulders: float = 1.0
    torso: float = 1.0
    arms: float = 1.0
    legs: float = 1.0
    teeth: bool = True
    mirror: bool = True
    background: Background = "original"
    colour: tuple[int, int, int] = (0, 177, 64)
    frame: FrameKind = "whole"
    aspect: str = OWN_ASPECT
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    keep_in_frame: bool = True
    who: str = LARGEST_PERSON
    speed: SpeedKind = "balanced"

    @property
    def bones(self) -> BoneFactors:
        return BoneFactors(self.shoulders, self.torso, self.arms, self.legs)

    @property
    def framing(self) -> Framing:
        return Framing(self.frame, self.aspect, self.zoom, self.shift_x, self.shift_y)
