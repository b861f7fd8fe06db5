"""How well the voice network reads a mouth: on people whose mouths are seen, on unheard voices, and how fast.

python -m benchmarks.voice --clips CLIPS_DIR     # GRID clips, whose names spell what is said
python -m benchmarks.voice --synthetic 60        # unheard voices and languages; needs eSpeak NG, Festival and Flite
python -m benchmarks.voice --live 40             # delays of the real server without a camera, see benchmarks.streaming
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
from benchmarks.evaluation.covered_mouths import score_covered
from benchmarks.evaluation.parting import (
    CLOSED,
    FACEKIT_EYE_DISTANCE_CM,
    best_lag,
    closed_share,
    parting_in,
    parting_of,
    shifted_correlation,
)
from benchmarks.evaluation.spoken_clips import SpokenClip, read_spoken_clip
from benchmarks.streaming.spoken_sound import SpokenMicrophone
from benchmarks.streaming.voice_delay import summarise
from benchmarks.streaming.voice_session import speech_of, watch_voice
from models.voice.log_mel import SAMPLE_RATE, STEP
from models.voice.mouth_shapes import JAW, LIPS_TOUCH, SHAPES, lip_parting
from models.voice.voice_net import VoiceNet, aligned, read_face
from models.voice.weights import load
from streamer.runtime.native_logs import filter_native_logs
from streamer.sources.voice_motion import WEIGHTS, Voice
from training.voice.make_data import UNHEARD_VARIANTS, espeak_sentence, natural_sentences, recording_of
from training.voice.train import correlation

Array = NDArray[np.float32]

SHUFFLES = 20


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
    """Figures of unheard speech. code: a language. voices: espeak, or a voice of `natural_sentences`."""
    random = np.random.default_rng(seed)
    if voices == "espeak":
        spoken = [espeak_sentence(random, (code,), UNHEARD_VARIANTS) for _ in range(count)]
    else:
        spoken = natural_sentences(random, (voices,), count)
    raw, face = [], []
    for recording in (recording_of(utterance, random) for utterance in spoken):
        with torch.inference_mode():
            out, _ = network(torch.from_numpy(recording.features)[None], network.first_state())
        out, truth = aligned(out, torch.from_numpy(recording.face)[None])
        raw.append(out[0])
        face.append(truth[0])
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


def score_covered_clips(folder: Path, weights: Path) -> dict[str, dict[str, float]]:
    """Figures by what covers the mouths of a folder's clips, see `score_covered`; means of the clips."""
    scored = [score_covered(read_spoken_clip(path), path, weights) for path in sorted(folder.glob("*.mpg"))]
    return {name: means({str(number): rows[name] for number, rows in enumerate(scored)}) for name in scored[0]}


def score_unheard(weights: Path, count: int) -> dict[str, dict[str, float]]:
    """Figures of unheard voices: two languages that are trained on, and those that are not."""
    network = load(weights)
    cases = [(code, "espeak") for code in ("de", "en-us", "hu", "el")]
    cases += [("en-us", "flite rms"), ("en-us", "ked"), ("cs", "dita"), ("ca", "ona")]
    return {f"{code} {voices}": score_synthetic(network, code, voices, count, 5) for code, voices in cases}


def measure_live(clips: Path | None, seconds: float, flags: Sequence[str]) -> dict[str, Any]:
    """Delays of a real server whose avatar a voice alone drives, and of its sound. flags: of `run_server.py`."""
    microphone = SpokenMicrophone(speech_of([] if clips is None else sorted(clips.glob("*.mpg"))))
    trace = watch_voice(flags, microphone, seconds)
    times, parting = parting_in(microphone.said(float(trace.frames[-1]) - trace.began))
    return summarise(times, parting, microphone, trace)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """All figures that are asked for; the speed always."""
    filter_native_logs()
    torch.set_num_threads(1)
    if given.live:
        flags = [
            "--ref",
            str(given.ref),
            "--size",
            str(given.size),
            "--device",
            "cpu",
            "--no-open",
            "--generator",
            given.generator,
        ]
        return {"machine": describe(), "live": measure_live(given.clips, given.live, flags)}
    report: dict[str, Any] = {"machine": describe(), "ms_per_20_ms": measure_speed(given.weights)}
    if given.clips is not None:
        report["clips"] = score_clips(given.clips, given.weights)
    if given.clips is not None and given.covered:
        report["covered"] = score_covered_clips(given.clips, given.weights)
    if given.synthetic:
        report["synthetic"] = score_unheard(given.weights, given.synthetic)
    return report


def show(report: dict[str, Any]) -> str:
    """The report as text."""
    parts = machine_lines(report["machine"])
    if "live" in report:
        return "\n".join([*parts, *(f"{name:<22} {value}" for name, value in report["live"].items())])
    parts.append(f"ms per 20 ms of sound: {report['ms_per_20_ms']}")
    return "\n".join([*parts, *(table(report[name]) for name in ("clips", "covered", "synthetic") if name in report)])


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips *.mpg of the GRID corpus")
    parser.add_argument("--synthetic", type=int, default=0, metavar="N", help="sentences of each unheard voice")
    parser.add_argument("--covered", action="store_true", help="also the clips with something before their mouths")
    parser.add_argument("--live", type=float, default=0, metavar="S", help="seconds of a real session to measure")
    parser.add_argument("--ref", type=Path, default=Path("assets/avatar.png"), help="picture of that session")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="side of its avatar video in pixels (512)")
    parser.add_argument("--generator", choices=("dit", "geometry"), default="dit", help="what draws it (dit)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of the voice network (those that are shipped)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    return run("voice", given.json, lambda: measure(given), show)


if __name__ == "__main__":
    sys.exit(main())
