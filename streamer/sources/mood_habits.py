"""What the words for gaze, head, energy, single motions and idle habits mean."""

from __future__ import annotations

import numpy as np

from streamer.sources.expression import Expression, weights
from streamer.sources.mood import Episode, Meaning, by_name, degrees
from streamer.tracking.idle_habits import IdleHabits

DEGREES_AT_ONE = 28.0  # by which the eyes turn where a blendshape of the gaze is 1
HEAD_SHARE = 0.25  # of a gaze by which the head turns as well


def gaze(left: float, down: float, head: float = HEAD_SHARE) -> Expression:
    """Eyes that look by degrees to the character's own left and down. head: share by which the head turns as well."""
    aside, lower = abs(left) / DEGREES_AT_ONE, abs(down) / DEGREES_AT_ONE
    first, second = ("Out_L", "In_R") if left > 0 else ("In_L", "Out_R")
    named = {f"eyeLook{first}": aside, f"eyeLook{second}": aside, f"eyeLook{'Down' if down > 0 else 'Up'}": lower}
    return Expression(weights(**named), turn=degrees(head * down, -head * left, 0))


def turned(down: float = 0, right: float = 0, tilt: float = 0, **named: float) -> Expression:
    """A head that is turned by degrees, see `Expression`, and a face."""
    return Expression(weights(**named), turn=degrees(down, right, tilt))


def gains(eyes: float, brows: float, mouth: float, **named: float) -> Expression:
    """Factors of what the driver does, and a face."""
    return Expression(weights(**named), np.array([eyes, brows, mouth], np.float32))


DOWN_ASIDE = Episode("looks down and aside", 6, 1.8, (gaze(13, 19), gaze(-13, 19), gaze(0, 23)), eases_s=(0.15, 0.2))
AWAY = Episode("looks elsewhere", 8, 2.8, (gaze(24, 0), gaze(-24, 0), gaze(18, -8)), eases_s=(0.15, 0.2))
THINKING_LOOK = Episode("looks up in thought", 8, 2.6, (gaze(18, -19), gaze(-18, -19)), eases_s=(0.15, 0.25))
LONG_BLINK = Episode("long blink", 9, 0.7, (Expression(weights(eyeBlink=0.75)),), eases_s=(0.25, 0.3))
SIGH = Episode(
    "sigh", 22, 2.4, (turned(-3, eyeBlink=0.25, browInnerUp=0.25, mouthFunnel=0.12, jawOpen=0.1),), eases_s=(1.0, 1.2)
)
YAWN = Episode(
    "yawn", 28, 3.2, (turned(-8, jawOpen=0.95, eyeBlink=0.75, browInnerUp=0.5, mouthFunnel=0.2, noseSneer=0.2),),
    eases_s=(1.1, 1.0),
)  # fmt: skip

GAZES = by_name(
    (
        Meaning("looks down", "the gaze is down", gaze(0, 23), lasts_s=2.0, eases_s=(0.15, 0.18)),
        Meaning("looks up", "the gaze is up", gaze(0, -20), lasts_s=1.8, eases_s=(0.15, 0.18)),
        Meaning("looks left", "the gaze is to its own left", gaze(25, 0), lasts_s=2.0, eases_s=(0.15, 0.18)),
        Meaning("looks right", "the gaze is to its own right", gaze(-25, 0), lasts_s=2.0, eases_s=(0.15, 0.18)),
        Meaning(
            "looks aside", "glances to one side or the other", ways=(gaze(25, 1), gaze(-25, 1)), comes_and_goes=True,
            lasts_s=2.0, eases_s=(0.15, 0.18),
        ),
        Meaning(
            "looks away", "turns head and eyes aside for some seconds", ways=(gaze(25, 2, 0.44), gaze(-25, 2, 0.44)),
            comes_and_goes=True, lasts_s=3.0, eases_s=(0.35, 0.45),
        ),
        Meaning(
            "looks around", "glances to many places",
            ways=(gaze(25, 0), gaze(-25, 0), gaze(16, -12), gaze(-16, -12), gaze(14, 11), gaze(-14, 11)),
            comes_and_goes=True, idle=IdleHabits(wander=1.8, pace=1.3), lasts_s=1.1, eases_s=(0.15, 0.18),
        ),
        Meaning("looks at you", "the eyes leave the camera seldom while it idles", idle=IdleHabits(wander=0.15)),
        Meaning("stares", "the eyes stay, and blink seldom while it idles", Expression(weights(eyeWide=0.15)),
                idle=IdleHabits(wander=0.05, blink_rate=0.3, drift=0.6)),
        Meaning(
            "avoids eyes", "looks past the camera for most of the time", idle=IdleHabits(wander=2.2),
            episodes=(
                Episode(
                    "avoids eyes", 3.4, 2.3, (gaze(18, 13), gaze(-18, 13), gaze(23, 0), gaze(-23, 0)),
                    eases_s=(0.15, 0.18),
                ),
            ),
        ),
        Meaning(
            "rolls the eyes", "the eyes go up and around", ways=(gaze(5, -22, 0.05), gaze(-5, -22, 0.05)),
            comes_and_goes=True, lasts_s=0.9, eases_s=(0.2, 0.2),
        ),
    )
)  # fmt: skip

