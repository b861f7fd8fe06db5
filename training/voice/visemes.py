"""What a mouth does while phonemes are said: ARKit weights by viseme, blended by dominance functions.

Which phonemes look alike follows the viseme groups of MPEG-4 facial animation (ISO/IEC 14496-2, table C.1) and of
Jeffers and Barley, "Speechreading" (1971): lips that touch, lip and teeth, rounded, spread, and how far the jaw goes.
The weights were set here by looking at ICT-FaceKit's shapes and, for how far lips part, at the five clips of
`benchmarks.voice` (docs/decisions/voice.md). How neighbours share a moment follows Cohen and Massaro,
"Modeling coarticulation in synthetic visual speech" (1993): each segment pulls each channel with a dominance that
falls off exponentially around it, and the face is the mean of the targets by dominance.

Who dominates follows what a sound needs of the lips (Recasens et al. 1997, "degree of articulatory constraint"): a
rounded one closes the ring of muscle around them, whatever its neighbours do, while tongue-tip and velar consonants
leave them to their neighbours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.voice.mouth_shapes import SHAPES
from training.voice.phonemes import VOICELESS_STOPS, Segment, base_symbols, is_bilabial

Array = npt.NDArray[np.float32]
# By viseme: letters of IPA, weights, and dominance over jaw, rounding and spreading of the lips.
_NAMES = {
    "jaw": "jawOpen", "forward": "jawForward", "funnel": "mouthFunnel", "pucker": "mouthPucker",
    "roll": "mouthRollLower", "press": "mouthPress", "stretch": "mouthStretch", "smile": "mouthSmile",
    "lower": "mouthLowerDown", "upper": "mouthUpperUp", "tongue": "tongueOut",
}  # fmt: skip
_TABLE: tuple[tuple[str, str, tuple[float, float, float]], ...] = (
    ("aɑɐäa", "jaw .40 lower .14 upper .08 stretch .04", (1.0, 0.7, 0.7)),
    ("æ", "jaw .34 lower .22 upper .14 stretch .16 smile .14", (1.0, 0.8, 0.9)),
    ("ʌɒ", "jaw .30 lower .12 upper .06", (1.0, 0.6, 0.6)),
    ("ɛ", "jaw .25 lower .20 upper .12 stretch .16 smile .12", (0.9, 0.8, 0.9)),
    ("e", "jaw .19 lower .22 upper .13 stretch .20 smile .16", (0.9, 0.8, 1.0)),
    ("ɪ", "jaw .12 lower .18 upper .10 stretch .18 smile .14", (0.8, 0.7, 0.8)),
    ("i", "jaw .14 lower .24 upper .15 stretch .28 smile .22", (0.9, 0.9, 1.0)),
    ("əɘᵻ", "jaw .14 lower .10 upper .05", (0.5, 0.3, 0.3)),
    ("ɜɝɚ", "jaw .13 lower .08 funnel .10 pucker .12", (0.8, 0.7, 0.6)),
    ("ɔ", "jaw .27 funnel .18 pucker .18", (1.0, 1.0, 0.8)),
    ("oɤ", "jaw .16 funnel .16 pucker .34", (0.9, 1.0, 0.8)),
    ("ʊ", "jaw .09 funnel .10 pucker .38", (1.6, 0.9, 1.6)),
    ("uʉ", "jaw .05 funnel .10 pucker .58", (1.8, 1.0, 2.0)),
    ("yʏ", "jaw .06 funnel .12 pucker .48", (1.8, 1.0, 2.0)),
    ("øɵ", "jaw .13 funnel .18 pucker .32", (1.8, 1.0, 1.6)),
    ("œɶ", "jaw .20 funnel .20 pucker .18", (0.9, 1.0, 0.8)),
    ("ɨɯ", "jaw .10 lower .16 upper .08 stretch .12 smile .06", (0.8, 0.6, 0.7)),
    ("pbm", "jaw .08", (0.9, 0.3, 0.3)),  # lips that touch are a channel of their own
    ("fvɱ", "jaw .03 roll .30 upper .16", (1.0, 0.5, 1.0)),
    ("wɥ", "jaw .02 funnel .02 pucker .64", (1.8, 1.1, 1.8)),
    ("ʋβɸ", "jaw .04 roll .14 upper .06 pucker .10", (0.9, 0.6, 0.8)),
    ("θð", "jaw .11 lower .16 upper .08 tongue .30", (0.9, 0.3, 0.7)),
    ("tdnɗʈɖɳ", "jaw .09 lower .14 upper .07 stretch .04", (0.7, 0.12, 0.05)),
    ("lɭɫɬ", "jaw .13 lower .14 upper .06 tongue .08", (0.7, 0.15, 0.05)),
    ("sz", "jaw .05 lower .22 upper .12 stretch .16 smile .08", (1.0, 0.3, 0.8)),
    ("ʃʒʂʐ", "jaw .03 funnel .16 pucker .34 forward .12 lower .06 upper .06", (2.0, 0.8, 1.4)),
    ("ɕʑç", "jaw .06 funnel .10 lower .14 upper .10 stretch .06", (0.9, 0.4, 0.6)),
    ("jɲʎɟcʝ", "jaw .08 lower .14 upper .08 stretch .14 smile .10", (0.7, 0.3, 0.2)),
    ("ɹɻ", "jaw .05 funnel .08 pucker .24", (1.4, 0.6, 1.0)),
    ("rɾɽ", "jaw .12 lower .12 upper .05", (0.7, 0.15, 0.05)),
    ("kgɡŋxɣqχʁʀ", "jaw .13 lower .10 upper .05", (0.5, 0.10, 0.05)),
    ("hɦħʔʕ", "jaw .15 lower .06", (0.2, 0.05, 0.02)),
)
_ROUND = [SHAPES.index(name) for name in ("mouthFunnel", "mouthPucker", "jawForward")]
_SPREAD = [SHAPES.index(n) for n in ("mouthStretch", "mouthSmile", "mouthLowerDown", "mouthUpperUp", "mouthRollLower")]
_PAUSE_DOMINANCE = (0.35, 0.3, 0.35)
# Seconds in which dominance falls to 1/e outside of a segment's middle part: lips round earlier than the jaw moves.
JAW_REACH_S, ROUND_REACH_S, SPREAD_REACH_S = 0.045, 0.070, 0.050
CORE_SHARE = 0.3  # half-width of that middle part, of the segment's duration
CLOSURE_SHARES = {"p": 0.62, "b": 0.85, "m": 0.95}  # of the segment, until its burst or its end
LIP_RAMP_S = 0.06  # lips take so long to meet and to part
# The first vowel of "face" begins lower than the close-mid vowel that its letter is (Wells 1982, "Accents of English").
SAID_AS = {"eɪ": "ɛɪ"}
PAUSE_REACH_S = 0.12  # of a pause no more than this at each end belongs to speech


def _viseme_table() -> tuple[dict[str, int], Array, Array]:
    """(row by IPA letter, targets (V, S), dominance (V, S)); the last row is a pause."""
    rows: dict[str, int] = {}
    targets: list[Array] = []
    dominance: list[Array] = []
    for letters, weights, (jaw, rounding, spread) in (*_TABLE, ("", "", _PAUSE_DOMINANCE)):
        words = weights.split()
        target = np.zeros(len(SHAPES), np.float32)
        for name, value in zip(words[::2], words[1::2], strict=True):
            target[SHAPES.index(_NAMES[name])] = float(value)
        pull = np.full(len(SHAPES), jaw, np.float32)
        pull[_ROUND], pull[_SPREAD] = rounding, spread
        rows.update(dict.fromkeys(letters, len(targets)))
        targets.append(target)
        dominance.append(pull)
    return rows, np.stack(targets), np.stack(dominance)


ROWS, TARGETS, DOMINANCE = _viseme_table()
PAUSE = len(TARGETS) - 1
REACH = np.full(len(SHAPES), JAW_REACH_S, np.float32)
REACH[_ROUND], REACH[_SPREAD] = ROUND_REACH_S, SPREAD_REACH_S


def split_segments(segments: tuple[Segment, ...]) -> list[tuple[int, float, float]]:
    """(viseme, start, end) of segments: diphthongs and affricates as one after the other, pauses as their two ends.

    Letters that are in no viseme (clicks, rare ones) are said as the schwa.
    """
    parts = []
    for segment in segments:
        letters = base_symbols(segment.ipa)
        letters = SAID_AS.get(letters, letters)
        if not letters:
            edge = min(PAUSE_REACH_S, (segment.end - segment.start) / 2)
            parts += [(PAUSE, segment.start, segment.start + edge), (PAUSE, segment.end - edge, segment.end)]
            continue
        length = (segment.end - segment.start) / len(letters)
        for i, letter in enumerate(letters):
            start = segment.start + i * length
            parts.append((ROWS.get(letter, ROWS["ə"]), start, start + length))
    return parts


def blend_visemes(segments: tuple[Segment, ...], times: Array) -> Array:
    """Weights (T, S) at times (T,) in seconds as if lips never touched, by dominance."""
    parts = split_segments(segments)
    rows = np.array([row for row, _, _ in parts])
    starts, ends = np.array([p[1] for p in parts], np.float32), np.array([p[2] for p in parts], np.float32)
    middles, cores = (starts + ends) / 2, CORE_SHARE * (ends - starts)
    distance = np.maximum(np.abs(times[:, None] - middles) - cores, 0)  # (T, P)
    pull = np.exp(-distance[..., None] / REACH) * DOMINANCE[rows] + 1e-9  # (T, P, S)
    in_pause = 1 - in_speech(segments, times)
    return ((pull * TARGETS[rows]).sum(1) / pull.sum(1) * (1 - in_pause)[:, None]).astype(np.float32)


def lips_touching(segments: tuple[Segment, ...], times: Array) -> Array:
    """0..1 (T,): 1 while a bilabial's lips touch, with ramps of LIP_RAMP_S before and after."""
    touch = np.zeros(len(times), np.float32)
    for segment in segments:
        if is_bilabial(segment.ipa):
            letter = next(c for c in base_symbols(segment.ipa) if c in CLOSURE_SHARES)
            end = segment.start + CLOSURE_SHARES[letter] * (segment.end - segment.start)
            outside = np.maximum(segment.start - times, times - end)
            touch = np.maximum(touch, np.clip(1 - outside / LIP_RAMP_S, 0, 1))
    return touch


def in_speech(segments: tuple[Segment, ...], times: Array) -> Array:
    """0..1 (T,): 1 within phonemes, falling to 0 over PAUSE_REACH_S around them, so that breaths between words stay."""
    said = np.zeros(len(times), np.float32)
    for segment in segments:
        if segment.ipa:
            outside = np.maximum(segment.start - times, times - segment.end)
            said = np.maximum(said, np.clip(1 - outside / PAUSE_REACH_S, 0, 1))
    return said


def with_closures(segments: list[Segment], closure_s: float) -> tuple[Segment, ...]:
    """Segments whose voiceless stops begin `closure_s` earlier: eSpeak NG tells a stop's burst, not its closure."""
    starts = [
        max(s.start - closure_s, segments[i - 1].start + 0.01 if i else 0.0)
        if base_symbols(s.ipa)[:1] in VOICELESS_STOPS and s.ipa
        else s.start
        for i, s in enumerate(segments)
    ]
    ends = [*starts[1:], segments[-1].end]
    return tuple(Segment(s.ipa, a, max(b, a)) for s, a, b in zip(segments, starts, ends, strict=True))
