"""HEIC files as phones write them, made box by box (ISO/IEC 23008-12) around HEVC stills of PyAV's encoder."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

Boxes = Sequence[bytes]
VPS, SPS, PPS = PARAMETER_SETS = (32, 33, 34)  # types of HEVC's units
SLICES = range(32)


def heic(rgb: np.ndarray, tile: int | None = None, turn: int = 0) -> bytes:
    """A HEIC file of a picture (H, W, 3) uint8 with even sides.

    tile: side of the square tiles of which it is put together, as phones do; None: one still. turn: quarter turns
    counter-clockwise that a viewer has to make (`irot`).
    """
    height, width = rgb.shape[:2]
    if tile is None:
        config, still = _still(rgb)
        return _file([b"hvc1"], [still], [[1, 2]], [config, _size(width, height)], turn)
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.pad(rgb, ((0, rows * tile - height), (0, columns * tile - width), (0, 0)), mode="edge")
    stills = [
        _still(np.ascontiguousarray(padded[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile]))
        for y in range(rows)
        for x in range(columns)
    ]
    grid = struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, width, height)
    properties = [stills[0][0], _size(tile, tile), _size(width, height)]
    kinds, data = [b"grid", *[b"hvc1"] * len(stills)], [grid, *(still for _, still in stills)]
    return _file(kinds, data, [[3], *[[1, 2]] * len(stills)], properties, turn)


def _still(rgb: np.ndarray, pix_fmt: str = "yuv420p") -> tuple[bytes, bytes]:
    """The `hvcC` box (ISO/IEC 14496-15) and the length-prefixed slices of one picture."""
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = rgb.shape[:2]
    encoder.pix_fmt, encoder.time_base = pix_fmt, Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "x265-params": "log-level=none:qp=12"}
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    stream = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    units = [unit.rstrip(b"\0") for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]
    by_kind = {kind: [unit for unit in units if unit[0] >> 1 == kind] for kind in (*PARAMETER_SETS, *SLICES)}
    sequence = by_kind[SPS][0].replace(b"\0\0\3", b"\0\0")
    deep = 2 if pix_fmt.endswith("10le") else 0
    chroma = 3 if "444" in pix_fmt else 1
    head = b"\1" + sequence[3:15] + b"\xf0\0\xfc" + bytes([0xFC | chroma, 0xF8 | deep, 0xF8 | deep, 0, 0, 0x0F, 3])
    sets = [bytes([0x80 | kind, 0, 1]) + struct.pack(">H", len(unit)) + unit
            for kind in PARAMETER_SETS for unit in by_kind[kind][:1]]  # fmt: skip
    slices = [struct.pack(">I", len(unit)) + unit for kind in SLICES for unit in by_kind[kind]]
    return _box(b"hvcC", head, *sets), b"".join(slices)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _size(width: int, height: int) -> bytes:
    return _full_box(b"ispe", 0, 0, struct.pack(">2I", width, height))


def _file(kinds: Boxes, data: Boxes, associated: Sequence[list[int]], properties: Boxes, turn: int) -> bytes:
    """The file of some items, the first of which is the picture and is derived from the others.

    associated: numbers of the properties of each item, 1 the first.
    """
    numbers = range(1, len(kinds) + 1)
    properties = [*properties, _box(b"irot", bytes([turn]))]
    links = [[*associated[0], len(properties)], *associated[1:]]
    infos = [
        _full_box(b"infe", 2, int(number > 1), struct.pack(">2H", number, 0), kind, b"\0")
        for number, kind in zip(numbers, kinds, strict=True)
    ]
    entries = [struct.pack(">HB", number, len(each)) + bytes(0x80 | index for index in each)
               for number, each in zip(numbers, links, strict=True)]  # fmt: skip
    fixed = [
        _full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
        _full_box(b"pitm", 0, 0, struct.pack(">H", 1)),
        _full_box(b"iinf", 0, 0, struct.pack(">H", len(kinds)), *infos),
        _box(b"iprp", _box(b"ipco", *properties), _full_box(b"ipma", 0, 0, struct.pack(">I", len(kinds)), *entries)),
    ]
    if len(kinds) > 1:
        parts = struct.pack(f">2H{len(kinds) - 1}H", 1, len(kinds) - 1, *numbers[1:])
        fixed.append(_full_box(b"iref", 0, 0, _box(b"dimg", parts)))
    head = _box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic")

    def meta(first: int) -> bytes:
        """The `meta` box where the first item's data lie at this byte of the file."""
        places, at = [], first
        for number, each in zip(numbers, data, strict=True):
            places.append(struct.pack(">3H2I", number, 0, 1, at, len(each)))
            at += len(each)
        locations = _full_box(b"iloc", 0, 0, struct.pack(">BBH", 0x44, 0, len(kinds)), *places)
        return _full_box(b"meta", 0, 0, *fixed, locations)

    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", *data)
