"""The messages of a page: examples, limits, and a sentence for each that is wrong."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest

from streamer.errors import ProtocolError
from streamer.generation.controls import Controls
from streamer.server.messages import Candidate
from streamer.server.page_messages import (
    Act,
    Bye,
    Control,
    Hello,
    MoodText,
    Offer,
    PageMessage,
    Person,
    Remember,
    parse_message,
)
from streamer.sources.acts import ACT_NAMES

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures" / "protocol.json").read_text())
RELOAD = "reload the page."


def test_every_page_example_is_parsed() -> None:
    kinds = {type(parse_message(json.dumps(message))) for message in FIXTURE["client"]}
    assert kinds == {Hello, Offer, Candidate, Control, Act, Remember, Person, MoodText, Bye}


def test_parse_message_keeps_the_values() -> None:
    assert parse_message('{"type": "hello", "protocol": 1, "watch": true}') == Hello(1, watch=True)
    assert parse_message('{"type": "control", "head": 0, "colour": "#00b140", "calibrate": true}') == Control(
        head=0.0, colour="#00b140", calibrate=True
    )
    assert parse_message('{"type": "candidate", "candidate": "", "sdpMid": "0"}') == Candidate(None)


def test_control_messages_have_the_fields_of_controls() -> None:
    controls = {field.name for field in dataclasses.fields(Controls)}
    assert set(Control.__struct_fields__) == controls | {"paused", "calibrate", "straighten"}
    ready = [example for example in FIXTURE["server"] if example["type"] == "ready"]
    assert all(example["controls"].keys() == controls | {"paused"} for example in ready)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f"The message is not valid JSON: {RELOAD}"),
        ("{", f"The message is not valid JSON: {RELOAD}"),
        ("[" * 100_00, f"The message is not valid JSON: {RELOAD}"),
        ('{"type": "control", "head": NaN}', f"The message is not valid JSON: {RELOAD}"),
        ("[]", f"The message is not a JSON object: {RELOAD}"),
        (b"x", "The message is binary: send JSON text."),
        ("x" * 70_000, "The message is larger than 64 KiB: send a smaller one."),
        ("{}", "The message has no known type: reload the page to get the version that fits this server."),
        (
            '{"type": ["hello"]}',
            "The message has no known type: reload the page to get the version that fits this server.",
        ),
        ('{"type": "hello"}', f"The message lacks its field 'protocol': {RELOAD}"),
        ('{"type": "hello", "protocol": true}', f"The field 'protocol' has the wrong type: {RELOAD}"),
        ('{"type": "hello", "protocol": 2}', f"The page speaks protocol 2 and the server 1: {RELOAD}"),
        ('{"type": "bye", "why": 1}', f"A message 'bye' has no field 'why': {RELOAD}"),
        ('{"type": "offer", "sdp": 1}', f"The field 'sdp' has the wrong type: {RELOAD}"),
        (
            json.dumps({"type": "offer", "sdp": "v" * 50_000}),
            f"The field 'sdp' is longer than 49152 characters: {RELOAD}",
        ),
        ('{"type": "candidate", "candidate": "a"}', f"A candidate needs sdpMid or sdpMLineIndex: {RELOAD}"),
        (
            json.dumps({"type": "candidate", "candidate": "a" * 2000, "sdpMid": "0"}),
            f"A candidate is longer than 1024 characters: {RELOAD}",
        ),
        (
            '{"type": "candidate", "candidate": "a", "sdpMLineIndex": -1}',
            f"The field 'sdpMLineIndex' is out of range (0 to 63): {RELOAD}",
        ),
        (
            '{"type": "act", "name": "grin"}',
            f"The field 'name' must be one of {', '.join(ACT_NAMES)}, or weights come with it.",
        ),
        ('{"type": "act", "name": "A"}', f"The field 'name' must have 1 to 32 small letters, digits or '-': {RELOAD}"),
        (
            '{"type": "act", "name": "own", "weights": {"jawOpen": 2}}',
            f"The field 'weights' has a value out of range (0 to 1): {RELOAD}",
        ),
        (
            '{"type": "act", "name": "own", "weights": {"jaw": 1}}',
            f"The field 'weights' has an unknown blendshape 'jaw': {RELOAD}",
        ),
        (
            '{"type": "act", "name": "own", "weights": {}, "turn": [0, 0]}',
            f"The field 'turn' must be three numbers from -1 to 1: {RELOAD}",
        ),
        (
            json.dumps({"type": "mood", "text": "a" * 201}),
            "The field 'text' is longer than 200 characters: write fewer words.",
        ),
        ('{"type": "control"}', "The message 'control' changes nothing: name at least one field."),
        ('{"type": "control", "head": 2.1}', "The field 'head' is out of range (0 to 2): choose a value between."),
        ('{"type": "control", "arms": 1.6}', "The field 'arms' is out of range (0.5 to 1.5): choose a value between."),
        (
            '{"type": "control", "yaw": 46}',
            "The field 'yaw' is out of range (-45 to 45 degrees): choose a value between.",
        ),
        ('{"type": "control", "face": 1e999}', "The field 'face' is out of range (0 to 2): choose a value between."),
        ('{"type": "control", "head": true}', f"The field 'head' has the wrong type: {RELOAD}"),
        (
            '{"type": "control", "background": "beach"}',
            "The field 'background' must be one of original, blur, colour, transparent, picture.",
        ),
        ('{"type": "control", "colour": "red"}', "The field 'colour' must look like #rrggbb."),
        ('{"type": "control", "colour": "#00b140\\n"}', "The field 'colour' must look like #rrggbb."),
        (
            f'{{"type": "control", "head": {10**308}1}}',
            "The field 'head' is out of range (0 to 2): choose a value between.",
        ),
        ('{"type": "control", "head": null}', f"The field 'head' has the wrong type: {RELOAD}"),
        ('{"type": "control", "teeth": 1}', f"The field 'teeth' has the wrong type: {RELOAD}"),
        ('{"type": "control", "background": 1}', f"The field 'background' has the wrong type: {RELOAD}"),
        (
            json.dumps({"type": "candidate", "candidate": "a", "sdpMid": "b" * 2000}),
            f"A candidate is longer than 1024 characters: {RELOAD}",
        ),
        (
            json.dumps({"type": "bye", "x" * 40: 1}),
            f"A message 'bye' has no field '{'x' * 32}…': {RELOAD}",
        ),
    ],
)
def test_parse_message_answers_a_wrong_message_with_one_sentence(text: str | bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_message(text)
    assert str(caught.value) == sentence


def test_parse_message_raises_nothing_but_protocol_errors() -> None:
    """No value of JSON may raise anything but ProtocolError, since the page chooses it."""
    draw = random.Random(1)
    values = [None, True, -1, 0, 64, 10**30, 10**400, 0.5, 1e308, "", "a", "\ud800", "` - at `$.type`", [], [[]], {}]
    names = sorted({name for message in FIXTURE["client"] for name in message} | {"` - at `$.sdp`", "", "\ud800"})
    for _ in range(3000):
        message = dict(draw.choice(FIXTURE["client"]))
        for name in draw.sample(names, 2):
            message[name] = draw.choice(values)
            message.pop(draw.choice(names), None)
        try:
            assert isinstance(parse_message(json.dumps(message)), PageMessage)
        except ProtocolError as error:
            assert str(error).endswith(".") and "Expected" not in str(error)
