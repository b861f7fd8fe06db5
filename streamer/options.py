"""The choices that settings, protocol, engine and generator share: each list stands here once.

Nothing heavy is imported, so that a wrong flag is answered before torch is loaded.
"""

from __future__ import annotations

from typing import Literal, get_args

Background = Literal["original", "blur", "colour", "transparent"]
Codec = Literal["auto", "vp8", "h264"]
GeneratorKind = Literal["dit", "geometry"]
Precision = Literal["float32", "bfloat16", "float16"]
Phase = Literal["waiting", "calibrating", "live", "lost", "stalled", "paused"]

BACKGROUNDS: tuple[Background, ...] = get_args(Background)
CODECS: tuple[Codec, ...] = get_args(Codec)
GENERATOR_KINDS: tuple[GeneratorKind, ...] = get_args(GeneratorKind)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def parse_colour(text: str) -> tuple[int, int, int]:
    """Convert `#rrggbb` or `rrggbb` to red, green and blue, 0..255. Raises ValueError for any other text."""
    digits = text.removeprefix("#")
    if len(digits) != 6 or not HEX_DIGITS.issuperset(digits):
        raise ValueError(f"'{text}' is not of the form #rrggbb")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
