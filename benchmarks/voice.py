"""How well the voice network reads a mouth: on people whose mouths are seen, on unheard voices, and how fast.

python -m benchmarks.voice --clips CLIPS_DIR     # GRID clips, whose names spell what is said
python -m benchmarks.voice --synthetic 60        # unheard voices and languages; needs eSpeak NG and Festival
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common.hardware import describe, machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.evaluation.spoken_clips import SpokenClip, read_spoken_clip
from models.voice.log_mel import SAMPLE_RATE, STEP
from models.voice.mouth_shapes import JAW, LIPS_TOUCH, SHAPES, lip_parting
from models.voice.voice_net import LOOK_AHEAD, VoiceNet, read_face
from models.voice.weights import load
from streamer.runtime.native_logs import filter_native_logs
from streamer.sources.voice_motion import WEIGHTS, Voice, VoiceFrame
from training.voice.make_data import UNHEARD_VARIANTS, espeak_sentence, festival_sentences, recording_of
from training.voice.train import correlation

Array = NDArray[np.float32]

FACEKIT_EYE_DISTANCE_CM = 6.25
CLOSED = 0.025  # eye distances: lips that part by less are closed; the tracker says so of mouths at rest
TOUCH_SLACK_S = 0.08  # around a bilabial whose time is known by an even stretch only
MAX_LAG_S, LAG_STEP_S = 0.3, 0.01
LAG_SMOOTHING_S = 0.04  # of both tracks: a camera's frame is as long
SHUFFLES = 20
SPOKEN_EDGE_S = 0.1


def parting_of(frames: Sequence[VoiceFrame]) -> tuple[Array, Array]:
    """(times (T,), parting of the lips (T,) in eye distances) of a voice's frames."""
    names = [name if name in Voice.NAMES else f"{name}_L" for name in SHAPES]
    columns = [Voice.NAMES.index(name) for name in names]
    weights = np.stack([frame.weights for frame in frames])[:, columns]
    parting = lip_parting(torch.from_numpy(weights)).numpy() / FACEKIT_EYE_DISTANCE_CM
    return np.array([frame.time for frame in frames], np.float32), np.asarray(parting, np.float32)


def shifted_correlation(clip: SpokenClip, times: Array, parting: Array, lag_s: float, whole: bool = False) -> float:
    """Correlation of a clip's opening with a parting that is taken `lag_s` later, 0 where one stands still.

    whole: of the whole clip, in whose silences mouths of people hang open or not, as no sound tells; else while they
    speak, and SPOKEN_EDGE_S before and after.
    """
    start, end = (-np.inf, np.inf) if whole else (clip.spoken[0] - SPOKEN_EDGE_S, clip.spoken[1] + SPOKEN_EDGE_S)
    compared = np.isfinite(clip.opening) & (clip.times >= start) & (clip.times <= end)
    width = LAG_SMOOTHING_S / 2
    read = np.mean([np.interp(clip.times + lag_s + part, times, parting) for part in (-width, 0, width)], 0)
    a, b = clip.opening[compared], read[compared]
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


def best_lag(clip: SpokenClip, times: Array, parting: Array) -> tuple[float, float]:
    """(lag in s at which the correlation is best, positive where the voice is late, and that correlation)."""
    lags = np.arange(-MAX_LAG_S, MAX_LAG_S + LAG_STEP_S / 2, LAG_STEP_S)
    found = [shifted_correlation(clip, times, parting, float(lag)) for lag in lags]
    best = int(np.argmax(found))
    return float(lags[best]), found[best]


def closed_share(clip: SpokenClip, times: Array, parting: Array, moments: Sequence[tuple[float, float]]) -> float:
    """Share of moments (start, end) near which the lips close; NaN without any."""
    closed = [
        parting[(times >= a - TOUCH_SLACK_S) & (times <= b + TOUCH_SLACK_S)].min(initial=np.inf) < CLOSED
        for a, b in moments
    ]
    return float(np.mean(closed)) if closed else float("nan")


def score_clip(
    clip: SpokenClip, voice: Voice, others: Sequence[SpokenClip], random: np.random.Generator
) -> dict[str, float]:
    """All figures of a clip. others: clips whose opening serves as the noise floor."""
    voice.reset()
    times, parting = parting_of([*voice.feed(clip.samples), *voice.finish()])
    lag, best = best_lag(clip, times, parting)
    chance = [(t, t + 0.07) for t in random.uniform(*clip.spoken, 200)]
    silent = np.zeros(len(times), bool)
    for a, b in clip.silences:
        silent |= (times >= a) & (times <= b)
    floor = [
        shifted_correlation(other, times, parting, float(random.uniform(-0.3, 0.3)))
        for other in others
        for _ in range(SHUFFLES)
    ]
    return {
        "corr": shifted_correlation(clip, times, parting, 0.0),
        "whole_corr": shifted_correlation(clip, times, parting, 0.0, whole=True),
        "floor": float(np.mean(floor)) if floor else float("nan"),
        "lag_ms": lag * 1000,
        "corr_at_lag": best,
        "loud_corr": loudness_correlation(clip),
        "bilabials": closed_share(clip, times, parting, clip.bilabials),
        "by_chance": closed_share(clip, times, parting, chance),
        "seen_closed": closed_share(clip, clip.times, clip.opening, clip.bilabials),
        "silence": float((parting[silent] < CLOSED).mean()) if silent.any() else float("nan"),
        "gain": float(parting.max() / np.nanmax(clip.opening)),
    }


