"""Trains the voice network on the shards of `training.voice.make_data`.

    python -m training.voice.train --data FOLDER --out FOLDER --steps 6000

resumes what it finds in the folder of `--out` and writes the averaged weights there as `voice.safetensors`. Shards that
are made meanwhile are taken up.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.voice.log_mel import BANDS, FEATURES, FLOOR, MEAN, SPREAD, STEP_S
from models.voice.mouth_shapes import JAW, LIPS_TOUCH, NOD, SHAPES, SPEECH, lip_parting
from models.voice.voice_net import VoiceNet, aligned, read_face
from models.voice.weights import load, save
from training.voice.make_data import CHANNELS, Recording, load_shard

TEMPO, MAX_BAND_SHIFT, MAX_BAND_STRETCH = (0.8, 1.25), 1.5, 0.06  # of `other_speaker`; mel bands
MOST_MASKS, WIDEST_MASK, LONGEST_MASK = 2, 6, 60  # of `augment`, in an example; bands, steps
CROP = 256  # steps of an example: 5 s
BATCH = 24
RATE, WARM_UP, LAST_RATE = 2e-3, 100, 0.05  # peak learning rate, steps until it, and the share of it at the end
WEIGHT_DECAY, MAX_GRADIENT_NORM, AVERAGE = 0.01, 1.0, 0.997
REREAD_STEPS, LOG_STEPS, SAVE_STEPS = 300, 20, 200
TOUCH_RARITY = 2.0  # by which a moment of touching lips counts more than one without
VELOCITY_WEIGHT, TOUCH_WEIGHT, SPEECH_WEIGHT, PARTING_WEIGHT = 2.0, 1.0, 0.15, 1.0
SHAPE_SCALES = (0.08, 0.03, 1.0, 0.08, 0.10, 0.05, 0.1, 0.06, 0.05, 0.06, 0.04, 0.04, 0.06, 0.06)  # usual deviations
NOD_SCALE = 0.02  # rad
LEARNT_SHAPES = tuple(i for i, name in enumerate(SHAPES) if name not in ("mouthClose", "mouthPress"))  # `close_lips`


def example_batch(recordings: list[Recording], random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Features (B, CROP, FEATURES), augmented, and faces (B, CROP, CHANNELS) of random parts of random recordings."""
    features = np.full((BATCH, CROP, FEATURES), (np.log(FLOOR) - MEAN) / SPREAD, np.float32)
    faces = np.zeros((BATCH, CROP, CHANNELS), np.float32)
    for row in range(BATCH):
        filled = 0
        while filled < CROP:  # short recordings follow one another
            chosen = other_speaker(recordings[random.integers(len(recordings))], random)
            start = random.integers(max(1, len(chosen.features) - CROP + 1))
            count = min(CROP - filled, len(chosen.features) - start)
            features[row, filled : filled + count] = chosen.features[start : start + count]
            faces[row, filled : filled + count] = chosen.face[start : start + count]
            filled += count
    return torch.from_numpy(augment(features, random)), torch.from_numpy(faces)


def other_speaker(recording: Recording, random: np.random.Generator) -> Recording:
    """A recording as a faster or slower speaker with longer or shorter formants would make it, by interpolation."""
    windows = recording.features.reshape(-1, BANDS)  # one every 10 ms
    per_step = len(windows) // len(recording.face)
    tempo, shift = random.uniform(*TEMPO), random.uniform(-MAX_BAND_SHIFT, MAX_BAND_SHIFT)
    steps = int((len(recording.face) - 1) / tempo)
    windows = between_rows(windows, np.arange(steps * per_step) * tempo)
    stretch = 1 + random.uniform(-MAX_BAND_STRETCH, MAX_BAND_STRETCH)
    windows = between_rows(windows.T, np.arange(BANDS) * stretch + shift).T
    # A step's face is that of its end: step k of the new ones ends at (k + 1) of its own, times tempo of the old ones.
    face = between_rows(recording.face, (np.arange(steps) + 1) * tempo - 1)
    return Recording(windows.reshape(steps, FEATURES), face)


