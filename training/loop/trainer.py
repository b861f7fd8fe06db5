"""The training loop that all networks share: step, running average, schedule, logs, and a state that survives the disk.

A `Task` says what the loss is and how weights are written, a `Source` where the batches come from. Everything is
deterministic by seed, and a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pickle
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from models.checkpoint import CheckpointError, save
from training.loop.prefetch import ahead

SAVE_EVERY = 300  # seconds
LOG_EVERY = 20  # steps
WARM_UP = 100
CLIP = 1.0  # largest norm of the gradient
DAMAGED = (OSError, RuntimeError, EOFError, pickle.UnpicklingError)  # what torch.load raises for half a file


class Task(Protocol):
    """What is learnt."""

    @property
    def name(self) -> str:
        """The averaged weights go to OUT/name.safetensors."""
        ...

    def loss(self, network: Any, batch: Any, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Terms whose sum is the loss, and a sheet (B, 3, h, w) 0..1 to look at. All randomness is the generator's,
        which lives on the batch's device. A task may call `backward` itself, piece by piece, where one graph of
        everything would not fit the memory; its terms then carry no gradient.
        """
        ...


class Source(Protocol):
    """Where batches come from."""

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Any]:
        """One pass over what is there, in an order that the generator decides, without its first `skip` batches.

        A batch is a dataclass of tensors on the CPU. Raises SystemExit with one sentence when there is nothing.
        """
        ...


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes. hours: of this call; finish: hours of all calls, with which the schedule ends if not with its
    steps; rate: the schedule's peak; decay: of the running average, per step.
    """

    out: Path
    steps: int = 20_000
    rate: float = 5e-4
    seed: int = 1
    threads: int = 1
    hours: float = 1e9
    finish: float = 1e9
    device: str = "cpu"
    precision: str = "bf16"
    decay: float = 0.995

    @staticmethod
    def add_to(parser: argparse.ArgumentParser, steps: int = 20_000, rate: float = 5e-4) -> None:
        """The arguments that `of` reads back."""
        parser.add_argument(
            "--out", type=Path, required=True, help="folder for state, weights and logs; resumes what it finds"
        )
        parser.add_argument("--steps", type=int, default=steps, help="optimiser steps of the whole schedule")
        parser.add_argument("--rate", type=float, default=rate, help="peak learning rate")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--threads", type=int, default=1, help="CPU threads")
        parser.add_argument("--hours", type=float, default=1e9, help="stop after this long; the next call resumes")
        parser.add_argument(
            "--finish", type=float, default=1e9, metavar="HOURS", help="end the schedule with these hours in all calls"
        )
        parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
        parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16", help="of the network's products")
        parser.add_argument("--decay", type=float, default=0.995, help="of the running average, per step")

    @staticmethod
    def of(arguments: argparse.Namespace) -> Options:
        """From arguments. Raises SystemExit where there is no such device."""
        if arguments.device == "cuda" and not torch.cuda.is_available():
            raise SystemExit("There is no CUDA device here; leave --device out to train on the CPU.")
        return Options(**{field.name: getattr(arguments, field.name) for field in fields(Options)})

    def autocast(self) -> AbstractContextManager:
        """Around the network's forward pass; losses stay outside in float32."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


def learning_rate(step: int, options: Options, progress: float) -> float:
    """Linear warm-up, then cosine to a tenth; progress: 0..1 of the schedule."""
    return options.rate * min(1.0, (step + 1) / WARM_UP) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


