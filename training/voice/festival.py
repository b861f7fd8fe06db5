"""Festival's voices, made of recordings of people: sound and segments with their times.

Debian: `apt-get install festival` and the `festvox-*` packages of `VOICES`. Training only. One process says all
sentences of a list, since it takes longer to start than to speak.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from training.voice.phonemes import Segment, Utterance, festival_ipa
from training.voice.sound_files import read_wave

_SAY = """(define (say voice text name stretch)
  (voice)
  (Parameter.set 'Duration_Stretch stretch)
  (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave u (string-append name ".wav"))
    (utt.save.segs u (string-append name ".lab"))))
"""


@dataclass(frozen=True)
class FestivalVoice:
    """function: what selects it in Festival. language: its table in `phonemes.py`. text: its language here."""

    function: str
    language: str
    text: str


VOICES = {
    "kal": FestivalVoice("voice_kal_diphone", "en", "en-us"),
    "ked": FestivalVoice("voice_ked_diphone", "en", "en-us"),
    "slt": FestivalVoice("voice_cmu_us_slt_arctic_hts", "en", "en-us"),
    "lp": FestivalVoice("voice_lp_diphone", "it", "it"),
    "pc": FestivalVoice("voice_pc_diphone", "it", "it"),
    "dita": FestivalVoice("voice_czech_dita", "cs", "cs"),
    "krb": FestivalVoice("voice_czech_krb", "cs", "cs"),
    "machac": FestivalVoice("voice_czech_machac", "cs", "cs"),
    "ph": FestivalVoice("voice_czech_ph", "cs", "cs"),
    "lj": FestivalVoice("voice_suo_fi_lj_diphone", "fi", "fi"),
    "mv": FestivalVoice("voice_hy_fi_mv_diphone", "fi", "fi"),
    "nsh": FestivalVoice("voice_msu_ru_nsh_clunits", "ru", "ru"),
    "ona": FestivalVoice("voice_upc_ca_ona_hts", "ca", "ca"),
}
# By language of voices that do not read UTF-8.
CODINGS = {"it": "latin-1", "fi": "latin-1", "ca": "latin-1", "cs": "iso8859-2"}


def say_all(sentences: list[tuple[str, str, float]]) -> list[Utterance | None]:
    """Utterances of (name of a voice, text, stretch of durations); None for those that Festival could not say."""
    with tempfile.TemporaryDirectory(prefix="festival-") as name:
        folder = Path(name)
        waiting = list(range(len(sentences)))
        while waiting:
            _run(folder, {i: sentences[i] for i in waiting})
            # An error ends the program: the first that is missing is the one that it could not say.
            waiting = [i for i in waiting if not (folder / f"{i}.lab").exists()][1:]
        return [_read(folder / str(i), VOICES[voice].language) for i, (voice, _, _) in enumerate(sentences)]


def _run(folder: Path, sentences: dict[int, tuple[str, str, float]]) -> None:
    """Have one process of Festival say sentences into numbered files."""
    lines = [_SAY.encode()]
    for i, (name, text, stretch) in sentences.items():
        spelling = text.replace('"', "").encode(CODINGS.get(VOICES[name].language, "utf-8"), "ignore")
        where = str(folder / str(i)).encode()
        lines.append(b'(say %s "%s" "%s" %.2f)\n' % (VOICES[name].function.encode(), spelling, where, stretch))
    script = folder / "say.scm"
    script.write_bytes(b"".join(lines))
    subprocess.run(["festival", "-b", str(script)], capture_output=True, check=False, timeout=1800)


def _read(stem: Path, language: str) -> Utterance | None:
    """The utterance of two files of Festival, None where they are missing or empty."""
    sound, labels = stem.with_suffix(".wav"), stem.with_suffix(".lab")
    if not sound.exists() or not labels.exists():
        return None
    samples, rate = read_wave(sound)
    segments, start = [], 0.0
    for line in labels.read_text(encoding="latin-1").splitlines():
        parts = line.split()
        if len(parts) == 3:
            end = float(parts[0])
            segments.append(Segment(festival_ipa(language, parts[2]), start, end))
            start = end
    return Utterance(samples, rate, tuple(segments)) if len(samples) and segments else None