def between_rows(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows (N, C) interpolated at places (M,) between them; beyond the ends they stay as they are there."""
    places = np.clip(places, 0, len(rows) - 1)
    below = np.minimum(places.astype(int), len(rows) - 2)
    part = (places - below)[:, None].astype(np.float32)
    return rows[below] * (1 - part) + rows[below + 1] * part


def augment(features: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Features (B, T, FEATURES) with another level, another smooth frequency response and steady noise, in which some
    bands are lost for a while (SpecAugment, Park et al. 2019), so that no single formant decides.
    """
    batch = len(features)
    bands = features.reshape(batch, CROP, -1, BANDS)
    places = np.linspace(0, 1, BANDS)
    response = sum(
        random.normal(0, 0.7 / k, (batch, 1)) * np.cos(np.pi * k * places + random.uniform(0, 6.3, (batch, 1)))
        for k in range(1, 4)
    )
    level = random.uniform(-1.5, 1.5, (batch, 1))
    noise = random.uniform(-14, -5, (batch, 1)) + np.cumsum(random.normal(0, 0.3, (batch, BANDS)), 1)
    flicker = random.normal(0, 0.5, bands.shape)
    changed = bands + ((response + level) / SPREAD)[:, None, None]
    noisy = np.logaddexp(changed, ((noise[:, None, None] + flicker) - MEAN) / SPREAD)
    for example in noisy:
        for _ in range(random.integers(MOST_MASKS + 1)):
            band, step = random.integers(BANDS), random.integers(CROP)
            length, width = random.integers(1, LONGEST_MASK), random.integers(1, WIDEST_MASK)
            lost = example[step : step + length, :, band : band + width]
            lost[...] = lost.mean()
    return noisy.reshape(features.shape).astype(np.float32)


def losses(raw: Tensor, face: Tensor) -> dict[str, Tensor]:
    """The terms of the loss. raw: network output (B, T, CHANNELS). face: what each step should say."""
    scale = raw.new_tensor(SHAPE_SCALES)
    error = ((raw - face)[..., : len(SHAPES)] / scale)[..., LEARNT_SHAPES]
    moved = error[:, 1:] - error[:, :-1]
    shapes, _, _ = read_face(raw)
    truth, _, _ = read_face(torch.cat([face[..., :LIPS_TOUCH], as_logits(face[..., LIPS_TOUCH:])], -1))
    return {
        "shape": F.smooth_l1_loss(error, torch.zeros_like(error)),
        "velocity": VELOCITY_WEIGHT * F.smooth_l1_loss(moved, torch.zeros_like(moved)),
        "nod": 0.1 * ((raw - face)[..., NOD] / NOD_SCALE).square().mean(),
        "touch": TOUCH_WEIGHT
        * F.binary_cross_entropy_with_logits(
            raw[..., LIPS_TOUCH], face[..., LIPS_TOUCH], pos_weight=raw.new_tensor(TOUCH_RARITY)
        ),
        "speech": SPEECH_WEIGHT * F.binary_cross_entropy_with_logits(raw[..., SPEECH], face[..., SPEECH]),
        "parting": PARTING_WEIGHT * (lip_parting(shapes) - lip_parting(truth)).abs().mean(),
    }


@torch.no_grad()
def teacher_faces(teacher: VoiceNet, features: Tensor, steps: float) -> Tensor:
    """Faces (B, T - 1, CHANNELS) that are so many steps, 0..1, after those that a network makes of features
    (B, T, FEATURES): what one that looks ahead by so much less should make of them.
    """
    raw, _ = teacher(features, teacher.first_state(len(features)))
    face = torch.cat([raw[..., :LIPS_TOUCH], torch.sigmoid(raw[..., LIPS_TOUCH:])], -1)
    return face[:, :-1].lerp(face[:, 1:], steps)


def as_logits(share: Tensor) -> Tensor:
    """The logits of probabilities, kept finite."""
    return torch.logit(share, 1e-4)


def correlations(network: VoiceNet, recordings: list[Recording]) -> dict[str, float]:
    """How well unheard recordings are read: correlation of lip parting, jaw and all shapes; F1 of lips that touch."""
    read, true = [], []
    for each in recordings:
        with torch.inference_mode():
            raw, _ = network(torch.from_numpy(each.features)[None], network.first_state())
        out, face = aligned(raw, torch.from_numpy(each.face)[None])
        read.append(out[0])
        true.append(face[0])
    raw, face = torch.cat(read), torch.cat(true)
    shapes, _, _ = read_face(raw)
    truth, _, _ = read_face(torch.cat([face[..., :LIPS_TOUCH], as_logits(face[..., LIPS_TOUCH:])], -1))
    touch, touches = raw[:, LIPS_TOUCH] > 0, face[:, LIPS_TOUCH] > 0.5
    hits = (touch & touches).sum().item()
    return {
        "parting": correlation(lip_parting(shapes), lip_parting(truth)),
        "jaw": correlation(shapes[:, JAW], truth[:, JAW]),
        "shapes": float(np.mean([correlation(raw[:, i], face[:, i]) for i in LEARNT_SHAPES])),
        "touch_f1": 2 * hits / max(1, touch.sum().item() + touches.sum().item()),
        "speech": ((raw[:, SPEECH] > 0) == (face[:, SPEECH] > 0.5)).float().mean().item(),
    }


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation of two tracks (T,), 0 where one stands still."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-9))


def learning_rate(progress: float, step: int, peak: float = RATE) -> float:
    """Linear warm-up, then a cosine to LAST_RATE of the peak. progress: 0..1."""
    cosine = 0.5 * (1 + np.cos(np.pi * min(progress, 1.0)))
    return peak * min(1.0, (step + 1) / WARM_UP) * float(LAST_RATE + (1 - LAST_RATE) * cosine)


def train(
    data: Path,
    out: Path,
    steps: int,
    minutes: float,
    unheard: list[Recording],
    seed: int,
    begin: Path | None = None,
    follow: Path | None = None,
    follow_s: float = STEP_S,
    rate: float = RATE,
) -> VoiceNet:
    """Train until `steps` are done or `minutes` of all calls together are over; the averaged network.

    begin: weights to begin with where `out` has no state; None: random ones. follow: those of a network that looks
    ahead by follow_s seconds more, one step at most, whose faces are learnt in place of the truth; None: of none.
    rate: peak learning rate.
    """
    torch.manual_seed(seed)
    network = VoiceNet() if begin is None else load(begin).train()
    teacher = None if follow is None else load(follow).eval()
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    step, spent = 0, 0.0
    state_file = out / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    random = np.random.default_rng((seed, step))
    began = time.monotonic() - spent
    recordings: list[Recording] = []
    files: set[Path] = set()
    means: dict[str, float] = {}
    while step < steps and (spent := time.monotonic() - began) < minutes * 60:
        if step % REREAD_STEPS == 0 or not recordings:
            for path in sorted(set(data.glob("*.safetensors")) - files):
                recordings += load_shard(path)
                files.add(path)
            if not recordings:
                raise SystemExit(f"{data} has no shards: make some with `python -m training.voice.make_data`.")
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(max(step / steps, spent / (minutes * 60)), step, rate)
        features, face = example_batch(recordings, random)
        face = face if teacher is None else teacher_faces(teacher, features, follow_s / STEP_S)
        with torch.autocast("cpu", torch.bfloat16):  # 1.8 times as fast where the processor has it; losses stay exact
            raw, _ = network(features, network.first_state(BATCH))
        terms = losses(*aligned(raw.float(), face)) if teacher is None else losses(raw.float()[:, :-1], face)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
        optimiser.step()
        average.update_parameters(network)
        step += 1
        for name, term in terms.items():
            means[name] = means.get(name, term.item()) * 0.95 + term.item() * 0.05
        if step % LOG_STEPS == 0:
            figures = " ".join(f"{name} {value:.4f}" for name, value in means.items())
            logging.info("step %d, %.0f s, %d recordings: %s", step, spent, len(recordings), figures)
        if step % SAVE_STEPS == 0:
            _store(out, network, average, optimiser, step, spent, unheard)
    _store(out, network, average, optimiser, step, spent, unheard)
    return averaged_network(average).eval()


def averaged_network(average: AveragedModel) -> VoiceNet:
    """The network whose weights are the running average."""
    network = average.module
    assert isinstance(network, VoiceNet)
    return network


def _store(
    out: Path,
    network: VoiceNet,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
    step: int,
    spent: float,
    unheard: list[Recording],
) -> None:
    """Keep the state of the run, write the averaged weights, and log how well they read unheard recordings."""
    state = {"network": network.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
    part = out / "state.part"
    torch.save({**state, "step": step, "spent": spent}, part)
    part.rename(out / "state.pt")
    averaged = averaged_network(average)
    save(averaged, out / "voice.safetensors", {"steps": str(step), "licence": "Apache-2.0"})
    figures = correlations(averaged, unheard) if unheard else {}
    logging.info("step %d, unheard: %s", step, " ".join(f"{name} {value:.3f}" for name, value in figures.items()))


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of shards")
    parser.add_argument("--unheard", type=Path, help="a shard of voices and languages that are not trained on")
    parser.add_argument("--out", type=Path, required=True, help="folder for state and weights; resumes what it finds")
    parser.add_argument("--begin", type=Path, help="weights to begin with (random ones)")
    parser.add_argument("--follow", type=Path, help="weights of a network that looks further ahead, to learn from")
    parser.add_argument("--follow-s", type=float, default=STEP_S, help="seconds by which it does, up to a step")
    parser.add_argument("--rate", type=float, default=RATE, help="peak learning rate")
    parser.add_argument("--steps", type=int, default=6000, help="optimiser steps of the whole schedule")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="end the schedule after these, of all calls together"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not 0 < given.follow_s <= STEP_S:
        parser.error(f"--follow-s must be above 0 and at most one step, {STEP_S}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    unheard = load_shard(given.unheard) if given.unheard else []
    train(
        given.data, given.out, given.steps, given.minutes, unheard, given.seed,
        given.begin, given.follow, given.follow_s, given.rate,
    )  # fmt: skip


if __name__ == "__main__":
    main()