ENERGIES = by_name(
    (
        Meaning(
            "calm", "less of the driver's motion, slow breath and drift", gains(1, 0.75, 0.9), 0.75,
            IdleHabits(drift=0.75, pace=0.65, breath_rate=0.85, blink_rate=0.85, wander=0.8),
        ),
        Meaning(
            "relaxed", "calm, lids and jaw loose",
            gains(1, 0.75, 0.9, eyeBlink=0.2, mouthSmile=0.12, jawOpen=0.03), 0.85,
            IdleHabits(drift=0.95, pace=0.7, breath_rate=0.85, breath_depth=1.2),
        ),
        Meaning(
            "lively", "more of the driver's motion, quicker glances",
            gains(1.05, 1.3, 1.15, browOuterUp=0.2, mouthSmile=0.12), 1.2,
            IdleHabits(drift=1.4, pace=1.4, blink_rate=1.15, wander=1.2),
        ),
        Meaning(
            "energetic", "much more of the driver's motion, open eyes, brows up",
            gains(1.1, 1.45, 1.25, eyeWide=0.35, browOuterUp=0.45, browInnerUp=0.25, mouthSmile=0.2), 1.35,
            IdleHabits(drift=1.8, pace=1.8, blink_rate=1.2, breath_rate=1.3, breath_depth=1.2, wander=1.3),
        ),
        Meaning(
            "still", "little of the driver's head, hardly drifts", gains(1, 0.8, 1), 0.5,
            IdleHabits(drift=0.25, pace=0.6, wander=0.5),
        ),
        Meaning(
            "restless", "drifts far and quickly, looks about", gains(1.05, 1.1, 1), 1.2,
            IdleHabits(drift=1.7, pace=2.0, blink_rate=1.3, wander=1.8),
        ),
        Meaning("slow", "drifts and blinks slowly", gains(1, 0.9, 1), 0.9, IdleHabits(pace=0.55, blink_length=1.5)),
        Meaning(
            "tense", "pressed lips and jaw, shallow breath",
            gains(1, 0.9, 0.9, mouthPress=0.35, mouthSmile=-0.25, mouthStretch=0.3, browDown=0.45), 0.8,
            IdleHabits(drift=0.5, breath_depth=0.6, breath_rate=1.3, blink_rate=1.2),
        ),
    )
)  # fmt: skip

