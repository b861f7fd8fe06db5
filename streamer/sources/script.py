"""A script: a text file that says at which times of a film a character makes faces and gestures, and changes its mood.

# seconds, or minutes:seconds, since the beginning of the film
0:03 smile
0:05-0:08 sadness
0:10 nod
0:12 mood: very tired
1:00-1:05 mood: happy, lively
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import KagamiError
from streamer.options import parse_time
from streamer.sources.acts import ACT_NAMES, FACE_NAMES, GESTURE_NAMES, GESTURES, FaceName, GestureName
from streamer.sources.mood import NO_MOOD, Mood
from streamer.sources.mood_reading import read_mood
from streamer.sources.wanted_motion import WantedActs, WantedMotion

HELD_S = 2.0  # a face whose line has no end
EASED_S = 1.0  # after the last thing that ends, until the character is as before
MAX_BYTES, MAX_LINES = 256 * 1024, 2000  # of a file
_LINE = re.compile(r"(?P<begin>[\d:.]+)(?:\s*[-–]\s*(?P<end>[\d:.]+))?\s+(?P<what>\S.*)", re.ASCII)
_MOOD = re.compile(r"mood\s*:\s*(?P<text>.*)", re.IGNORECASE)


class ScriptError(KagamiError):
    """A script cannot be used; the message names its line."""

    code = "script"


@dataclass(frozen=True, slots=True)
class Cue:
    """What one line says of one thing: a face, a gesture or a mood, of which the other two are None.

    begin, end: seconds; end: None for a gesture, and for a mood that lasts until the next one.
    """

    begin: float
    end: float | None = None
    face: FaceName | None = None
    gesture: GestureName | None = None
    mood: Mood | None = None

    @property
    def ends(self) -> float | None:
        """Seconds; None for a mood that lasts."""
        return self.end if self.gesture is None else self.begin + GESTURES[self.gesture].seconds

    def is_on(self, now: float) -> bool:
        return self.begin <= now and (self.end is None or now < self.end)


@dataclass(frozen=True, slots=True)
class Script:
    """cues: by begin; of those that begin together the last of the file is last."""

    cues: tuple[Cue, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Script:
        """A script of a file. Raises ScriptError."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ScriptError(f"{path} is larger than {MAX_BYTES // 1024} KiB: give --script a text file of lines.")
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ScriptError(f"Cannot read {path} ({error.strerror}): give --script an existing text file.") from error
        except UnicodeDecodeError as error:
            raise ScriptError(f"{path} is no text in UTF-8: give --script a text file of lines.") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "the script") -> Script:
        """A script of a text. name: of the file, for errors. Raises ScriptError."""
        lines = text.splitlines()
        if len(lines) > MAX_LINES:
            raise ScriptError(f"{name} has more than {MAX_LINES} lines: give --script a shorter one.")
        cues: list[Cue] = []
        for number, line in enumerate(lines, 1):
            try:
                cues += _cues(line.partition("#")[0].strip())
            except ValueError as error:
                raise ScriptError(f"Line {number} of {name}: {error}.") from error
        return cls(tuple(sorted(cues, key=lambda cue: cue.begin)))

    def at(self, now: float, mood: Mood = NO_MOOD) -> WantedMotion:
        """What is wanted at `now` seconds. mood: while the script says nothing of one.

        A mood with an end covers those that last, whichever began later.
        """
        on = [cue for cue in self.cues if cue.is_on(now)]
        faces = frozenset(cue.face for cue in on if cue.face is not None)
        gestures = {cue.gesture: cue.begin for cue in on if cue.gesture is not None}
        moods = [cue for cue in on if cue.mood is not None]
        moods.sort(key=lambda cue: cue.end is not None)
        wanted = moods[-1].mood if moods else mood
        return WantedMotion(WantedActs(faces=faces, gestures=gestures), mood=wanted or NO_MOOD)

    @property
    def seconds(self) -> float | None:
        """How long a film of it alone is: until all has ended and eased out; None where its last mood has no end, or
        it says nothing.
        """
        ends = [cue.ends for cue in self.cues]
        known = max((end for end in ends if end is not None), default=0.0)
        open_since = max((cue.begin for cue, end in zip(self.cues, ends, strict=True) if end is None), default=-1.0)
        return None if known <= open_since or not known else known + EASED_S


EMPTY_SCRIPT = Script()


def _cues(line: str) -> Iterator[Cue]:
    """The cues of one line without its comment. Raises ValueError with the beginning of a sentence."""
    if not line:
        return
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"'{_short(line)}' is not of the form TIME ACT; write for example 0:03 smile")
    begin, end = parse_time(match["begin"]), None if match["end"] is None else parse_time(match["end"])
    if end is not None and end <= begin:
        raise ValueError(f"'{match['begin']}-{match['end']}' ends before it begins")
    if (mood := _MOOD.fullmatch(match["what"])) is not None:
        yield Cue(begin, end, mood=_mood(mood["text"]))
        return
    for name in (part.strip() for part in match["what"].split(",")):
        yield from _acts(begin, end, name)


def _acts(begin: float, end: float | None, name: str) -> Iterator[Cue]:
    if name in GESTURE_NAMES and end is not None:
        raise ValueError(f"'{name}' takes its own time; write {begin:g} {name} without an end")
    yield from (Cue(begin, gesture=each) for each in GESTURE_NAMES if each == name)
    yield from (Cue(begin, end or begin + HELD_S, each) for each in FACE_NAMES if each == name)
    if name not in ACT_NAMES:
        raise ValueError(f"'{_short(name)}' is none of {', '.join(ACT_NAMES)}; for words of a mood write mood: WORDS")


def _mood(text: str) -> Mood:
    reading = read_mood(text)
    if reading.unknown:
        unknown = reading.unknown[0]
        similar = f"; similar words are {', '.join(unknown.nearest)}" if unknown.nearest else ""
        raise ValueError(f"the mood's word '{unknown.word}' is not understood{similar}; docs/words.md has all")
    return reading.mood


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
