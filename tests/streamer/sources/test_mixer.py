"""The mixer: each source is asked once for a moment, and what they say adds up on the driver's face."""

from __future__ import annotations

import pytest

from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER
from streamer.runtime.sound_feed import SoundFeed
from streamer.sources.expression import MOUTH, REST, Expression, weights
from streamer.sources.mixer import Mixer, live_mixer
from streamer.sources.source import Moment
from streamer.sources.wanted_motion import WantedActs, WantedMotion
from streamer.tracking.motion import Motion
from tests.support.people import person


class Saying:
    """Says the same all the time, and keeps for which moments."""

    def __init__(self, expression: Expression) -> None:
        self._expression, self.asked = expression, list[Moment]()

    def at(self, moment: Moment) -> Expression:
        self.asked.append(moment)
        return self._expression


def opening(motion: Motion) -> float:
    assert motion.face is not None
    return float(motion.face[LOWER_LIP_INNER, 1] - motion.face[UPPER_LIP_INNER, 1])


def test_mixer_asks_each_source_once_and_adds_up_what_they_say() -> None:
    driver, neutral, moment = person(1.0), person(0.0), Moment(1.0, is_seen=False)
    jaw = Expression(weights(jawOpen=0.3))
    one, two = Saying(jaw), Saying(jaw)
    alone, _ = Mixer([Saying(jaw)]).mix(driver, neutral, moment)
    both, against = Mixer([one, two]).mix(driver, neutral, moment)
    assert one.asked == two.asked == [moment] and against is neutral
    grown = opening(alone) - opening(driver)
    assert grown > 0 and opening(both) - opening(driver) == pytest.approx(2 * grown, rel=0.05)


def test_mixer_lets_a_source_replace_the_drivers_own_mouth() -> None:
    kept = REST.kept.copy()
    kept[MOUTH] = 0
    replacing = Saying(Expression(kept=kept))
    neutral = person(0.0)
    shown, _ = Mixer([replacing]).mix(person(1.0, mouth=0.3), neutral, Moment(1.0))
    assert opening(shown) == pytest.approx(opening(neutral), abs=1e-3) and not shown.mouth.any()


def test_mixer_changes_nothing_where_no_source_says_anything() -> None:
    driver, neutral = person(1.0), person(0.0)
    for mixer in (Mixer([]), Mixer([Saying(REST)]), live_mixer(SoundFeed())):
        shown, against = mixer.mix(driver, neutral, Moment(1.0))
        assert shown is driver and against is neutral


def test_live_mixer_plays_the_acts_that_are_wanted() -> None:
    mixer, wanted = live_mixer(SoundFeed()), WantedMotion(WantedActs(frozenset({"surprise"})))
    neutral = person(0.0)
    shown = [mixer.mix(person(now), neutral, Moment(now, wanted=wanted))[0] for now in (0.0, 0.1, 0.2, 0.3)]
    assert opening(shown[-1]) > opening(shown[0]) + 0.01
