from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamer.errors import (
    ConnectionLostError,
    DeviceMemoryError,
    EngineClosedError,
    OverloadError,
    ProtocolError,
    ServerFullError,
    TooFastError,
)
from streamer.server import signaling
from streamer.server.signaling import Bye, Candidate, Control, Hello, MessageOrder, Offer, parse_message

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures" / "protocol.json").read_text())
AGAIN = "reload the page."


def of_server(kind: str) -> list[dict[str, Any]]:
    return [message for message in FIXTURE["server"] if message["type"] == kind]


def test_every_client_example_is_read() -> None:
    kinds = {type(parse_message(json.dumps(message))) for message in FIXTURE["client"]}
    assert kinds == {Hello, Offer, Candidate, Control, Bye}


def test_what_is_read_is_what_was_sent() -> None:
    assert parse_message('{"type": "hello", "protocol": 1, "watch": true}') == Hello(1, watch=True)
    assert parse_message('{"type": "control", "head": 0, "colour": "#00b140", "calibrate": true}') == Control(
        head=0.0, colour=(0, 177, 64), calibrate=True
    )
    assert parse_message('{"type": "candidate", "candidate": "", "sdpMid": "0"}') == Candidate(None)


def test_the_server_says_what_the_examples_show() -> None:
    for example in of_server("ready"):
        fields = {name: example[name] for name in ("session", "ice_servers", "video", "picture", "controls")}
        assert signaling.ready(**fields) == example
    for example in of_server("state"):
        assert signaling.state(example["phase"], example["progress"], example["message"]) == example
    for example in of_server("picture-status"):
        size = None if example["width"] is None else (example["width"], example["height"])
        made = signaling.picture_status(example["stage"], example["name"], size, example["notes"], example["message"])
        assert made == example
    for example in of_server("stats"):
        made = signaling.stats(
            example["fps"], example["latency_ms"], example["queue_age_ms"], example["stage_ms"], example["drops"],
            1000 * example["bitrate_kbps"], example["sessions"], example["spread"],
            {name: megabytes << 20 for name, megabytes in example["memory_mb"].items()},
        )  # fmt: skip
        assert made == example
    line, close = of_server("candidate")
    assert signaling.candidate(line["candidate"], line["sdpMid"], line["sdpMLineIndex"]) == line
    assert signaling.candidate(None) == close
    assert [signaling.answer(example["sdp"]) for example in of_server("answer")] == of_server("answer")
    assert signaling.error(ServerFullError(4)) in of_server("error")
    assert signaling.error(OverloadError(8.4, 12)) in of_server("error")
    assert signaling.error(DeviceMemoryError(), fatal=True) in of_server("error")
    assert signaling.error(ConnectionLostError()) in of_server("error")
    assert [signaling.bye(str(EngineClosedError()))] == of_server("bye")
    assert {message["type"] for message in FIXTURE["server"]} == {
        "ready", "answer", "candidate", "state", "picture-status", "stats", "error", "bye",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f"The message is not valid JSON; {AGAIN}"),
        ("{", f"The message is not valid JSON; {AGAIN}"),
        ("[" * 100_00, f"The message is not valid JSON; {AGAIN}"),
        ('{"type": "control", "head": NaN}', f"The message is not valid JSON; {AGAIN}"),
        ("[]", f"The message is not a JSON object; {AGAIN}"),
        (b"x", "The message is binary; send JSON text."),
        ("x" * 70_000, "The message is larger than 64 KiB; send a smaller one."),
        ("{}", "The message has no known type; reload the page to get the version that fits this server."),
        (
            '{"type": ["hello"]}',
            "The message has no known type; reload the page to get the version that fits this server.",
        ),
        ('{"type": "hello"}', f"The message lacks its field 'protocol'; {AGAIN}"),
        ('{"type": "hello", "protocol": true}', f"The field 'protocol' has the wrong type; {AGAIN}"),
        ('{"type": "hello", "protocol": 2}', f"The page speaks protocol 2 and the server 1; {AGAIN}"),
        ('{"type": "bye", "why": 1}', f"A message 'bye' has no field 'why'; {AGAIN}"),
        ('{"type": "offer", "sdp": 1}', f"The field 'sdp' has the wrong type; {AGAIN}"),
        (
            json.dumps({"type": "offer", "sdp": "v" * 50_000}),
            f"The field 'sdp' is longer than 49152 characters; {AGAIN}",
        ),
        ('{"type": "candidate", "candidate": "a"}', f"A candidate needs sdpMid or sdpMLineIndex; {AGAIN}"),
        (
            json.dumps({"type": "candidate", "candidate": "a" * 2000, "sdpMid": "0"}),
            f"A candidate is longer than 1024 characters; {AGAIN}",
        ),
        (
            '{"type": "candidate", "candidate": "a", "sdpMLineIndex": -1}',
            f"The field 'sdpMLineIndex' is out of range (0 to 63); {AGAIN}",
        ),
        ('{"type": "control"}', "The message 'control' changes nothing; name at least one field."),
        ('{"type": "control", "head": 2.1}', "The field 'head' is out of range (0 to 2); choose a value between."),
        ('{"type": "control", "face": 1e999}', "The field 'face' is out of range (0 to 2); choose a value between."),
        ('{"type": "control", "head": true}', f"The field 'head' has the wrong type; {AGAIN}"),
        (
            '{"type": "control", "background": "beach"}',
            "The field 'background' must be one of original, blur, colour, transparent.",
        ),
        ('{"type": "control", "colour": "red"}', "The field 'colour' must look like #rrggbb."),
    ],
)
def test_a_wrong_message_gets_one_sentence(text: str | bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_message(text)
    assert str(caught.value) == sentence


def test_order() -> None:
    order = MessageOrder()
    with pytest.raises(ProtocolError, match=r"^The first message must be 'hello'; reload the page\.$"):
        order.check(Control(head=1.0))
    order.check(Hello(1))
    with pytest.raises(ProtocolError, match=r"^A second 'hello' came; it is sent once, first\.$"):
        order.check(Hello(1))
    with pytest.raises(ProtocolError, match=r"^A candidate came before an offer; send the offer first\.$"):
        order.check(Candidate(None))
    for message in (Offer("v=0"), Candidate(None), Control(mirror=True), Offer("v=0"), Bye()):
        order.check(message)


def test_a_flood_is_refused_and_forgiven() -> None:
    now = 0.0
    order = MessageOrder(clock=lambda: now)
    for _ in range(50):
        order.count_message()
    with pytest.raises(TooFastError) as caught:
        order.count_message()
    assert str(caught.value) == "More than 50 messages a second came; this one was ignored, send fewer."
    now = 0.5
    for _ in range(25):
        order.count_message()
    with pytest.raises(TooFastError):
        order.count_message()


def test_patience_ends() -> None:
    order = MessageOrder()
    assert [order.count_error() for _ in range(50)] == [False] * 49 + [True]
