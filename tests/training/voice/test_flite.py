"""What Flite prints of a sentence becomes segments; the voices that are trained on and those that are not differ."""

from __future__ import annotations

from training.voice import festival, flite
from training.voice.flite import segments_of
from training.voice.languages import ACCENTS, LANGUAGES
from training.voice.make_data import FLITE, NATURAL_TRAINING, NATURAL_UNHEARD
from training.voice.phonemes import Segment


def test_phones_and_their_ends_become_segments_without_gaps() -> None:
    told = segments_of("pau:0.250 b:0.328 iy:0.411 \npau:0.400 \n")
    assert told == (
        Segment("", 0.0, 0.25),
        Segment("b", 0.25, 0.328),
        Segment("iː", 0.328, 0.411),
        Segment("", 0.411, 0.411),
    )


def test_every_voice_is_known_and_none_is_both_trained_on_and_kept_for_choosing() -> None:
    for name in (*NATURAL_TRAINING, *NATURAL_UNHEARD):
        known = flite.VOICES if name.startswith(FLITE) else festival.VOICES
        assert known[name.removeprefix(FLITE)].text in LANGUAGES
    assert not set(NATURAL_TRAINING) & set(NATURAL_UNHEARD)
    assert set(ACCENTS) <= set(LANGUAGES)