MOTIONS = by_name(
    (
        Meaning("nods", "nods", gesture="nod", comes_and_goes=True),
        Meaning("shakes the head", "shakes the head", gesture="shake", comes_and_goes=True),
        Meaning("waves", "waves, where the picture has an arm", gesture="wave", comes_and_goes=True),
        Meaning("winks", "winks", face="wink-left", comes_and_goes=True, lasts_s=0.5, eases_s=(0.12, 0.2)),
        Meaning("laughs", "laughs for some seconds", face="laugh", comes_and_goes=True, lasts_s=2.2,
                eases_s=(0.25, 0.5)),
        Meaning("sighs", "breathes out slowly", ways=SIGH.ways, comes_and_goes=True, lasts_s=2.4, eases_s=(1.0, 1.2)),
        Meaning("yawns", "yawns", ways=YAWN.ways, comes_and_goes=True, lasts_s=3.2, eases_s=(1.1, 1.0)),
        Meaning("kisses", "purses the lips", face="kiss", comes_and_goes=True, lasts_s=0.7, eases_s=(0.2, 0.25)),
        Meaning("puffs the cheeks", "puffs the cheeks", face="puff", comes_and_goes=True, lasts_s=1.2),
        Meaning("sticks the tongue out", "the tongue is out", face="tongue", comes_and_goes=True, lasts_s=1.2),
        Meaning("blushes", "red cheeks", Expression(extras=np.array([0, 0.8], np.float32)), lasts_s=5.0),
        Meaning(
            "bites the lip", "draws the lower lip in", ways=(turned(mouthRollLower=0.8, mouthPress=0.3),),
            comes_and_goes=True, lasts_s=1.4, eases_s=(0.25, 0.3),
        ),
        Meaning("frowns", "low brows, corners of the mouth down",
                turned(browDown=1.1, browInnerUp=-0.4, mouthFrown=0.6), never=("browDown", "mouthFrown")),
        Meaning("raises the brows", "brows up", turned(browOuterUp=0.65, browInnerUp=0.6), lasts_s=1.2,
                eases_s=(0.2, 0.3), never=("browOuterUp", "browInnerUp")),
        Meaning("raises one brow", "one brow up", turned(browOuterUp_L=0.8, browDown_R=0.25), lasts_s=1.5,
                eases_s=(0.2, 0.3)),
        Meaning("squints", "narrow eyes", turned(eyeSquint=0.6, eyeBlink=0.18), lasts_s=1.5, never=("eyeSquint",)),
        Meaning("wide eyes", "wide eyes", turned(eyeWide=0.65), lasts_s=1.2, never=("eyeWide",)),
        Meaning("half-closed eyes", "low lids", turned(eyeBlink=0.42), never=("eyeBlink",)),
        Meaning("closed eyes", "shut eyes", turned(eyeBlink=1.0), lasts_s=2.0, eases_s=(0.3, 0.3), never=("eyeBlink",)),
        Meaning("open mouth", "the mouth is open", turned(jawOpen=0.35), lasts_s=1.5, never=("jawOpen",)),
        Meaning("presses the lips", "pressed lips", turned(mouthPress=0.65, mouthRollLower=0.2, mouthRollUpper=0.2),
                lasts_s=1.5, never=("mouthPress",)),
        Meaning("wrinkles the nose", "wrinkled nose", turned(noseSneer=0.75), lasts_s=1.2, never=("noseSneer",)),
        Meaning("purses the lips", "lips forward", turned(mouthPucker=0.6), lasts_s=1.2, never=("mouthPucker",)),
        Meaning("head up", "chin up", turned(-8)),
        Meaning("head down", "chin down", turned(9)),
        Meaning("tilts the head", "head to one side", turned(0, 0, 7), lasts_s=3.0, eases_s=(0.6, 0.7)),
        Meaning("turns away", "head turned aside, eyes to the camera",
                Expression(gaze(-11, 0, 0).weights, turn=degrees(0, -13, 0)), lasts_s=3.0, eases_s=(0.6, 0.7)),
    )
)  # fmt: skip

HABITS = by_name(
    (
        Meaning("blinks", "how often it blinks", rate="blink_rate"),
        Meaning(
            "breathes heavily",
            "deep breaths that the head goes along with",
            idle=IdleHabits(breath_depth=2.4, breath_rate=1.2),
        ),
        Meaning("breathes fast", "quick breaths", idle=IdleHabits(breath_rate=1.9, breath_depth=1.2)),
        Meaning("breathes calmly", "slow breaths", idle=IdleHabits(breath_rate=0.7, breath_depth=1.15)),
        Meaning("sways", "head and weight drift far", idle=IdleHabits(drift=2.4, pace=0.85)),
    )
)
