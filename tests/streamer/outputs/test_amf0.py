"""AMF 0, the notation of RTMP's commands."""

from __future__ import annotations

import os

import pytest

from streamer.outputs import amf0


def test_values_come_back_as_they_were() -> None:
    values = ["connect", 1.0, {"app": "live", "nested": {"on": True, "off": False}}, None, "", "ä"]
    assert amf0.decode(amf0.encode(*values)) == values


def test_an_associative_array_is_read_as_a_dictionary() -> None:
    data = bytes([8, 0, 0, 0, 1]) + amf0.encode({"level": "error"})[1:]
    assert amf0.decode(data) == [{"level": "error"}]


@pytest.mark.parametrize("data", [b"\x02\x00\x09abc", b"\x00\x01", b"\x0b" + bytes(10), b"\x03\x00\x01a" * 99, b"\x01"])
def test_what_follows_is_left_out_where_a_value_cannot_be_read(data: bytes) -> None:
    assert amf0.decode(amf0.encode("onStatus") + data) == ["onStatus"]


def test_any_bytes_are_read_without_an_exception() -> None:
    for length in range(200):
        amf0.decode(os.urandom(length))
