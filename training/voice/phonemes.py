"""Phonemes with their times, whichever synthesiser said them, in IPA.

Festival's voices have phone sets of their own; `FESTIVAL_IPA` writes them in IPA where they differ from it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """One phoneme: IPA ("" is a pause), and its beginning and end in seconds."""

    ipa: str
    start: float
    end: float


@dataclass(frozen=True)
class Utterance:
    """What a synthesiser said: samples ±1 at `rate` Hz, and its phonemes without gaps, pauses among them."""

    samples: Samples
    rate: int
    segments: tuple[Segment, ...]


VOICELESS_STOPS = "ptkcq"
_ENGLISH = {
    "aa": "ɑː", "ae": "æ", "ah": "ʌ", "ao": "ɔː", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ", "b": "b", "ch": "tʃ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l", "em": "m", "en": "n", "er": "ɝ", "ey": "eɪ", "f": "f",
    "g": "g", "hh": "h", "hv": "h", "ih": "ɪ", "iy": "iː", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n",
    "nx": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ",
    "uh": "ʊ", "uw": "uː", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip
_ITALIAN = {"E": "ɛ", "O": "ɔ", "S": "ʃ", "tS": "tʃ", "dZ": "dʒ", "J": "ɲ", "L": "ʎ", "ng": "ŋ", "nf": "ɱ", "r": "r"}
_CZECH = {"ch": "x", "c": "ts", "c~": "tʃ", "s~": "ʃ", "z~": "ʒ", "n~": "ɲ", "n*": "ŋ", "t~": "c", "d~": "ɟ",
          "r~": "r", "r*": "r", "dz": "dz", "dz~": "dʒ", "h": "h", "y": "i", "o~": "o", "_": ""}  # fmt: skip
_FINNISH = {"{": "æ", "7": "ø", "y": "y", "v": "ʋ", "@": "æ", "N": "ŋ", "d": "d", "ä": "æ", "ö": "ø"}
_RUSSIAN = {
    "aa": "a", "a": "ɐ", "ae": "ə", "ay": "ɐ", "e": "ɛ", "ee": "e", "i": "ɪ", "ii": "i", "o": "o", "oo": "o", "u": "ʊ",
    "uu": "u", "y": "ɨ", "yy": "ɨ", "ur": "ʊ", "uj": "u", "bb": "b", "pp": "p", "mm": "m", "ff": "f",
    "vv": "v", "ss": "s",
    "zz": "z", "tt": "t", "dd": "d", "nn": "n", "ll": "l", "rr": "r", "kk": "k", "gg": "g", "hh": "x", "h": "x",
    "c": "ts", "ch": "tʃ", "sh": "ʃ", "sch": "ʃ", "zh": "ʒ", "j": "j",
}  # fmt: skip
_CATALAN = {"ax": "ə", "E": "ɛ", "O": "ɔ", "e": "e", "o": "o", "S": "ʃ", "Z": "ʒ", "J": "ɲ", "L": "ʎ", "rr": "r",
            "B": "β", "D": "ð", "G": "ɣ", "uw": "w", "y": "j", "N": "ŋ", "tS": "tʃ", "dZ": "dʒ"}  # fmt: skip
FESTIVAL_IPA = {
    "en": _ENGLISH, "it": _ITALIAN, "cs": _CZECH, "fi": _FINNISH, "ru": _RUSSIAN, "ca": _CATALAN
}  # fmt: skip
FESTIVAL_PAUSES = frozenset(("#", "##", "pau", "_", "h#", "brth", "H#"))


def festival_ipa(language: str, phone: str) -> str:
    """A phone of a Festival voice in IPA, "" for a pause; digits of stress and colons of length are dropped first."""
    if phone in FESTIVAL_PAUSES:
        return ""
    table = FESTIVAL_IPA[language]
    plain = phone.rstrip(":").rstrip("0123456789") or phone
    return table.get(phone, table.get(plain, plain.lower()))


def base_symbols(ipa: str) -> str:
    """The letters of a phoneme without length, stress, tone, ties and diacritics: "aɪ" of "aɪː", "t" of "tʲ"."""
    plain = unicodedata.normalize("NFD", ipa)
    return "".join(c for c in plain if unicodedata.category(c) in ("Ll", "Lo") and c not in "ʲʰʷˠˤ")


def is_bilabial(ipa: str) -> bool:
    """Whether lips touch in it: p, b, m and what contains them."""
    return any(c in "pbm" for c in base_symbols(ipa))