def moved(batch: Any, device: str) -> Any:
    """A dataclass of tensors on another device."""
    if device == "cpu" or not is_dataclass(batch) or isinstance(batch, type):
        return batch
    return replace(batch, **{f.name: getattr(batch, f.name).to(device, non_blocking=True) for f in fields(batch)})


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `path` written under another name first: under its own it is always whole. SystemExit where that fails."""
    part = path.with_suffix(".part")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch.save tells a full disk as a RuntimeError of its archive
        part.unlink(missing_ok=True)
        kept = f"; {path.name} of the last save is still good" if path.exists() else ""
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise SystemExit(f"{path} could not be written ({reason}){kept}. Free some space, then run again.") from error


class Trainer:
    """Network, its running average, optimiser and step, saved and resumed as one."""

    def __init__(
        self,
        task: Task,
        source: Source,
        network: nn.Module,
        options: Options,
        notes: dict[str, str] | None = None,
        companions: dict[str, Stateful] | None = None,
        write: Callable[[Any, Path, dict[str, str]], None] = save,
    ) -> None:
        """notes: written into the weights' header beside steps, seed and seconds. companions: what else is saved and
        resumed (a critic and its optimiser). write: puts averaged weights and notes into a file, whole or not at all;
        CheckpointError where that fails. Resumes OUT/state.pt; SystemExit with one sentence where it cannot.
        """
        self.task, self.source, self.options = task, source, options
        self.notes, self.companions, self.write = notes or {}, companions or {}, write
        self.network = network.to(options.device)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(options.decay))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step = 0
        self.pass_began = 0  # the step at which the current pass over the data began
        self.seconds = 0.0
        self.totals: dict[str, Tensor] = {}
        self.counted = 0  # steps in `totals`
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemExit(f"{options.out} cannot be made a folder ({error.strerror}).") from error
        if self.state_path.exists():
            self._resume()
        self.log = SummaryWriter(str(options.out))

    @property
    def state_path(self) -> Path:
        return self.options.out / "state.pt"

    def run(self) -> None:
        """Train until the steps or the hours are spent, then save. SystemExit with one sentence when a loss is not a
        number or the disk is full; the last saved state stays.
        """
        torch.set_num_threads(self.options.threads)
        torch.backends.cudnn.benchmark = True  # batches have few shapes
        try:
            bar = tqdm(total=self.options.steps, initial=self.step, mininterval=10)
            with bar, closing(self._batches()) as batches:
                self._run(bar, batches)
            self.save()
        except OSError as error:
            raise SystemExit(f"The disk failed ({error}) at step {self.step}; {self._kept}.") from error
        finally:
            self.log.close()

    def _run(self, bar: tqdm, batches: Iterator[Any]) -> None:
        mark = saved = time.monotonic()
        end = mark + self.options.hours * 3600
        while self.progress < 1 and mark < end:
            sheet = self.update(moved(next(batches), self.options.device))
            self.seconds += time.monotonic() - mark
            mark = time.monotonic()
            bar.update()
            if self.step % LOG_EVERY == 0:
                bar.set_postfix({name: f"{value:.4f}" for name, value in self._write_log().items()})
            if mark - saved > SAVE_EVERY:
                self.save()
                self.log.add_images("sheet", sheet.clamp(0, 1), self.step)
                saved = mark

    @property
    def progress(self) -> float:
        """0..1 how much of the schedule is done."""
        options = self.options
        return min(max(self.step / max(options.steps, 1), self.seconds / (3600 * options.finish)), 1.0)

    @property
    def _kept(self) -> str:
        there = self.state_path.exists()
        return f"the last good state is in {self.state_path}" if there else "nothing had been saved yet"

    def update(self, batch: Any) -> Tensor:
        """One step on a batch that is on the device; its sheet."""
        seed = self.options.seed * 1_000_003 + self.step
        generator = torch.Generator(self.options.device).manual_seed(seed)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.options, self.progress)
        self.optimizer.zero_grad(set_to_none=True)
        terms, sheet = self.task.loss(self.network, batch, generator)
        loss = torch.stack(list(terms.values())).sum()
        if loss.requires_grad:
            loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        if not math.isfinite(float(loss.detach() + norm)):
            raise SystemExit(f"The loss is not a number at step {self.step}; {self._kept}.")
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        self.counted += 1
        for name, value in terms.items():
            self.totals[name] = self.totals.get(name, torch.zeros_like(value)) + value.detach()
        return sheet.detach().float()

    def save(self) -> None:
        """Write the resumable state and the averaged weights, each whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "pass_began": self.pass_began,
            "seconds": self.seconds,
            **{name: each.state_dict() for name, each in self.companions.items()},
        }
        write_whole(self.state_path, lambda part: torch.save(state, part))
        notes = {"steps": str(self.step), "seed": str(self.options.seed), "seconds": str(round(self.seconds))}
        path = self.options.out / f"{self.task.name}.safetensors"
        try:
            self.write(self.average.module, path, {**self.notes, **notes})
        except CheckpointError as error:
            raise SystemExit(str(error)) from error

    def _batches(self) -> Generator[Any, None, None]:
        """Pass after pass, from where the last run stopped."""
        while True:
            skip = self.step - self.pass_began
            generator = torch.Generator().manual_seed(self.options.seed * 1_000_003 + self.pass_began)
            before = self.step
            batches = self.source.batches(generator, skip)
            yield from ahead(batches) if self.options.device == "cuda" else batches
            if self.step == before and not skip:
                raise SystemExit("There is not one batch in the data.")
            self.pass_began = self.step

    def _write_log(self) -> dict[str, float]:
        """Means of the terms since the last call, to TensorBoard and loss.jsonl."""
        values = {name: float(total) / self.counted for name, total in self.totals.items()}
        self.totals, self.counted = {}, 0
        for name, value in values.items():
            self.log.add_scalar(f"loss/{name}", value, self.step)
        with (self.options.out / "loss.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, **values}) + "\n")
        return values

    def _resume(self) -> None:
        path = self.state_path
        try:
            state = torch.load(path, map_location=self.options.device, weights_only=True)
        except DAMAGED as error:
            raise SystemExit(f"{path} is damaged; delete it to start again, or choose another --out.") from error
        try:
            parts: dict[str, Stateful] = {
                "network": self.network,
                "average": self.average,
                "optimizer": self.optimizer,
                **{name: each for name, each in self.companions.items() if name in state},  # others are new
            }
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.step, self.pass_began, self.seconds = state["step"], state["pass_began"], state["seconds"]
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise SystemExit(
                f"{path} does not fit this network; train with the preset that made it, or choose another --out."
            ) from error
