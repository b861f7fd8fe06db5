"""eSpeak NG by its C library: sound and phonemes with their times. Debian: `apt-get install libespeak-ng1`.

Types and constants are those of `espeak-ng/speak_lib.h`. Training only; what runs live needs none of it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from training.voice.phonemes import Segment, Utterance
from training.voice.visemes import with_closures

_SYNCHRONOUS, _PHONEME_EVENTS, _IPA = 2, 1, 2
_UTF8 = 1
_LIST_END, _PHONEME = 0, 7
_RATE, _PITCH, _RANGE = 1, 3, 4
STOP_CLOSURE_S = 0.045  # before the burst of a voiceless stop, at which its event stands, measured on "papa"


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The synthesiser of this process; the library has only one."""

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL("libespeak-ng.so.1")
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _IPA)
        self._pieces: list[Any] = []
        self._events: list[tuple[float, str]] = []
        self._callback = _Callback(self._take)  # the library keeps only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, words_per_minute: int, pitch: int, pitch_range: int) -> Utterance:
        """A sentence by a voice such as "de+f3". pitch, pitch_range: 0..100, usually 50. ValueError: no such voice."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice!r}.")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pieces, self._events = [], []
        spelling = text.encode()
        self._library.espeak_Synth(spelling, len(spelling) + 1, 0, 1, 0, _UTF8, None, None)
        samples = np.concatenate([*self._pieces, np.zeros(1, np.int16)]).astype(np.float32) / 32768
        end = len(samples) / self.rate
        starts = [*(at for at, _ in self._events), end]
        segments = [Segment(ipa, a, max(a, b)) for (a, ipa), b in zip(self._events, starts[1:], strict=True)]
        return Utterance(samples, self.rate, with_closures([Segment("", 0.0, starts[0]), *segments], STOP_CLOSURE_S))

    def _take(self, wave: Any, count: int, events: Any) -> int:
        """Keep a piece of sound and its events; called by the library."""
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != _LIST_END:
            if events[i].type == _PHONEME:
                # Eight bytes without an end where all are used; a letter that they cut is left out.
                raw = ctypes.string_at(ctypes.addressof(events[i]) + _Event.id.offset, 8).split(b"\0")[0]
                name = raw.decode("utf-8", "ignore")
                if not name.startswith("("):  # which tells that a word is said in another language
                    self._events.append((events[i].audio_position / 1000, name))
            i += 1
        return 0


@cache
def espeak() -> Espeak:
    """The synthesiser of this process, started once."""
    return Espeak()
