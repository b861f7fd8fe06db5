"""What the words for feelings and faces mean: low, living levels of them, which leave room for what the driver does."""

from __future__ import annotations

import numpy as np

from streamer.sources.expression import Expression, weights
from streamer.sources.mood import Episode, Meaning, by_name, degrees
from streamer.sources.mood_habits import AWAY, DOWN_ASIDE, LONG_BLINK, SIGH, THINKING_LOOK, YAWN, gaze
from streamer.tracking.idle_habits import USUAL_HABITS, IdleHabits


def shown(
    turn: tuple[float, float, float] = (0, 0, 0),
    kept: tuple[float, float, float] = (1, 1, 1),
    blush: float = 0.0,
    **named: float,
) -> Expression:
    """turn: degrees down, to the own right, tilted to the own left. kept: gains of eyes, brows, mouth. blush: 0..1."""
    extras = np.array([0, blush], np.float32)
    return Expression(weights(**named), np.array(kept, np.float32), degrees(*turn), extras=extras)


def feeling(
    name: str,
    about: str,
    held: Expression,
    idle: IdleHabits = USUAL_HABITS,
    *episodes: Episode,
    head: float = 1.0,
    never: tuple[str, ...] = (),
) -> Meaning:
    """A face that is held as long as the mood is, and comes for some seconds where it is said to come and go."""
    return Meaning(name, about, held, head, idle, episodes, never=never)


# Weight of a smile that straightens the corners of a picture's own light one, and leaves level lips nearly as they are.
LEVEL = -0.35
SMILES = ("mouthSmile", "mouthDimple")