def loudness_correlation(clip: SpokenClip) -> float:
    """The same correlation of the sound's loudness alone, which needs no network: what there is to beat."""
    steps = clip.samples[: len(clip.samples) // STEP * STEP].reshape(-1, STEP)
    level = np.sqrt((steps**2).mean(1)).astype(np.float32) ** 0.5
    times = ((np.arange(len(level)) + 0.5) * STEP / SAMPLE_RATE).astype(np.float32)
    return shifted_correlation(clip, times, level, 0.0)


def score_synthetic(network: VoiceNet, code: str, voices: str, count: int, seed: int) -> dict[str, float]:
    """Figures of unheard speech. code: a language. voices: espeak, or a voice of Festival."""
    random = np.random.default_rng(seed)
    if voices == "espeak":
        said = [espeak_sentence(random, (code,), UNHEARD_VARIANTS) for _ in range(count)]
    else:
        said = festival_sentences(random, (voices,), count)
    raw, face = [], []
    for recording in (recording_of(utterance, random) for utterance in said):
        with torch.inference_mode():
            out, _ = network(torch.from_numpy(recording.features)[None], network.first_state())
        raw.append(out[0, LOOK_AHEAD:])
        face.append(torch.from_numpy(recording.face)[:-LOOK_AHEAD])
    return channel_scores(torch.cat(raw), torch.cat(face))


def channel_scores(raw: torch.Tensor, face: torch.Tensor) -> dict[str, float]:
    """Correlation by channel, and how often lips touch when they must and when they must not."""
    shapes, _, _ = read_face(raw)
    must, must_not = face[:, LIPS_TOUCH] > 0.9, face[:, LIPS_TOUCH] == 0
    parting = lip_parting(shapes) / FACEKIT_EYE_DISTANCE_CM
    open_truth = lip_parting(face[:, : len(SHAPES)]) * (1 - face[:, LIPS_TOUCH])
    names = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthRollLower", "tongueOut")
    return {
        "parting": correlation(lip_parting(shapes), open_truth),
        **{name: correlation(raw[:, SHAPES.index(name)], face[:, SHAPES.index(name)]) for name in names},
        "closed": float((parting[must] < CLOSED).float().mean()),
        "closed_wrongly": float((parting[must_not & (face[:, JAW] > 0.1)] < CLOSED).float().mean()),
    }


def measure_speed(weights: Path, seconds: float = 20.0) -> dict[str, float]:
    """Milliseconds for each 20 ms of sound in a stream that comes in pieces of 20 ms, on one thread."""
    voice, random = Voice(weights), np.random.default_rng(1)
    sound = random.normal(0, 0.05, int(seconds * SAMPLE_RATE)).astype(np.float32)
    spent = []
    for start in range(0, len(sound) - STEP, STEP):
        began = time.perf_counter()
        voice.feed(sound[start : start + STEP])
        spent.append((time.perf_counter() - began) * 1000)
    p50, p95 = np.percentile(spent, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "least": round(min(spent), 2)}


def table(rows: dict[str, dict[str, float]]) -> str:
    """Rows of figures as text."""
    names = list(next(iter(rows.values())))
    lines = [" ".join([f"{'':<16}", *(f"{name:>13}" for name in names)])]
    lines += [
        " ".join([f"{row:<16}", *(f"{row_figures[n]:>13.3f}" for n in names)]) for row, row_figures in rows.items()
    ]
    return "\n".join(lines)


def means(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over the rows where there is one."""
    return {name: float(np.nanmean([row[name] for row in rows.values()])) for name in next(iter(rows.values()))}


def score_clips(folder: Path, weights: Path) -> dict[str, dict[str, float]]:
    """Figures by clip of a folder, and their means."""
    clips = [read_spoken_clip(path) for path in sorted(folder.glob("*.mpg"))]
    voice, random = Voice(weights), np.random.default_rng(1)
    rows = {c.name: score_clip(c, voice, [o for o in clips if o is not c], random) for c in clips}
    return {**rows, "mean": means(rows)}


def score_unheard(weights: Path, count: int) -> dict[str, dict[str, float]]:
    """Figures of unheard voices: two languages that are trained on, and those that are not."""
    network = load(weights)
    cases = [(code, "espeak") for code in ("de", "en-us", "hu", "el")] + [("cs", "dita"), ("ca", "ona")]
    return {f"{code} {voices}": score_synthetic(network, code, voices, count, 5) for code, voices in cases}


def measure(clips: Path | None, synthetic: int, weights: Path) -> dict[str, Any]:
    """All figures that are asked for; the speed always."""
    filter_native_logs()
    torch.set_num_threads(1)
    report: dict[str, Any] = {"machine": describe(), "ms_per_20_ms": measure_speed(weights)}
    if clips is not None:
        report["clips"] = score_clips(clips, weights)
    if synthetic:
        report["synthetic"] = score_unheard(weights, synthetic)
    return report


def show(report: dict[str, Any]) -> str:
    """The report as text."""
    parts = [*machine_lines(report["machine"]), f"ms per 20 ms of sound: {report['ms_per_20_ms']}"]
    return "\n".join([*parts, *(table(report[name]) for name in ("clips", "synthetic") if name in report)])


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips *.mpg of the GRID corpus")
    parser.add_argument("--synthetic", type=int, default=0, metavar="N", help="sentences of each unheard voice")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of the voice network (those that are shipped)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    return run("voice", given.json, lambda: measure(given.clips, given.synthetic, given.weights), show)


if __name__ == "__main__":
    sys.exit(main())
