"""Words become offsets, gains and idle habits: by degree, together, and without what is negated."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.sources.expression import BROWS, MOUTH, bounds
from streamer.sources.mood import NO_MOOD, Episode, Mood
from streamer.sources.mood_compiling import GAIN_RANGE, MOST_LIDS, MOST_TURN
from streamer.sources.mood_reading import read_mood
from streamer.sources.mood_vocabulary import MEANINGS
from streamer.tracking.idle_habits import LEAST, MOST, USUAL_HABITS


def mood(text: str) -> Mood:
    reading = read_mood(text)
    assert not reading.unknown
    return reading.mood


def weight(text: str, name: str) -> float:
    return float(mood(text).held.weights[INDEX[name]])


def episode(text: str, name: str) -> Episode:
    return next(each for each in mood(text).episodes if each.name == name)


def test_nothing_said_is_no_mood() -> None:
    assert mood("") is NO_MOOD and mood("neutral").held.is_rest and mood("not angry").held.is_rest


def test_degrees_order_how_much_is_shown() -> None:
    levels = [weight(f"{degree} happy", "mouthSmile_L") for degree in ("slightly", "", "very", "extremely")]
    assert 0.1 < levels[0] < levels[1] < levels[2] < levels[3] < 1
    lids = [weight(f"{degree} tired", "eyeBlink_L") for degree in ("slightly", "", "very")]
    assert 0.1 < lids[0] < 0.6 * lids[1] < 0.6 * lids[2]


def test_eyes_stay_open_unless_words_shut_them() -> None:
    assert weight("extremely tired, extremely bored, sick", "eyeBlink_L") == MOST_LIDS
    assert weight("sleepy", "eyeBlink_L") > MOST_LIDS and weight("closed eyes", "eyeBlink_L") == 1


def test_what_is_said_twice_counts_as_it_was_said_last() -> None:
    once, twice = mood("very happy"), mood("sad, happy, not sad, very happy")
    assert np.array_equal(once.held.weights, twice.held.weights) and once.idle == twice.idle


def test_opposites_are_shown_together_and_many_faces_each_weaker() -> None:
    assert weight("happy, sad", "mouthSmile_L") == weight("happy", "mouthSmile_L")
    assert weight("happy, sad", "mouthFrown_L") == weight("sad", "mouthFrown_L")
    assert weight("happy, sad, curious", "mouthSmile_L") < weight("happy", "mouthSmile_L")


def test_a_negated_face_takes_its_shapes_from_the_others() -> None:
    assert weight("friendly", "mouthSmile_L") > 0.2
    assert weight("friendly, never smiles", "mouthSmile_L") == 0
    assert weight("friendly, never smiles", "cheekSquint_L") > 0
    assert weight("serious, does not frown", "mouthPress_L") > 0 == weight("serious, does not frown", "browDown_L")


def test_energy_changes_gains_and_idling() -> None:
    calm, lively = mood("calm"), mood("lively")
    assert calm.held.kept[BROWS] < 1 < lively.held.kept[BROWS] and calm.held.kept[MOUTH] < lively.held.kept[MOUTH]
    assert calm.held.head < 1 < lively.held.head
    assert calm.idle.drift < 1 < lively.idle.drift and calm.idle.pace < 1 < lively.idle.pace
    assert mood("slightly lively").idle.drift < lively.idle.drift < mood("very lively").idle.drift


def test_blinks_have_a_rate_while_idling_and_only_more_of_them_before_the_camera() -> None:
    assert mood("blinks").idle == USUAL_HABITS
    assert mood("rarely blinks").idle.blink_rate < 0.6 and mood("blinks a lot").idle.blink_rate > 1.5
    assert mood("never blinks").idle.blink_rate == LEAST and not mood("never blinks").episodes
    assert episode("blinks a lot", "blink").for_drivers


def test_frequencies_make_episodes_of_what_would_be_held() -> None:
    assert mood("looks down").held.weights[INDEX["eyeLookDown_L"]] > 0.4 and not mood("looks down").episodes
    assert mood("looks down sometimes").held.is_rest
    intervals = [episode(f"looks down {often}", "looks down").every_s for often in ("rarely", "sometimes", "often")]
    assert intervals[0] > 2 * intervals[1] > 3 * intervals[2]
    assert mood("looks down always").held.weights[INDEX["eyeLookDown_L"]] > 0.4
    assert episode("sometimes happy", "happy").lasts_s < episode("sometimes happy", "happy").every_s
    assert episode("always nods", "nods").every_s < episode("nods often", "nods").every_s
    assert episode("laughs", "laughs").face == "laugh" and episode("waves", "waves").gesture == "wave"


@pytest.mark.parametrize("name", MEANINGS)
def test_every_meaning_shows_something_within_bounds(name: str) -> None:
    for text in (name, f"extremely {name}", f"{name} often", f"not {name}"):
        one = mood(text)
        assert one.held.extras.min() >= 0 and one.held.extras.max() <= 1
        assert (np.abs(one.held.weights) <= bounds()).all() and np.abs(one.held.turn).max() <= MOST_TURN + 1e-6
        assert all(GAIN_RANGE[0] <= gain <= GAIN_RANGE[1] for gain in (*one.held.kept, one.held.head))
        assert all(each.every_s > each.lasts_s or each.gesture for each in one.episodes), text
        assert len({each.name for each in one.episodes}) == len(one.episodes)
    plain = mood(name)
    is_empty = plain.held.is_rest and not plain.episodes and plain.idle == USUAL_HABITS
    assert is_empty == (name in ("neutral", "blinks"))


def test_everything_at_once_stays_within_bounds() -> None:
    for names in (list(MEANINGS)[:12], list(MEANINGS)[20:34]):
        one = mood(", ".join(names)[:200].rpartition(",")[0])
        assert all(LEAST <= value <= MOST for value in (one.idle.drift, one.idle.blink_rate, one.idle.pace))
        assert np.abs(one.held.turn).max() <= MOST_TURN + 1e-6
