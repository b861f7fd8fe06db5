"""Reads the size of a camera's picture from its coded frame, which costs microseconds, before anything is decoded."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VP8_START_CODE = b"\x9d\x01\x2a"  # RFC 6386 §9.1
_VP8_SIZE_MASK = 0x3FFF  # the two bits above tell how to scale the shown picture
_H264_UNIT = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
_H264_IDR, _H264_PARAMETERS = 5, 7  # NAL unit types
_H264_TYPE_MASK = 0x1F
_HIGH_PROFILES = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)  # they name their chroma format
_MAX_PARAMETER_BYTES = 512
_MACROBLOCK = 16  # pixels


class UnreadableFrameError(Exception):
    """A coded frame that no decoder could use."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a coded frame tells. is_key: it can be decoded without those before. size: width and height as coded, whole
    macroblocks for H.264; None for a frame that keeps the size of those before.
    """

    is_key: bool
    size: tuple[int, int] | None


def read_header(codec: str, data: bytes) -> FrameHeader:
    """The header of a whole coded frame. codec: "VP8" or "H264" (Annex B). Raises UnreadableFrameError."""
    return _read_vp8(data) if codec.upper() == "VP8" else _read_h264(data)


def _read_vp8(data: bytes) -> FrameHeader:
    if not data or data[0] & 1:
        return FrameHeader(False, None)
    if len(data) < 10 or data[3:6] != _VP8_START_CODE:
        raise UnreadableFrameError
    width, height = (int.from_bytes(data[at : at + 2], "little") & _VP8_SIZE_MASK for at in (6, 8))
    return FrameHeader(True, (width, height))


def _read_h264(data: bytes) -> FrameHeader:
    """The largest size of all parameter sets of the frame, since any of them may be the one in use."""
    is_key, sizes = False, []
    for unit in _H264_UNIT.finditer(data):
        kind = unit[1][0] & _H264_TYPE_MASK
        is_key |= kind == _H264_IDR
        if kind == _H264_PARAMETERS:
            sizes.append(_size_of_parameters(data[unit.end() : unit.end() + _MAX_PARAMETER_BYTES]))
    size = (max(width for width, _ in sizes), max(height for _, height in sizes)) if sizes else None
    return FrameHeader(is_key, size)


def _size_of_parameters(data: bytes) -> tuple[int, int]:
    """Width and height of a sequence parameter set without its first byte, ITU-T H.264 §7.3.2.1.1."""
    bits = _Bits(data.replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    bits.golomb()  # id
    if profile in _HIGH_PROFILES:
        chroma_format = bits.golomb()
        bits.take(1 if chroma_format == 3 else 0)
        bits.golomb(), bits.golomb(), bits.take(1)  # bit depths, lossless bypass
        if bits.take(1):
            for index in range(12 if chroma_format == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.golomb()  # log2 of the largest frame number
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        for _ in range(2):
            bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb(), bits.take(1)  # reference frames, gaps
    width, height = bits.golomb() + 1, bits.golomb() + 1
    fields = 2 - bits.take(1)  # two where a frame may be coded as two fields
    return width * _MACROBLOCK, height * _MACROBLOCK * fields


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    last = following = 8
    for _ in range(length):
        if following:
            code = bits.golomb()
            following = (last + (code + 1) // 2 * (1 if code % 2 else -1)) % 256
        last = following or last


class _Bits:
    """Reads bits, the highest of each byte first. Raises UnreadableFrameError at the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        if count > self._left:
            raise UnreadableFrameError
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """The next Exp-Golomb code, §9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
