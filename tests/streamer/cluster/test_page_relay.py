"""A page's way through the ingress, with replicas that are objects here: spreads, moves, deaths and refusals."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.websockets import WebSocketState

from streamer.cluster import page_relay
from streamer.cluster.errors import NoReplicaError
from streamer.cluster.page_relay import BYE, PageRelay
from streamer.cluster.session_directory import Record
from tests.support.relay_fleet import TIMEOUT_S, Fleet, Socket

SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"
HELLO = json.dumps({"type": "hello", "protocol": 1, "resume": SECRET})
OFFER = json.dumps({"type": "offer", "sdp": "v=0"})
CANDIDATE = json.dumps({"type": "candidate", "candidate": None})


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(page_relay, "RETRY_S", 0.01)
    return Fleet()


class Running:
    """A relay that runs: `async with Running(fleet) as (relay, socket)`. sessions: what it told of, in turn."""

    def __init__(self, fleet: Fleet) -> None:
        self.socket = Socket()
        self.sessions: list[tuple[str, str | None, str]] = []
        self.relay = PageRelay(fleet, self.socket, {}, lambda *each: self.sessions.append(each))  # type: ignore[arg-type]

    async def __aenter__(self) -> tuple[PageRelay, Socket]:
        self.task = asyncio.create_task(self.relay.run())
        self.socket.say(HELLO)
        return self.relay, self.socket

    async def __aexit__(self, *_: object) -> None:
        self.socket.leave()
        async with asyncio.timeout(TIMEOUT_S):
            await self.task


def kinds(socket: Socket) -> list[str]:
    return [message["type"] for message in socket.sent]


async def test_relay_passes_messages_both_ways_and_tells_the_replica_when_the_page_is_gone(fleet: Fleet) -> None:
    running = Running(fleet)
    async with running as (relay, socket):
        socket.say(OFFER, CANDIDATE)
        await socket.until(lambda: "answer" in kinds(socket))
        assert kinds(socket) == ["ready", "answer"] and relay.replica == "a"
    (link,) = fleet.links
    assert link.heard == [HELLO, OFFER, CANDIDATE, None] and running.sessions == [("name", SECRET, "a")]


async def test_relay_goes_to_the_replica_where_the_session_is(fleet: Fleet) -> None:
    fleet.adopted.append("b")
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        assert relay.replica == "b" and socket.sent[0]["resumed"]


async def test_relay_moves_a_session_and_lets_the_former_replica_draw_until_the_new_one_answers(fleet: Fleet) -> None:
    async with Running(fleet) as (relay, socket):
        socket.say(OFFER)
        await socket.until(lambda: "answer" in kinds(socket))
        assert await relay.move()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        former, present = fleet.links
        assert (former.replica, present.replica, relay.replica) == ("a", "b", "b")
        assert BYE not in former.heard and socket.sent[-1]["resumed"]
        former.say(type="stats")  # of a session that has moved: the page learns nothing of it
        socket.say(CANDIDATE, OFFER, CANDIDATE)
        await socket.until(lambda: kinds(socket).count("answer") == 2)
        await socket.until(lambda: BYE in former.heard or socket.changed.set())
        assert present.heard[:2] == [HELLO, OFFER], "a candidate of the former connection was passed on"
        assert "stats" not in kinds(socket)


async def test_offer_that_comes_while_its_session_moves_is_left_to_the_further_one(fleet: Fleet) -> None:
    late = json.dumps({"type": "offer", "sdp": "v=0 late"})
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.may_adopt.clear()
        moving = asyncio.create_task(relay.move())
        socket.say(late)
        async with asyncio.timeout(TIMEOUT_S):
            while not (socket.incoming.empty() and relay._switching.locked()):
                await asyncio.sleep(0)
        fleet.may_adopt.set()
        assert await moving
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        socket.say(OFFER, CANDIDATE)
        await socket.until(lambda: "answer" in kinds(socket))
    assert [text for text in fleet.links[1].heard if text] == [HELLO, OFFER, CANDIDATE]


async def test_relay_does_not_move_where_nobody_has_room(fleet: Fleet) -> None:
    fleet.full = {"b"}
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        assert not await relay.move() and relay.replica == "a"
        socket.say(OFFER)
        await socket.until(lambda: "answer" in kinds(socket))


async def test_session_with_something_that_cannot_come_along_stays_until_it_has_to_move(fleet: Fleet) -> None:
    fleet.record = Record("name", "a", b"carried", "", is_busy=True)
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        assert not await relay.move() and relay.replica == "a"
        assert await relay.move(spares=False)
        await socket.until(lambda: kinds(socket).count("ready") == 2)


async def test_session_of_a_dead_replica_goes_on_at_another_one(fleet: Fleet) -> None:
    async with Running(fleet) as (relay, socket):
        socket.say(OFFER)
        await socket.until(lambda: "answer" in kinds(socket))
        fleet.dead, fleet.is_known = {"a"}, True
        fleet.links[0].die()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and fleet.adopted == ["b"] and socket.sent[-1]["resumed"]
        socket.say(OFFER)
        await socket.until(lambda: socket.sent[-1] == {"type": "answer", "sdp": "b"})


async def test_session_whose_replica_is_found_dead_by_a_message_of_the_page_goes_on_and_the_page_sees_no_error(
    fleet: Fleet,
) -> None:
    async with Running(fleet) as (relay, socket):
        socket.say(OFFER)
        await socket.until(lambda: "answer" in kinds(socket))
        fleet.dead = {"a"}
        socket.say(OFFER)
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and "error" not in kinds(socket)


async def test_session_of_which_nothing_is_known_begins_anew_after_a_death(fleet: Fleet) -> None:
    fleet.record = None
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.dead, fleet.is_known = {"a"}, True
        fleet.links[0].die()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and fleet.adopted == [] and not socket.sent[-1]["resumed"]


async def test_session_of_a_dead_replica_waits_for_room_elsewhere_and_is_the_same_then(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_relay, "RETRY_S", 0.01)
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.dead, fleet.full, fleet.is_known = {"a"}, {"b"}, True
        fleet.links[0].die()
        async with asyncio.timeout(TIMEOUT_S):
            while fleet.refusals < 2:
                await asyncio.sleep(0.01)
        assert kinds(socket).count("ready") == 1
        fleet.full = set()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and fleet.adopted == ["b"] and socket.sent[-1]["resumed"]


async def test_page_is_told_to_come_back_where_no_replica_is_left(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_relay, "RECOVER_S", 0.05)
    async with Running(fleet) as (_, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.dead = {"a", "b"}
        fleet.links[0].die()
        await socket.until(lambda: socket.application_state is WebSocketState.DISCONNECTED)
        assert socket.sent[-1] == {"type": "error", "code": "closed", "message": str(NoReplicaError()), "fatal": True}


async def test_page_whose_replica_is_full_is_served_by_another_one_and_never_sees_the_refusal(fleet: Fleet) -> None:
    fleet.full = {"a"}
    async with Running(fleet) as (relay, socket):
        socket.say(OFFER)
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and "error" not in kinds(socket)


async def test_page_sees_the_refusal_where_every_replica_is_full(fleet: Fleet) -> None:
    fleet.full = {"a", "b"}
    async with Running(fleet) as (_, socket):
        socket.say(OFFER)
        await socket.until(lambda: "error" in kinds(socket))
        assert socket.sent[-1]["code"] == "full"


@pytest.mark.parametrize("failing", ["dying", "refusing"])
async def test_session_stays_where_it_is_with_all_it_has_until_the_new_replica_is_ready(
    fleet: Fleet, failing: str
) -> None:
    setattr(fleet, failing, {"b"})
    running = Running(fleet)
    async with running as (relay, socket):
        socket.say(OFFER)
        await socket.until(lambda: "answer" in kinds(socket))
        assert not await relay.move() and relay.replica == "a" and relay.moves == 0
        assert running.sessions == [("name", SECRET, "a")], "uploads would go to a replica that has not the session"
        socket.say(OFFER)
        await socket.until(lambda: kinds(socket).count("answer") == 2)
        assert kinds(socket) == ["ready", "answer", "answer"]
        former, other = fleet.links
        assert other.heard == [HELLO, BYE] and BYE not in former.heard, "the copy was to end, and not the session"
        fleet.dying, fleet.refusing = set(), set()
        assert await relay.move() and running.sessions[-1] == ("name", SECRET, "b")


async def test_what_comes_for_a_session_that_moves_waits_for_its_new_replica(fleet: Fleet) -> None:
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        assert await relay.settled() == "a"
        fleet.may_adopt.clear()
        moving = asyncio.create_task(relay.move())
        async with asyncio.timeout(TIMEOUT_S):
            while not relay._switching.locked():
                await asyncio.sleep(0)
        upload = asyncio.create_task(relay.settled())
        fleet.may_adopt.set()
        assert await moving and await upload == "b"


async def test_session_goes_on_with_what_it_moved_with_where_the_directory_knows_nothing_of_it_yet(
    fleet: Fleet,
) -> None:
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        assert await relay.move()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        fleet.record, fleet.dead = None, {"b"}
        fleet.links[1].die()
        await socket.until(lambda: kinds(socket).count("ready") == 3)
        assert relay.replica == "a" and fleet.adopted == ["b", "a"] and socket.sent[-1]["resumed"]


async def test_page_sees_that_it_lost_its_place_to_another_though_other_replicas_have_room(fleet: Fleet) -> None:
    async with Running(fleet) as (relay, socket):
        fleet.full = {"a"}
        socket.say(OFFER)
        await socket.until(lambda: relay.replica == "b")
        socket.say(OFFER)
        await socket.until(lambda: "answer" in kinds(socket))
        fleet.full = set()
        fleet.links[1].say(type="error", code="full", message="Too many pages are open.", fatal=True)
        fleet.links[1].close()
        await socket.until(lambda: socket.application_state is WebSocketState.DISCONNECTED)
        assert socket.sent[-1]["message"] == "Too many pages are open."


async def test_page_that_meets_a_slow_replica_is_served_by_another_one(fleet: Fleet) -> None:
    fleet.slow = {"a"}
    async with Running(fleet) as (_, socket):
        await socket.until(lambda: "ready" in kinds(socket))
        assert len(fleet.links) == 1 and "error" not in kinds(socket)


async def test_page_that_every_replica_refuses_is_told_why(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_relay, "RECOVER_S", 0.05)
    fleet.refusing = {"a", "b"}
    async with Running(fleet) as (_, socket):
        await socket.until(lambda: socket.application_state is WebSocketState.DISCONNECTED)
        assert [each["message"] for each in socket.sent] == ["Too many pages are open."]


async def test_replica_gets_signs_of_life_also_while_a_move_waits(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_relay, "PING_PERIOD_S", 0.01)
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.may_adopt.clear()
        moving = asyncio.create_task(relay.move())
        async with asyncio.timeout(TIMEOUT_S):
            while not relay._switching.locked():
                await asyncio.sleep(0)
            heard = len(fleet.links[0].heard)
            while "" not in fleet.links[0].heard[heard:]:
                await asyncio.sleep(0.01)
        fleet.may_adopt.set()
        assert await moving


async def test_replica_that_is_found_dead_by_a_sign_of_life_is_done_without(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_relay, "PING_PERIOD_S", 0.01)
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.dead, fleet.is_known = {"a"}, True
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and fleet.adopted == ["b"]


async def test_page_whose_first_message_is_wrong_is_told_at_once(fleet: Fleet) -> None:
    fleet.puzzled = True
    async with Running(fleet) as (_, socket):
        await socket.until(lambda: socket.application_state is WebSocketState.DISCONNECTED)
        assert [(each["code"], each["fatal"]) for each in socket.sent] == [("protocol", True)]


async def test_session_is_found_where_it_is_though_the_directory_was_slow_when_its_page_came(fleet: Fleet) -> None:
    fleet.adopted, fleet.is_lost = ["b"], 2
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: "ready" in kinds(socket))
        assert relay.replica == "b" and fleet.adopted == ["b"] and socket.sent[0]["resumed"]


async def test_session_of_a_dead_replica_does_not_begin_anew_because_the_directory_is_slow(fleet: Fleet) -> None:
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        fleet.dead, fleet.is_known, fleet.is_lost = {"a"}, True, 2
        fleet.links[0].die()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
        assert relay.replica == "b" and fleet.adopted == ["b"] and socket.sent[-1]["resumed"]


async def test_session_whose_replica_died_while_its_page_was_away_goes_on_at_another_one(fleet: Fleet) -> None:
    fleet.dead, fleet.is_known = {"a"}, True
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: "ready" in kinds(socket))
        assert relay.replica == "b" and fleet.adopted == ["b"] and socket.sent[0]["resumed"]


async def test_page_is_served_without_a_directory_once_it_has_waited_for_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_relay, "DIRECTORY_S", 0.05)
    fleet.is_lost = 10**9
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: "ready" in kinds(socket))
        assert relay.replica == "a" and not socket.sent[0]["resumed"]


async def test_relay_whose_page_has_gone_while_it_waits_for_a_replica_ends_and_asks_for_none(fleet: Fleet) -> None:
    fleet.dead = {"a", "b"}
    running = Running(fleet)
    async with running as (_, socket):
        async with asyncio.timeout(TIMEOUT_S):
            while fleet.opens == 0:
                await asyncio.sleep(0)
        socket.leave()
        await socket.until(lambda: socket.client_state is WebSocketState.DISCONNECTED)
        before = fleet.opens
        fleet.dead = set()
        async with asyncio.timeout(TIMEOUT_S):
            await running.task
        assert fleet.opens <= before + 1 and not any(HELLO in link.heard for link in fleet.links)


async def test_relay_whose_page_has_gone_while_its_session_is_taken_elsewhere_does_not_evict_that_page_there(
    fleet: Fleet,
) -> None:
    fleet.dead, fleet.is_known = {"a"}, True
    fleet.may_adopt.clear()
    running = Running(fleet)
    async with running as (_, socket):
        async with asyncio.timeout(TIMEOUT_S):
            while not fleet.adopting:
                await asyncio.sleep(0)
        socket.leave()
        await socket.until(lambda: socket.client_state is WebSocketState.DISCONNECTED)
        fleet.may_adopt.set()
        async with asyncio.timeout(TIMEOUT_S):
            await running.task
        assert fleet.adopted == ["b"] and not any(HELLO in link.heard for link in fleet.links)


async def test_former_replica_ends_the_session_though_its_page_goes_before_the_new_one_answers(fleet: Fleet) -> None:
    async with Running(fleet) as (relay, socket):
        await socket.until(lambda: bool(socket.sent))
        assert await relay.move()
        await socket.until(lambda: kinds(socket).count("ready") == 2)
    former, present = fleet.links
    assert (former.heard[-1], present.heard[-1]) == (BYE, None)
