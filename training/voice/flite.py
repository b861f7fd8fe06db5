"""Flite's voices, modelled on recordings of people: sound and segments with their times.

Debian: `apt-get install flite`. Training only. Its three speakers of CMU ARCTIC (Kominek and Black 2003) speak with
American, Scottish and again American accents; the recordings are free of restrictions.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from training.voice.phonemes import Segment, Utterance, festival_ipa
from training.voice.sound_files import read_wave


@dataclass(frozen=True)
class FliteVoice:
    """pitch_hz: the speaker's own mean. text: the language of what it says here."""

    pitch_hz: float
    text: str = "en-us"


VOICES = {"awb": FliteVoice(125.0, "en"), "rms": FliteVoice(95.0), "slt": FliteVoice(170.0), "kal16": FliteVoice(105.0)}
TIMEOUT_S = 60
_SEGMENT = re.compile(r"(\S+):([\d.]+)")


def say(text: str, voice: str, stretch: float, pitch: float) -> Utterance | None:
    """A sentence by a voice of `VOICES`, None where Flite could not say it.

    stretch: of its durations. pitch: of its mean pitch; formants stay.
    """
    with tempfile.TemporaryDirectory(prefix="flite-") as folder:
        sound = Path(folder) / "said.wav"
        given = ["-voice", voice, "-psdur"]
        for name, value in (("duration_stretch", stretch), ("int_f0_target_mean", VOICES[voice].pitch_hz * pitch)):
            given += ["--setf", f"{name}={value:.3f}"]
        told = subprocess.run(
            ["flite", *given, "-t", text, "-o", str(sound)], capture_output=True, check=False, timeout=TIMEOUT_S
        )
        if told.returncode != 0 or not sound.exists():
            return None
        samples, rate = read_wave(sound)
    segments = segments_of(told.stdout.decode("ascii", "ignore"))
    return Utterance(samples, rate, segments) if len(samples) and segments else None


def segments_of(told: str) -> tuple[Segment, ...]:
    """Segments of what Flite prints of a sentence: phones and their ends in seconds, "pau:0.250 b:0.328 …"."""
    segments, start = [], 0.0
    for phone, told_end in _SEGMENT.findall(told):
        end = max(start, float(told_end))
        segments.append(Segment(festival_ipa("en", phone), start, end))
        start = end
    return tuple(segments)
