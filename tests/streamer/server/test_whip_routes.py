"""WHIP and WHEP over HTTP, with encoders and players of aiortc: what is answered, and what each refusal says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks.streaming.coded_sound import MIN_LEVEL, CodedMicrophone
from benchmarks.streaming.offers import make_offer
from benchmarks.streaming.whip_clients import WhepPlayer, WhipEncoder
from streamer.errors import MediaServerError
from streamer.server import whip_routes
from streamer.server.app import Server
from streamer.settings import Settings
from tests.support.leaks import udp_sockets
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, wait_for_brightness, wait_until_settled

WHIP = Settings(whip=True)
SDP = {"Content-Type": "application/sdp"}
UNUSABLE = (
    "The SDP offer cannot be used: send H.264 or VP8, and Opus if there is sound, in one BUNDLE group, as OBS does."
)


def brightness(player: WhepPlayer) -> float:
    """Mean of the left half of the newest frame, where the fake pipeline draws the camera's brightness."""
    return 0.0 if player.frame is None else float(player.frame.to_ndarray(format="rgb24")[:, :60].mean())


def loudness(player: WhepPlayer) -> float:
    """Root mean square of the newest 20 ms of sound."""
    return 0.0 if player.sound is None else float(np.sqrt(np.square(player.sound.to_ndarray().astype(float)).mean()))


async def wait_for(player: WhepPlayer, value: float) -> None:
    await player.wait_until(lambda: abs(brightness(player) - value) < 12)


async def post(address: str, path: str, offer: str, **headers: str) -> httpx.Response:
    return await http_request(address, "POST", path, content=offer.encode(), headers=SDP | headers)


def is_empty(server: Server) -> bool:
    return (
        server.engine.session_count == 0
        and not server.conversations.sessions
        and not server.whip._resources
        and not server.whip._published
        and not len(server.engine.watchers)
    )


def sentence(response: httpx.Response) -> str:
    return str(response.json()["message"])


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_camera_of_an_encoder_becomes_an_avatar_of_a_player_and_all_ends_with_delete(codec: str) -> None:
    async with serving(WHIP) as (address, server):
        before = udp_sockets()
        encoder = WhipEncoder(f"{address}/whip/me", FakeCamera(200), CodedMicrophone(), codec=codec, early=False)
        async with encoder:
            assert server.engine.session_count == 1 and len(server.conversations.sessions) == 1
            async with WhepPlayer(f"{address}/whep/me", codec=codec, early=False) as player:
                await wait_for(player, 200)
                await player.wait_until(lambda: loudness(player) > MIN_LEVEL)
        await wait_until_settled(lambda: is_empty(server) and udp_sockets() <= before)


async def test_newest_avatar_is_played_of_pages_and_encoders_alike() -> None:
    async with serving(WHIP) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera(40))
        async with WhepPlayer(f"{address}/whep") as player:
            await wait_for(player, 40)
            async with WhipEncoder(f"{address}/whip", FakeCamera(220), CodedMicrophone()):
                await wait_for(player, 220)
                await player.wait_until(lambda: loudness(player) > MIN_LEVEL)
                await wait_for_brightness(page, 40)
            await wait_for(player, 40)


async def test_each_name_is_a_camera_of_its_own() -> None:
    async with (
        serving(WHIP, limits=UNLIMITED) as (address, _),
        WhipEncoder(f"{address}/whip/a", FakeCamera(60)),
        WhipEncoder(f"{address}/whip/b", FakeCamera(180)),
        WhepPlayer(f"{address}/whep/a") as a,
        WhepPlayer(f"{address}/whep/b") as b,
    ):
        await wait_for(a, 60)
        await wait_for(b, 180)


async def test_encoder_that_comes_back_under_its_name_goes_on_in_its_session() -> None:
    async with serving(WHIP, limits=UNLIMITED) as (address, server):
        first = WhipEncoder(f"{address}/whip/me", FakeCamera(60))
        await first.connect()
        (session,) = server.conversations.sessions
        async with WhepPlayer(f"{address}/whep/me") as player:
            await wait_for(player, 60)
            async with WhipEncoder(f"{address}/whip/me", FakeCamera(200)) as second:  # the first has gone unnoticed
                await wait_for(player, 200)
                assert list(server.conversations.sessions) == [session]
                await first.ended.wait()
                await second.vanish()
                await wait_until_settled(lambda: not server.whip._published)
                assert server.engine.session_count == 1  # kept
                async with WhipEncoder(f"{address}/whip/me", FakeCamera(120)):
                    await wait_for(player, 120)
                    assert list(server.conversations.sessions) == [session]
            await player.ended.wait()  # with the publication that it plays
        await first.vanish()
        await wait_until_settled(lambda: is_empty(server))


