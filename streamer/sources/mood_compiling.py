"""Makes one mood of all that a text says: offsets of the face, gains of the driver's own, and how it idles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.geometry.expressions import INDEX
from streamer.sources.expression import REST, Expression, combined, weights
from streamer.sources.mood import NO_MOOD, Episode, Meaning, Mood
from streamer.sources.mood_vocabulary import MEANINGS
from streamer.sources.mood_words import SOMETIMES_S, USUAL_S
from streamer.tracking.idle_habits import LEAST, USUAL_HABITS, IdleHabits

FULL_FACES = 2  # that are shown as they are; more share their strength, so that they remain a face
LIDS = [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]
MOST_LIDS = 0.5  # that eyes are held closed, beyond which they are shut, unless a word alone means more
MOST_TURN = math.radians(16)  # of the head, about each axis
GAIN_RANGE = (0.3, 1.8)  # of the driver's own eyes, brows, mouth and head
ALWAYS_S = 2.4  # from one nod to the next, of a character that always nods
RATE_POWER = 0.85  # a habit that comes twice as often as sometimes has a rate of 2 to this power
BLINKS_A_MINUTE = 17.0
BLINK = Expression(weights(eyeBlink=1.0))
BREATH = Expression(
    weights(noseSneer=0.12, jawOpen=0.06, mouthFunnel=0.06), turn=np.radians(np.array([-2.2, 0, 0], np.float32))
)
BREATH_S, VISIBLE_BREATH = 4.2, 1.6  # of a breath at rest, and the depth from which a driver's head goes along


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a text says. meaning: its name. degree: 1 as usual. every_s: seconds from one time to the next,
    0 always; None where the text does not say. negated: it is said not to be so.
    """

    meaning: str
    degree: float = 1.0
    every_s: float | None = None
    negated: bool = False


def compile_mood(said: Sequence[Said]) -> Mood:
    """The mood. What is said twice counts as it was said last; opposites are shown together."""
    last = {one.meaning: one for one in said}
    if not last:
        return NO_MOOD
    positive = [one for one in last.values() if not one.negated]
    faces = sum(1 for one in positive if not MEANINGS[one.meaning].held.is_rest)
    share = min(1.0, math.sqrt(FULL_FACES / max(faces, 1)))
    mood = NO_MOOD
    for one in positive:
        mood = _together(mood, _mood_of(MEANINGS[one.meaning], one, share))
    for one in last.values():
        if one.negated:
            mood = _without(mood, MEANINGS[one.meaning])
    lids = max([MOST_LIDS, *(float(MEANINGS[one.meaning].held.weights[LIDS].max()) for one in positive)])
    return _bounded(_with_drivers_part(mood), lids)


def _mood_of(meaning: Meaning, said: Said, share: float) -> Mood:
    """The mood of one thing alone. share: of the strength of its face."""
    every_s, degree = said.every_s, said.degree
    if every_s is None and meaning.comes_and_goes:
        every_s = SOMETIMES_S
    if meaning.rate is not None:
        rate = 1.0 if every_s is None else 3.5 if every_s == 0 else (USUAL_S / every_s) ** RATE_POWER
        return Mood(idle=meaning.idle.times(IdleHabits(**{meaning.rate: max(rate * degree, LEAST)})))
    shown = meaning.ways or (() if meaning.held.is_rest else (meaning.held,))
    is_held = not (meaning.comes_and_goes or every_s)
    if not is_held and (shown or meaning.face or meaning.gesture):
        every_s = every_s or ALWAYS_S
        lasts_s = min(meaning.lasts_s, max(0.75 * every_s, 0.3))
        episode = Episode(meaning.name, every_s, lasts_s, shown, meaning.face, meaning.gesture, degree, meaning.eases_s)
        return Mood(idle=meaning.idle if meaning.comes_and_goes else USUAL_HABITS, episodes=(episode,))
    if every_s:  # a gaze or a breath that has no face
        degree *= min((USUAL_S / every_s) ** 0.5, 1.5)
    return Mood(
        _at_degree(meaning.held, meaning.head, degree, share), meaning.idle.to_power(degree),
        tuple(episode.scaled(degree) for episode in meaning.episodes),
    )  # fmt: skip


def _at_degree(held: Expression, head: float, degree: float, share: float) -> Expression:
    """A face at a degree times a share, with its gains to the power of the degree."""
    return replace(held.at_strength(degree * share), kept=held.kept**degree, head=head**degree)


def _together(a: Mood, b: Mood) -> Mood:
    return Mood(combined([a.held, b.held]), a.idle.times(b.idle), (*a.episodes, *b.episodes))


def _without(mood: Mood, meaning: Meaning) -> Mood:
    """A mood in which something never is: shapes of the face that would show it go, the habit becomes rarest."""
    if meaning.rate is not None:
        return replace(mood, idle=replace(mood.idle, **{meaning.rate: LEAST}))
    if not meaning.never:
        return mood
    hidden = [place for name, place in INDEX.items() if name.removesuffix("_L").removesuffix("_R") in meaning.never]

    def hide(shown: Expression) -> Expression:
        values = shown.weights.copy()
        values[hidden] = np.minimum(values[hidden], 0)
        return replace(shown, weights=values)

    episodes = tuple(replace(each, ways=tuple(map(hide, each.ways))) for each in mood.episodes)
    return replace(mood, held=hide(mood.held), episodes=episodes)


def _with_drivers_part(mood: Mood) -> Mood:
    """A mood with what its habits add to a driver who is seen, whose own blinks and breath stay as they are."""
    added = []
    if mood.idle.blink_rate > 1.05:
        every_s = 60 / (BLINKS_A_MINUTE * (mood.idle.blink_rate - 1))
        added.append(Episode("blink", every_s, 0.26, (BLINK,), eases_s=(0.08, 0.15), for_drivers=True))
    if mood.idle.breath_depth > VISIBLE_BREATH:
        every_s = BREATH_S / mood.idle.breath_rate
        added.append(
            Episode(
                "breath", every_s, 0.9 * every_s, (BREATH,), strength=mood.idle.breath_depth - 1,
                eases_s=(0.4 * every_s, 0.45 * every_s), for_drivers=True,
            )
        )  # fmt: skip
    return replace(mood, episodes=(*mood.episodes, *added))


def _bounded(mood: Mood, lids: float) -> Mood:
    """lids: the most that eyes are held closed."""
    values = mood.held.weights.copy()
    values[LIDS] = np.minimum(values[LIDS], lids)
    turn, kept = mood.held.turn.clip(-MOST_TURN, MOST_TURN), mood.held.kept.clip(*GAIN_RANGE)
    extras = mood.held.extras.clip(0, 1)
    head = min(max(mood.held.head, GAIN_RANGE[0]), GAIN_RANGE[1])
    held = replace(mood.held, weights=values, turn=turn, kept=kept, extras=extras, head=head)
    return replace(mood, held=REST if mood.held.is_rest else held)
