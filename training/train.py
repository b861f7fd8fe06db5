"""Train the network on baked renders: `python -m training.train --data runs/baked --preset tiny --out runs/tiny`.

One sample is one character: a reference and T consecutive frames, each at its own noise level (diffusion forcing,
Chen et al. 2024), s = 1 for most so that the network is a one-step model from the start. Resumable; deterministic by
seed.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from models import checkpoint
from models.config import PRESETS
from models.dit import CausalDiT, Edit, FrameInput
from models.sampler import NOISE, Focus, frame_input, reference_input, render
from training.bake import Baked, load_shard, shard_paths
from training.loss import Truth, frame_loss

SINGLE = 0.7  # share of steps that draw one frame alone: more characters in the same time
PURE_NOISE = 0.7  # share of frames drawn at s = 1, which is where the shipped one-step sampler lives


@dataclass(frozen=True, slots=True)
class Options:
    data: Path
    out: Path
    preset: str
    steps: int
    batch: int
    rate: float
    seed: int
    threads: int
    hours: float
    start: Path | None


def frames_of(batch: Baked, focus: Focus, generator: torch.Generator) -> list[FrameInput]:
    """The network's view of every frame of a batch, each at its own noise level."""
    frames = []
    count = len(batch.picture)
    for t in range(batch.truth.shape[1]):
        level = torch.rand(count, generator=generator)
        level = torch.where(torch.rand(count, generator=generator) < PURE_NOISE, torch.ones(()), level)
        noise = NOISE * torch.randn(batch.picture.shape, generator=generator)
        s = level[:, None, None, None]
        noised = (1 - s) * (batch.truth[:, t] * 2 - 1) + s * noise
        frames.append(frame_input(focus, batch.maps[:, t], batch.canonical[:, t], batch.tokens[:, t], noised, level))
    return frames


def batch_loss(network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
    """Mean terms over the frames, and the last frame as drawn (B, 3, side, side)."""
    focus = Focus.build(batch.picture, batch.matte, batch.plate, batch.mouth)
    frames = frames_of(batch, focus, generator)
    rest = reference_input(focus, batch.rest_maps, batch.rest_canonical, batch.rest_tokens)
    with torch.autocast("cpu", torch.bfloat16):
        edits = network.clip(network.refer(rest), frames)
    total: dict[str, Tensor] = {}
    drawn = batch.picture
    for t, (frame, edit) in enumerate(zip(frames, edits, strict=True)):
        full = Edit(*(getattr(edit, name).float() for name in Edit.__slots__))
        pixels, flow = render(focus, frame, full)
        drawn, alpha = pixels[:, :3], pixels[:, 3:]
        truth = Truth(batch.truth[:, t], batch.alpha[:, t], batch.flow[:, t], batch.visible[:, t], batch.label[:, t])
        for name, value in frame_loss(drawn, full, flow, alpha, truth).items():
            total[name] = total.get(name, torch.zeros(())) + value / len(frames)
    return total, drawn


def learning_rate(step: int, options: Options) -> float:
    """Linear warm-up over 100 steps, then cosine to a tenth."""
    progress = min(step / max(options.steps, 1), 1.0)
    return options.rate * min(1.0, (step + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


class Trainer:
    """Network, its running average, optimiser and step, saved and resumed as one."""

    def __init__(self, options: Options) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.network = CausalDiT(PRESETS[options.preset])
        if options.start is not None:
            self.network.load_state_dict(checkpoint.load(options.start).state_dict())
        self.average = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step = 0
        self.spent = 0.0
        options.out.mkdir(parents=True, exist_ok=True)
        self.log = SummaryWriter(str(options.out))
        if self.state_path.exists():
            self._resume()

    @property
    def state_path(self) -> Path:
        return self.options.out / "state.pt"

    def run(self) -> None:
        """Train until the steps or the hours are spent. Raises SystemExit with one sentence when the loss is not a
        number.
        """
        torch.set_num_threads(self.options.threads)
        began = time.monotonic()
        bar = tqdm(total=self.options.steps, initial=self.step, mininterval=10)
        while self.step < self.options.steps and time.monotonic() - began < self.options.hours * 3600:
            paths = shard_paths(self.options.data)
            order = torch.Generator().manual_seed(self.options.seed + self.step)
            for index in torch.randperm(len(paths), generator=order).tolist():
                for batch in load_shard(paths[index], self.options.batch, order):
                    terms, drawn = self._update(batch)
                    bar.update()
                    bar.set_postfix({name: f"{value:.4f}" for name, value in terms.items()})
                    if self.step % 250 == 0:
                        self.save(self.spent + time.monotonic() - began)
                        sheet = torch.cat([batch.picture, drawn, batch.truth[:, -1]], 3)
                        self.log.add_images("reference, drawn, truth", sheet.clamp(0, 1), self.step)
                if self.step >= self.options.steps or time.monotonic() - began >= self.options.hours * 3600:
                    break
        self.save(self.spent + time.monotonic() - began)

    def _update(self, batch: Baked) -> tuple[dict[str, float], Tensor]:
        generator = torch.Generator().manual_seed(self.options.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.options)
        if torch.rand((), generator=generator) < SINGLE:
            batch = batch.frame(int(torch.randint(batch.truth.shape[1], (), generator=generator)))
        terms, drawn = batch_loss(self.network, batch, generator)
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise SystemExit(
                f"The loss is not a number at step {self.step}; the last good state is in {self.state_path}."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        values = {name: float(value.detach()) for name, value in terms.items()}
        if self.step % 20 == 0:
            for name, value in values.items():
                self.log.add_scalar(f"loss/{name}", value, self.step)
            with (self.options.out / "loss.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.step, **values}) + "\n")
        return values, drawn.detach()

    def save(self, spent: float) -> None:
        """Write the resumable state and the averaged weights, each whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent": spent,
        }
        part = self.state_path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.state_path)
        notes = {
            "preset": self.options.preset,
            "steps": str(self.step),
            "batch": str(self.options.batch),
            "seed": str(self.options.seed),
            "seconds": str(round(spent)),
        }
        averaged = self.average.module
        assert isinstance(averaged, CausalDiT)
        checkpoint.save(averaged, self.options.out / f"{self.options.preset}.safetensors", notes)

    def _resume(self) -> None:
        state = torch.load(self.state_path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.spent = state["step"], state["spent"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of baked shards (`python -m training.bake`)")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for state, weights and logs; resumes what it finds"
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--steps", type=int, default=20_000, help="optimiser steps of the whole schedule")
    parser.add_argument("--batch", type=int, default=4, help="characters per step")
    parser.add_argument("--rate", type=float, default=5e-4, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--hours", type=float, default=1e9, help="stop after this long; the next call resumes")
    parser.add_argument("--start", type=Path, default=None, help="weights to start from instead of random ones")
    Trainer(Options(**vars(parser.parse_args()))).run()


if __name__ == "__main__":
    main()