async def test_encoder_without_a_name_that_vanishes_ends_its_session() -> None:
    async with serving(WHIP) as (address, server):
        encoder = WhipEncoder(f"{address}/whip", FakeCamera())
        await encoder.connect()
        await encoder.vanish()
        await wait_until_settled(lambda: is_empty(server))


async def test_encoder_that_sends_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.server.media_deadlines.MEDIA_TIMEOUT_S", 0.5)
    async with serving(WHIP) as (address, server):
        response = await post(address, "/whip", (await make_offer()).replace("a=sendrecv", "a=sendonly"))
        assert response.status_code == 201
        await wait_until_settled(lambda: is_empty(server))


async def test_player_that_never_connects_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.server.whip_playback.CONNECT_TIMEOUT_S", 0.2)
    async with serving(WHIP) as (address, server), WhipEncoder(f"{address}/whip", FakeCamera()):
        offer = (await make_offer()).replace("a=sendrecv", "a=recvonly")
        assert (await post(address, "/whep", offer)).status_code == 201
        await wait_until_settled(lambda: not len(server.engine.watchers))
        assert len(server.whip._resources) == 1


async def test_answer_has_what_the_protocol_wants() -> None:
    settings = Settings(
        whip=True, stun=("stun:127.0.0.1:9",), turn=("turn:127.0.0.1:9",), turn_user='a"b', turn_password="longword"
    )
    async with serving(settings) as (address, server):
        options = await http_request(address, "OPTIONS", "/whip")
        assert options.status_code == 200 and options.headers["Accept-Post"] == "application/sdp"
        assert options.headers.get_list("Link") == [
            '<stun:127.0.0.1:9>; rel="ice-server"',
            '<turn:127.0.0.1:9>; rel="ice-server"; username="a\\"b"; credential="longword"; credential-type="password"',
        ]  # fmt: skip
    async with serving(WHIP) as (address, server):
        response = await post(address, "/whip", (await make_offer()).replace("a=sendrecv", "a=sendonly"))
        assert response.status_code == 201 and response.headers["Content-Type"] == "application/sdp"
        assert response.headers["Location"].startswith("/whip/1/") and response.headers["ETag"].startswith('"')
        assert "a=recvonly" in response.text and "a=sendonly" not in response.text and "a=sendrecv" not in response.text
        assert response.text.count("a=end-of-candidates") == 2 and "a=candidate:" in response.text
        deleted = await http_request(address, "DELETE", response.headers["Location"])
        assert deleted.status_code == 200 and is_empty(server)
        again = await http_request(address, "DELETE", response.headers["Location"])
        assert again.status_code == 404
        assert sentence(again) == "This connection does not exist any more: offer a new one."


def fragment_of(encoder: WhipEncoder) -> str:
    """The candidates of an encoder, as it sends them by PATCH."""
    lines = encoder.connection.localDescription.sdp.splitlines()
    kinds = ("m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates")
    return "".join(f"{line}\r\n" for line in lines if line.startswith(kinds))