FACES = by_name(
    (
        feeling("neutral", "nothing of its own", shown()),
        # ---- glad
        feeling(
            "happy", "smiles with the eyes, moves a little more",
            shown(kept=(1, 1.1, 1.1), mouthSmile=0.48, cheekSquint=0.4, eyeSquint=0.15, mouthUpperUp=0.1),
            IdleHabits(drift=1.15, pace=1.1), never=SMILES,
        ),
        feeling("smile", "a smile", shown(mouthSmile=0.55, cheekSquint=0.4, eyeSquint=0.2), never=SMILES),
        feeling(
            "grin", "a broad smile that shows teeth",
            shown(mouthSmile=0.75, cheekSquint=0.55, mouthUpperUp=0.3, mouthDimple=0.2, jawOpen=0.08, eyeSquint=0.2),
            never=SMILES,
        ),
        feeling(
            "smirk", "one corner of the mouth and a brow go up",
            shown(
                (0, 0, -2), mouthSmile_L=0.7, mouthDimple_L=0.4, cheekSquint_L=0.3, browOuterUp_L=0.5, eyeSquint=0.15
            ), never=SMILES,
        ),
        feeling(
            "content", "a small, quiet smile",
            shown(mouthSmile=0.3, cheekSquint=0.3, eyeBlink=0.16), IdleHabits(pace=0.85, blink_rate=0.9),
        ),
        feeling(
            "friendly", "a light smile, brows a little up, head tilted, nods now and then",
            shown((0, 0, 4), mouthSmile=0.45, cheekSquint=0.3, browOuterUp=0.4, browInnerUp=0.2), USUAL_HABITS,
            Episode("friendly nod", 16, gesture="nod", strength=0.35),
        ),
        feeling(
            "amused", "holds a smile back",
            shown(mouthSmile=0.4, mouthPress=0.25, cheekSquint=0.3, browOuterUp=0.2, eyeSquint=0.12),
        ),
        feeling(
            "excited", "wide eyes, brows up, smiles, moves much",
            shown(kept=(1.1, 1.25, 1.2), mouthSmile=0.5, cheekSquint=0.3, eyeWide=0.3, browOuterUp=0.4, jawOpen=0.06),
            IdleHabits(blink_rate=1.2, drift=1.5, pace=1.6, breath_rate=1.25), head=1.2,
        ),
        feeling(
            "in love", "soft eyes, a smile, head tilted, sighs",
            shown((-2, 0, 5), blush=0.3, mouthSmile=0.4, cheekSquint=0.25, browInnerUp=0.35, eyeBlink=0.2),
            IdleHabits(blink_length=1.4, pace=0.7, wander=0.6), SIGH.scaled(1),
        ),
        feeling(
            "relieved", "brows go up and the face relaxes, sighs",
            shown((-4, 0, 2), browInnerUp=0.7, browOuterUp=0.3, mouthSmile=0.35, eyeBlink=0.38),
            IdleHabits(pace=0.8), SIGH.scaled(1.4),
        ),
        feeling(
            "touched", "brows up in the middle, a small smile",
            shown((1, 0, 2), browInnerUp=0.55, mouthSmile=0.3, mouthPress=0.15, eyeBlink=0.1),
            IdleHabits(blink_rate=1.2),
        ),
        feeling(
            "hopeful", "chin and brows up, a trace of a smile",
            shown((-6, 0, 0), browInnerUp=0.8, browOuterUp=0.3, mouthSmile=0.2, eyeWide=0.25),
        ),
        feeling(
            "proud", "chin up, lids low, a closed smile",
            shown((-9, 0, 0), mouthSmile=0.3, mouthPress=0.25, eyeBlink=0.28, browOuterUp=0.45, browInnerUp=0.15),
            IdleHabits(drift=0.8, blink_rate=0.8),
        ),
        feeling(
            "confident", "head up and a little aslant, steady eyes, a trace of a smile in one corner",
            shown(
                (-4, 4, -3), mouthSmile=0.12, mouthSmile_L=0.4, eyeSquint=0.25, browDown=0.15, browOuterUp_L=0.3
            ),
            IdleHabits(drift=0.75, blink_rate=0.75, wander=0.5),
        ),
        feeling(
            "smug", "chin up, lids low, half a smile",
            shown((-5, 0, 3), eyeBlink=0.32, mouthSmile_L=0.55, mouthDimple_L=0.3, mouthPress=0.15, browOuterUp=0.2),
        ),
        feeling(
            "playful", "a crooked smile, a brow up, head tilted, winks now and then",
            shown((0, 0, 4), mouthSmile=0.35, mouthSmile_L=0.65, cheekSquint=0.3, browOuterUp_L=0.55, eyeWide=0.1),
            IdleHabits(drift=1.3, pace=1.3), Episode("playful wink", 14, 0.5, face="wink-left", eases_s=(0.12, 0.2)),
        ),
        feeling(
            "flirty", "low lids, half a smile, head tilted, winks now and then",
            shown((3, 5, 4), eyeBlink=0.18, mouthSmile=0.2, mouthSmile_L=0.5, browOuterUp=0.2),
            IdleHabits(blink_length=1.3, pace=0.85),
            Episode("flirty wink", 18, 0.6, face="wink-left", eases_s=(0.15, 0.25)),
        ),
        feeling(
            "mischievous", "narrow eyes under low brows, and smiles",
            shown((5, 0, 3), browDown=0.4, eyeSquint=0.35, mouthSmile=0.35, mouthSmile_L=0.6, cheekSquint=0.2),
        ),
        feeling(
            "gentle", "soft brows, a light smile, calm",
            shown((3, 0, 4), browInnerUp=0.5, mouthSmile=0.25, eyeBlink=0.2),
            IdleHabits(pace=0.75, drift=0.85), head=0.9,
        ),
        feeling(
            "innocent", "wide eyes, brows up in the middle",
            shown((2, 0, 4), eyeWide=0.35, browInnerUp=0.45, mouthSmile=0.12, mouthPucker=0.08),
        ),
        feeling(
            "dreamy", "low lids, looks up and away, slow",
            shown((-3, 0, 4), eyeBlink=0.22, browInnerUp=0.2, mouthSmile=0.15),
            IdleHabits(blink_length=1.5, pace=0.6, wander=1.5, blink_rate=0.8), THINKING_LOOK.scaled(1.2), head=0.85,
        ),
        # ---- low
        feeling(
            "sad", "brows up in the middle, corners of the mouth and gaze down, sighs now and then",
            shown(
                (5, 0, 2), (0.9, 0.6, 0.8), browInnerUp=1.8, browOuterUp=-0.9, mouthFrown=1.0, mouthShrugLower=0.45,
                eyeBlink=0.15,
            ),
            IdleHabits(drift=0.75, pace=0.65, wander=1.2), SIGH.scaled(0.8), head=0.8,
        ),
        feeling(
            "crying", "brows high in the middle, narrowed eyes, mouth pulled down and apart",
            shown(
                (7, 0, 2), (0.8, 0.4, 0.7), browInnerUp=1.7, browOuterUp=-0.8, mouthFrown=0.9, mouthStretch=0.3,
                eyeSquint=0.5, eyeBlink=0.25, mouthShrugLower=0.5, cheekSquint=0.3,
            ), IdleHabits(breath_rate=1.5, breath_depth=1.4, blink_rate=1.6), SIGH.scaled(1.5),
        ),
        feeling(
            "disappointed", "pressed lips, corners down, brows up in the middle",
            shown(
                (4, 0, 2), browInnerUp=1.0, browOuterUp=-0.4, mouthSmile=LEVEL, mouthFrown=0.75, mouthPress=0.3,
                eyeBlink=0.15,
            ),
            IdleHabits(pace=0.8), SIGH.scaled(0.8),
        ),
        feeling(
            "tired", "heavy lids that close for long, head low, little motion, sighs now and then",
            shown((4, 0, 2), (0.8, 0.6, 0.8), eyeBlink=0.42, browInnerUp=0.15, mouthFrown=0.35, jawOpen=0.03),
            IdleHabits(blink_rate=1.2, blink_length=1.8, pace=0.6, drift=0.85), LONG_BLINK, SIGH.scaled(0.7), head=0.75,
        ),
        feeling(
            "sleepy", "lids nearly closed, head sinks and comes up again, yawns",
            shown((6, 0, 4), (0.7, 0.6, 0.8), eyeBlink=0.55, browOuterUp=0.3, jawOpen=0.05),
            IdleHabits(blink_rate=0.9, blink_length=2.4, pace=0.5, drift=0.8), YAWN.scaled(0.7),
            Episode("nodding off", 13, 2.2, (shown((9, 0, 2), eyeBlink=0.5),), eases_s=(1.3, 0.35)), head=0.7,
        ),
        feeling(
            "bored", "half-closed eyes, head aslant, looks elsewhere for long, sighs",
            shown((1, 0, 6), (0.9, 0.6, 0.75), eyeBlink=0.42, mouthSmile=LEVEL, mouthFrown=0.4, browOuterUp=0.1),
            IdleHabits(pace=0.65, wander=1.9, blink_length=1.4), AWAY.scaled(1.3), SIGH.scaled(1), head=0.8,
        ),
        feeling(
            "lonely", "a little sad, looks down",
            shown((5, 0, 2), (0.9, 0.7, 0.8), browInnerUp=1.2, browOuterUp=-0.5, mouthFrown=0.6, eyeBlink=0.15),
            IdleHabits(pace=0.65, drift=0.7), DOWN_ASIDE, head=0.8,
        ),
        feeling(
            "sick", "heavy lids, brows up in the middle, mouth a little open and down",
            shown((4, 0, 3), (0.8, 0.6, 0.8), eyeBlink=0.36, browInnerUp=0.6, mouthFrown=0.55, jawOpen=0.06),
            IdleHabits(pace=0.55, blink_length=1.6, breath_rate=1.2), head=0.75,
        ),
        feeling(
            "in pain", "low brows, narrowed eyes, drawn lips",
            shown((3, 0, 3), browDown=0.6, browInnerUp=0.3, eyeSquint=0.55, mouthStretch=0.4, noseSneer=0.35),
            IdleHabits(breath_rate=1.3, breath_depth=1.4),
        ),
        # ---- unsure
        feeling(
            "shy", "head down and turned a little, brows up in the middle, looks down and aside, a closed mouth",
            shown((5, 5, 3), (0.9, 0.9, 0.8), browInnerUp=0.4, blush=0.25, mouthPress=0.25, mouthSmile=0.12),
            IdleHabits(blink_rate=1.3, wander=1.4), DOWN_ASIDE, head=0.8,
        ),
        feeling(
            "embarrassed", "head down, eyes down and aside, a drawn smile, red cheeks",
            shown((6, 4, 2), blush=0.6, browInnerUp=0.5, mouthSmile=0.3, mouthStretch=0.25, mouthPress=0.25),
            IdleHabits(blink_rate=1.6, wander=1.5), DOWN_ASIDE.scaled(1.5), head=0.85,
        ),
        feeling(
            "guilty", "head and eyes down, brows up in the middle",
            Expression(
                shown(browInnerUp=0.6, mouthFrown=0.55, mouthPress=0.2).weights + gaze(0, 14).weights,
                turn=degrees(8, 3, 0),
            ), IdleHabits(drift=0.7, blink_rate=1.2), head=0.75,
        ),
        feeling(
            "nervous", "brows up in the middle, pressed lips, many blinks, quick glances, bites its lip",
            shown(kept=(1.1, 1, 1), browInnerUp=1.0, browOuterUp=-0.3, mouthSmile=-0.2, mouthFrown=0.25, mouthPress=0.4,
                mouthStretch=0.4, eyeWide=0.35),
            IdleHabits(blink_rate=2.0, drift=1.3, pace=1.8, wander=1.7, breath_rate=1.35),
            Episode("nervous glance", 4, 0.5, (gaze(16, 2), gaze(-16, 2), gaze(8, 9)), eases_s=(0.06, 0.08)),
            Episode("nervous lip", 9, 1.2, (shown(mouthRollLower=0.7, mouthPress=0.3),), eases_s=(0.25, 0.3)),
        ),
        feeling(
            "worried", "brows drawn up and together, corners of the mouth down",
            shown(
                (2, 0, 0), browInnerUp=1.3, browDown=0.3, browOuterUp=-0.4, mouthSmile=-0.2, mouthFrown=0.6,
                mouthPress=0.2,
            ),
            IdleHabits(blink_rate=1.3, pace=1.15),
        ),
        feeling(
            "afraid", "wide eyes, brows up, drawn lips, breathes fast",
            shown((-2, 0, 0), browInnerUp=0.85, browOuterUp=0.35, eyeWide=0.6, mouthStretch=0.45, jawOpen=0.08),
            IdleHabits(blink_rate=1.4, pace=1.6, breath_rate=1.7, breath_depth=1.4),
        ),
        feeling(
            "confused", "one brow up and one down, mouth aside, head aslant",
            shown((0, 0, 5), browOuterUp_L=0.85, browInnerUp=0.25, browDown_R=0.7, mouthLeft=0.35, mouthFrown=0.2),
            IdleHabits(blink_rate=1.3),
        ),
        feeling(
            "sceptical", "one brow up, narrow eyes, mouth aside",
            shown(
                (-1, 5, -3), browOuterUp_L=0.95, browDown_R=0.75, eyeSquint=0.3, mouthLeft=0.4, mouthSmile=-0.2,
                mouthFrown=0.35, mouthPress=0.2,
            ),
        ),
        # ---- awake
        feeling(
            "curious", "brows up, one more than the other, wide eyes, head aslant, looks about",
            shown((2, 0, 5), browOuterUp=0.35, browOuterUp_L=0.8, browInnerUp=0.35, eyeWide=0.35, mouthFunnel=0.05),
            IdleHabits(pace=1.25, wander=1.4),
        ),
        feeling(
            "attentive", "brows a little up, open eyes that stay, nods now and then",
            shown((1, 0, 1), browOuterUp=0.25, eyeWide=0.2, mouthPress=0.08), IdleHabits(wander=0.4, blink_rate=0.8),
            Episode("attentive nod", 11, gesture="nod", strength=0.45),
        ),
        feeling(
            "thoughtful", "brows a little together, looks up and aside for long",
            shown((0, 3, 3), browDown=0.4, browInnerUp=0.25, mouthSmile=-0.2, mouthPress=0.2, mouthLeft=0.35),
            IdleHabits(blink_rate=0.8, pace=0.75), THINKING_LOOK,
        ),
        feeling(
            "focused", "low brows, narrow eyes that stay, few blinks",
            shown(
                (4, 0, 0), browDown=1.0, browInnerUp=-0.3, eyeSquint=0.6, eyeBlink=0.16, mouthSmile=LEVEL,
                mouthPucker=0.12,
            ),
            IdleHabits(blink_rate=0.5, wander=0.3, drift=0.6),
        ),
        feeling(
            "surprised", "brows up, wide eyes, mouth a little open",
            shown((-3, 0, 0), browInnerUp=0.7, browOuterUp=0.75, eyeWide=0.6, jawOpen=0.2, mouthFunnel=0.1),
            IdleHabits(blink_rate=0.8),
        ),
        feeling(
            "serious", "level brows, closed lips, few smiles, little motion",
            shown(
                kept=(1, 0.85, 0.9), browDown=0.6, browInnerUp=-0.2, mouthSmile=LEVEL, mouthPress=0.2,
                mouthUpperUp=-0.15, mouthLowerDown=-0.15,
            ),
            IdleHabits(blink_rate=0.8, drift=0.75, wander=0.7), head=0.9,
        ),
        feeling(
            "determined", "low brows, pressed lips, chin up and forward",
            shown(
                (-2, 0, 0), browDown=1.5, browInnerUp=-0.8, browOuterUp=0.5, mouthSmile=LEVEL, mouthFrown=0.5,
                mouthPress=0.3, mouthShrugLower=0.5, jawForward=0.3,
            ),
            IdleHabits(blink_rate=0.6, wander=0.4),
        ),
        # ---- against
        feeling(
            "angry", "low brows, narrow eyes, pressed lips, head lowered",
            shown(
                (4, 0, 0), browDown=1.8, browInnerUp=-1.1, browOuterUp=0.9, eyeSquint=0.45, noseSneer=0.4,
                mouthPress=0.3, mouthSmile=LEVEL, mouthFrown=0.9, mouthShrugLower=0.4,
            ), IdleHabits(blink_rate=0.7, breath_rate=1.2, breath_depth=1.4, wander=0.5), head=1.15,
        ),
        feeling(
            "annoyed", "low brows, lids a little down, mouth aside, rolls its eyes now and then",
            shown(
                (0, 3, 2), browDown=1.2, browInnerUp=-0.5, eyeBlink=0.2, mouthPress=0.2, mouthLeft=0.4,
                mouthSmile=LEVEL, mouthFrown=0.45,
            ),
            USUAL_HABITS, Episode("annoyed eyes", 17, 0.9, (gaze(4, -22, 0.05),), eases_s=(0.2, 0.2)),
        ),
        feeling(
            "disgusted", "wrinkled nose, upper lip up, head turned away a little",
            shown(
                (-2, 6, 0), noseSneer=0.9, mouthUpperUp=-0.15, browDown=0.8, browInnerUp=-0.3, mouthSmile=LEVEL,
                mouthFrown=0.6, mouthShrugLower=0.4, eyeSquint=0.45,
            ),
        ),
        feeling(
            "pouting", "lower lip forward, corners down, low brows",
            shown((5, 0, 0), mouthPucker=0.6, mouthShrugLower=0.65, mouthFrown=0.65, browDown=0.4, browInnerUp=0.2),
        ),
        feeling(
            "evil", "looks up from under low brows, and smiles",
            Expression(
                shown(browDown=0.75, mouthSmile=0.45, eyeSquint=0.25, cheekSquint=0.15, mouthDimple=0.3).weights
                + gaze(0, -9, 0).weights, turn=degrees(9, 0, 0),
            ), IdleHabits(blink_rate=0.4, pace=0.6, wander=0.3),
        ),
        feeling(
            "drunk", "heavy lids, a loose smile, sways",
            shown((2, 0, 3), eyeBlink=0.48, mouthSmile=0.25, jawOpen=0.05, browOuterUp=0.2),
            IdleHabits(drift=2.8, pace=0.8, blink_length=1.8), head=1.2,
        ),
    )
)  # fmt: skip
