"""OSC packets: what python-osc writes is read, what is written python-osc reads, and damage is a fault."""

from __future__ import annotations

import random
import struct

import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from streamer.osc.osc_packet import Argument, DatagramError, OscMessage, bundle, decode, encode

ARGUMENTS: list[tuple[Argument, ...]] = [
    (),
    (1, -7),
    (0.5, "jawOpen"),
    (True, False, b"12345", "", "üß", "abc", "abcd"),
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_a_message_means_the_same_to_another_implementation(arguments: tuple[Argument, ...]) -> None:
    written = encode("/kagami/act/smile", *arguments)
    (theirs,) = OscPacket(written).messages
    assert (theirs.message.address, tuple(theirs.message.params)) == ("/kagami/act/smile", arguments)
    builder = OscMessageBuilder("/kagami/act/smile")
    for argument in arguments:
        builder.add_arg(argument)
    assert decode(builder.build().dgram) == [OscMessage("/kagami/act/smile", arguments)]


def test_numbers_of_64_bits_are_read() -> None:
    builder = OscMessageBuilder("/a")
    builder.add_arg(2**40, "h")
    builder.add_arg(0.1, "d")
    assert decode(builder.build().dgram) == [OscMessage("/a", (2**40, 0.1))]


def test_bundles_are_read_in_their_order_and_within_one_another() -> None:
    inner, outer = OscBundleBuilder(IMMEDIATELY), OscBundleBuilder(IMMEDIATELY)
    first, second = OscMessageBuilder("/first").build(), OscMessageBuilder("/second").build()
    inner.add_content(first)
    outer.add_content(inner.build())
    outer.add_content(second)
    assert decode(outer.build().dgram) == [OscMessage("/first", ()), OscMessage("/second", ())]
    written = bundle([encode("/first", 1), encode("/second", 2.0)])
    assert [(each.message.address, each.message.params) for each in OscPacket(written).messages] == [
        ("/first", [1]),
        ("/second", [2.0]),
    ]


def test_a_message_of_an_old_program_without_type_tags_has_no_arguments() -> None:
    assert decode(b"/old\0\0\0\0") == [OscMessage("/old", ())]


HEAD = b"#bundle\0" + bytes(8)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"hello",
        b"/no-end",
        b"/a\0",  # not filled up
        b"a\0\0\0,\0\0\0",
        b"/a\0\0i\0\0\0",
        b"/a\0\0,i\0\0\1",
        b"/a\0\0,s\0\0abcd",
        b"/a\0\0,s\0\0\xff\xfe\0\0",
        b"/a\0\0,b\0\0\xff\xff\xff\xff",
        b"/a\0\0,b\0\0\0\0\0\x09abcd",
        b"/a\0\0,r\0\0\0\0\0\0",
        b"/a\0\0,f\0\0" + struct.pack(">f", float("nan")),
        b"/a\0\0,d\0\0" + struct.pack(">d", float("inf")),
        b"#bundle\0" + bytes(4),
        HEAD + b"\0",
        HEAD + struct.pack(">i", -4) + bytes(8),  # for which python-osc reads for ever
        HEAD + bytes(4),
        HEAD + struct.pack(">i", 400) + b"/a\0\0",
        HEAD + struct.pack(">i", 3) + b"/a\0\0",
    ],
)
def test_what_is_no_osc_is_a_fault(packet: bytes) -> None:
    with pytest.raises(DatagramError):
        decode(packet)


def test_type_tags_beyond_what_any_program_sends_are_a_fault() -> None:
    tags = b"," + b"fT" * 3000
    with pytest.raises(DatagramError, match="more than 64 arguments"):
        decode(b"/a\0\0" + tags + bytes(4 - len(tags) % 4))
    assert len(decode(encode("/a", *range(64)))[0].arguments) == 64


def test_deep_bundles_are_a_fault() -> None:
    packet = encode("/a")
    for _ in range(200):
        packet = bundle([packet])
    with pytest.raises(DatagramError, match="nested too deep"):
        decode(packet)


def test_damaged_packets_are_a_fault_or_messages_and_nothing_else() -> None:
    chance = random.Random(20)
    whole = bundle([encode("/kagami/mood", "happy"), encode("/b", 1, 2.0, True, b"xyz"), bundle([encode("/c", 3)])])
    for _ in range(3000):
        packet = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            packet[chance.randrange(len(packet))] = chance.choice((0, 1, 4, 44, 47, 255, chance.randrange(256)))
        del packet[chance.randint(1, len(packet)) :]
        try:
            messages = decode(bytes(packet))
        except DatagramError:
            continue
        assert all(message.address.startswith("/") for message in messages)