async def test_candidates_follow_by_patch() -> None:
    async with (
        serving(WHIP) as (address, server),
        WhipEncoder(f"{address}/whip", FakeCamera(), early=False) as encoder,
    ):
        assert encoder.session is not None and encoder.session.url is not None
        path = encoder.session.url.removeprefix(address)
        headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
        (resource,) = server.whip._resources.values()
        etag = {"If-Match": resource.etag}
        taken = await http_request(address, "PATCH", path, content=fragment_of(encoder), headers=headers | etag)
        assert taken.status_code == 204
        cases: list[tuple[dict[str, str], str, int, str]] = [
            (headers, fragment_of(encoder), 428, "The request lacks If-Match: send the ETag of the answer."),
            (
                headers | {"If-Match": '"other"'}, fragment_of(encoder), 412,
                "If-Match is not the ETag of this connection: send the one of its answer.",
            ),
            (
                headers | {"If-Match": "*"}, "a=ice-ufrag:anew\r\na=ice-pwd:0123456789012345678901\r\n", 422,
                "This server restarts no ICE session: end this connection and offer a new one.",
            ),
            (
                headers | etag, "hello", 400,
                "The fragment holds no candidate: send `a=candidate` lines below an `m=` line, as RFC 8840 "
                "has them.",
            ),
            (headers | etag, "a=candidate:1 1 udp\r\n", 400, "A candidate cannot be read; it was ignored."),
            (SDP | etag, "v=0", 415, "The request must have the content type application/trickle-ice-sdpfrag."),
        ]  # fmt: skip
        for given, text, status, expected in cases:
            response = await http_request(address, "PATCH", path, content=text, headers=given)
            assert (response.status_code, sentence(response)) == (status, expected)
        unknown = await http_request(address, "PATCH", path.replace("/whip/", "/whep/"), content="", headers=headers)
        assert unknown.status_code == 404
        assert encoder.connection.connectionState == "connected"


@pytest.mark.parametrize(
    ("path", "offer", "status", "expected"),
    [
        ("/whip", "hello", 400, UNUSABLE),
        ("/whip", "", 400, UNUSABLE),
        ("/whip", "v=0\r\nm=video", 400, UNUSABLE),
        ("/whip", "\xff", 400, UNUSABLE),
        ("/whip", "recvonly", 406, "The offer sends no camera video: to watch the avatar use /whep."),
        (
            "/whip", "two", 406,
            "The offer must have one video line and at most one audio line: choose one camera in the program.",
        ),
        ("/whip/No", "sendonly", 400, "The name in the address must have 1 to 32 small letters, digits or '-'."),
        ("/whip/newest", "sendonly", 400, "A camera cannot have the name 'newest': choose another one."),
        ("/whep", "recvonly", 409, "Nobody is live: start a camera and try again."),
        ("/whep/me", "recvonly", 409, "No camera is live under this name: send one to /whip/me and try again."),
        ("/whip", "a" * 49_153, 413, "The SDP is longer than 49152 bytes: offer fewer codecs."),
    ],
)  # fmt: skip
async def test_offer_that_cannot_be_taken_gets_a_sentence(path: str, offer: str, status: int, expected: str) -> None:
    plain = await make_offer()
    if offer in ("sendonly", "recvonly"):
        offer = plain.replace("a=sendrecv", f"a={offer}")
    elif offer == "two":
        offer = plain.replace("m=audio", "m=video")
    async with serving(WHIP) as (address, server):
        response = await post(address, path, offer)
        assert (response.status_code, sentence(response)) == (status, expected)
        assert ("Retry-After" in response.headers) == (status == 409)
        await wait_until_settled(lambda: is_empty(server))


async def test_body_that_is_no_text_or_of_another_type_is_refused() -> None:
    async with serving(WHIP) as (address, _):
        response = await http_request(address, "POST", "/whip", content=b"\xff\xfe", headers=SDP)
        assert (response.status_code, sentence(response)) == (400, "The SDP is not text in UTF-8.")
        response = await http_request(address, "POST", "/whip", json={})
        assert response.status_code == 415
        assert sentence(response) == "The request must have the content type application/sdp."


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused(method: str) -> None:
    async with serving(WHIP) as (address, _):
        response = await http_request(address, method, "/whep")
        assert response.status_code == 405 and response.headers["Allow"] == "POST, OPTIONS"


async def test_full_server_refuses_an_encoder_until_there_is_room() -> None:
    async with serving(Settings(whip=True, max_sessions=1), limits=UNLIMITED) as (address, server):
        async with WhipEncoder(f"{address}/whip", FakeCamera()):
            offer = (await make_offer()).replace("a=sendrecv", "a=sendonly")
            response = await post(address, "/whip", offer)
            assert response.status_code == 503 and response.headers["Retry-After"] == "5"
            assert sentence(response).startswith("The server is full: 1 person is live already")
        kept = WhipEncoder(f"{address}/whip/kept", FakeCamera())
        await kept.connect()
        await kept.vanish()
        await wait_until_settled(lambda: not server.whip._published)
        async with WhipEncoder(f"{address}/whip", FakeCamera()):  # takes the place of the one that is kept
            assert server.engine.session_count == 1


