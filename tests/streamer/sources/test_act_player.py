"""Playing acts: easing in and out, several at once, gestures that end by themselves, late frames."""

from __future__ import annotations

from itertools import pairwise

import pytest

from models.geometry.expressions import INDEX
from streamer.sources.act_player import EASE_IN_S, EASE_OUT_S, ActPlayer
from streamer.sources.acts import GESTURES
from streamer.sources.expression import Expression, weights
from streamer.sources.source import Moment
from streamer.sources.wanted_motion import WantedActs, WantedMotion

PERIOD_S = 0.04
SMILE = INDEX["mouthSmile_L"]
SMILING = WantedActs(frozenset({"smile"}))


def moment(wanted: WantedActs, now: float) -> Moment:
    return Moment(now, wanted=WantedMotion(wanted))


def play(player: ActPlayer, wanted: WantedActs, since: float, seconds: float) -> tuple[list[Expression], float]:
    """What is shown, and when the last of it."""
    shown, now = [], since
    while now < since + seconds:
        shown.append(player.at(moment(wanted, now)))
        now += PERIOD_S
    return shown, now


def test_nothing_wanted_is_rest() -> None:
    assert ActPlayer().at(Moment(5.0)).is_rest


def test_a_face_eases_in_stays_and_eases_out() -> None:
    player = ActPlayer()
    coming, now = play(player, SMILING, 0.0, EASE_IN_S + 0.3)
    amounts = [float(each.weights[SMILE]) for each in coming]
    assert amounts[0] == 0 and amounts == sorted(amounts) and amounts[-1] == pytest.approx(0.75)
    assert max(b - a for a, b in pairwise(amounts)) < 0.5 * amounts[-1]
    going, now = play(player, WantedActs(), now, EASE_OUT_S + 0.1)
    amounts = [float(each.weights[SMILE]) for each in going]
    assert amounts == sorted(amounts, reverse=True) and going[-1].is_rest


def test_a_face_that_is_wanted_again_goes_on_from_where_it_is() -> None:
    player = ActPlayer()
    _, now = play(player, SMILING, 0.0, 1.0)
    leaving, now = play(player, WantedActs(), now, EASE_OUT_S / 2)
    back = player.at(moment(SMILING, now))
    assert 0.3 < back.weights[SMILE] / 0.75 < 1 and back.weights[SMILE] >= leaving[-1].weights[SMILE]


def test_late_frames_show_no_jump() -> None:
    player = ActPlayer()
    player.at(moment(SMILING, 0.0))
    assert player.at(moment(SMILING, 60.0)).weights[SMILE] < 0.75
    assert player.at(moment(SMILING, 59.0)).weights[SMILE] < 0.75, "a clock that went back"


def test_faces_of_ones_own_ease_out_after_they_are_gone() -> None:
    player = ActPlayer()
    own = WantedActs(own={"own-1": Expression(weights(cheekPuff=1.0))})
    _, now = play(player, own, 0.0, 1.0)
    going, now = play(player, WantedActs(), now, EASE_OUT_S + 0.1)
    assert going[0].weights[INDEX["cheekPuff_L"]] > 0.5 and going[-1].is_rest


def test_gestures_play_once_beside_a_face() -> None:
    player = ActPlayer()
    wanted = WantedActs(frozenset({"smile"}), gestures={"nod": 1.0})
    shown, _ = play(player, wanted, 0.0, 1.0 + GESTURES["nod"].seconds + 0.3)
    turned = [abs(float(each.turn[0])) for each in shown]
    assert turned[0] == 0 and max(turned) > 0.1 and turned[-1] == 0 and shown[-1].weights[SMILE] == pytest.approx(0.75)
