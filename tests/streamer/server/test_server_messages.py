"""The messages of the server: one example each, which the page's tests read, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from streamer.errors import (
    ConnectionLostError,
    DeviceMemoryError,
    EngineClosedError,
    KagamiError,
    OverloadError,
    ServerFullError,
)
from streamer.server.server_messages import Error, Goodbye, ServerMessage

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures" / "protocol.json").read_text())


def server_examples(kind: str) -> list[dict[str, Any]]:
    return [message for message in FIXTURE["server"] if message["type"] == kind]


@pytest.mark.parametrize("example", FIXTURE["server"], ids=lambda example: example["type"])
def test_every_server_example_has_exactly_the_fields_of_its_message(example: dict[str, Any]) -> None:
    message = msgspec.convert(example, ServerMessage)
    assert msgspec.to_builtins(message) == example
    assert json.loads(msgspec.json.encode(message)) == example


def test_every_server_message_has_an_example() -> None:
    tags = {kind.__struct_config__.tag for kind in get_args(ServerMessage)}
    assert {message["type"] for message in FIXTURE["server"]} == tags == {
        "ready", "answer", "candidate", "state", "picture-status", "film", "controls", "face", "mood", "acts", "stats",
        "error", "bye",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (ServerFullError(4), False),
        (OverloadError(8.4, 12), False),
        (DeviceMemoryError(), True),
        (ConnectionLostError(), False),
    ],
)
def test_an_error_message_has_the_code_and_the_sentence_of_the_error(error: KagamiError, fatal: bool) -> None:
    assert msgspec.to_builtins(Error.of(error, fatal)) in server_examples("error")


def test_goodbye_has_the_sentence_of_a_closed_engine() -> None:
    assert [msgspec.to_builtins(Goodbye(str(EngineClosedError())))] == server_examples("bye")