async def test_players_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip_routes, "MAX_PLAYBACKS", 1)
    async with (
        serving(WHIP) as (address, _),
        WhipEncoder(f"{address}/whip", FakeCamera()),
        WhepPlayer(f"{address}/whep"),
    ):
        with pytest.raises(MediaServerError, match="it refuses the stream with status 503"):
            await WhepPlayer(f"{address}/whep").__aenter__()


async def test_token_is_wanted_of_encoders_and_players() -> None:
    async with serving(Settings(whip=True, token="open-sesame")) as (address, server):
        offer = (await make_offer()).replace("a=sendrecv", "a=sendonly")
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            for path in ("/whip", "/whep"):
                response = await post(address, path, offer, **headers)
                assert response.status_code == 401 and response.headers["WWW-Authenticate"] == 'Bearer realm="Kagami"'
                assert sentence(response) == (
                    "The token is missing or wrong: give the program the server's --token as its bearer token."
                )
        assert "Link" not in (await http_request(address, "OPTIONS", "/whip")).headers
        async with WhipEncoder(f"{address}/whip", FakeCamera(), token="open-sesame") as encoder:
            assert encoder.session is not None and encoder.session.url is not None
            response = await http_request(address, "DELETE", encoder.session.url.removeprefix(address))
            assert response.status_code == 401 and server.engine.session_count == 1


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "192.0.2.1"}, {"Host": "192.0.2.1"}])
async def test_without_a_token_only_this_machine_is_served(headers: dict[str, str]) -> None:
    async with serving(WHIP) as (address, _):
        response = await post(address, "/whip", "v=0", **headers)
        assert response.status_code == 403
        assert sentence(response) == (
            "Without --token WHIP and WHEP are for this machine only: start the server with --token."
        )


async def test_page_of_an_allowed_site_may_publish_and_others_not() -> None:
    settings = Settings(whip=True, token="open-sesame", allow_origin=("https://studio.example",))
    async with serving(settings) as (address, _):
        allowed = await http_request(address, "OPTIONS", "/whip", headers={"Origin": "https://studio.example"})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://studio.example"
        assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
        assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
        other = await http_request(address, "OPTIONS", "/whip", headers={"Origin": "https://other.example"})
        assert other.status_code == 403


async def test_without_the_setting_there_is_no_whip() -> None:
    async with serving() as (address, _):
        assert (await post(address, "/whip", "v=0")).status_code in (404, 405)


def test_nothing_of_whip_is_imported_before_it_is_wanted() -> None:
    root, found = Path(__file__).parents[3], []
    for path in (root / "streamer").rglob("*.py"):
        if "whip" in path.name or path.name == "publishing.py":
            continue
        imports = [each for each in ast.parse(path.read_text()).body if isinstance(each, ast.ImportFrom)]
        found += [each.module for each in imports if re.search("whip|publishing", each.module or "")]
    assert found == []


async def test_transparent_avatar_is_played_over_a_key_colour() -> None:
    settings = Settings(whip=True, background="transparent")
    async with (
        serving(settings) as (address, _),
        WhipEncoder(f"{address}/whip", FakeCamera(0)),
        WhepPlayer(f"{address}/whep") as player,
    ):
        await wait_for(player, 127 / 3)  # half green over black
        assert player.frame is not None and (player.frame.width, player.frame.height) == (128, 128)


async def test_server_that_closes_ends_all() -> None:
    async with serving(WHIP) as (address, server):
        encoder = WhipEncoder(f"{address}/whip", FakeCamera())
        await encoder.connect()
        player = WhepPlayer(f"{address}/whep")
        await player.connect()
        await server.close()
        assert is_empty(server)
        response = await post(address, "/whip", "v=0")
        assert (response.status_code, sentence(response)) == (
            503, "The server is shutting down: start it again to go on.",
        )  # fmt: skip
        for client in (encoder, player):
            await client.ended.wait()
            await client.vanish()


async def test_server_without_an_address_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.server.whip_resource.GATHER_TIMEOUT_S", 0.05)
    async with serving(Settings(whip=True, stun=("stun:127.0.0.1:9",))) as (address, server):
        response = await post(address, "/whip", (await make_offer()).replace("a=sendrecv", "a=sendonly"))
        assert (response.status_code, sentence(response)) == (
            400, "The server found no address under which it can be reached: check its network and try again.",
        )  # fmt: skip
        await wait_until_settled(lambda: is_empty(server))
