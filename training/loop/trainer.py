"""The training loop of all networks: optimiser step, moving average of weights, schedule, logs, resumable state.

A `Task` defines the loss, a `Source` yields the batches. Runs are deterministic by seed, and a resumed run equals one
that was not interrupted.
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

from models.checkpoint import save
from models.checkpoint_header import CheckpointError
from training.loop.prefetch import prefetch

SAVE_INTERVAL_S = 300
LOG_INTERVAL_STEPS = 20
WARM_UP_STEPS = 100
MAX_GRADIENT_NORM = 1.0  # larger gradients are scaled down to this
# Raised by torch.load for a truncated file.
UNREADABLE_STATE_ERRORS = (OSError, RuntimeError, EOFError, pickle.UnpicklingError)


class Task(Protocol):
    """A loss to minimise."""

    @property
    def name(self) -> str:
        """Stem of the file of averaged weights, OUT/name.safetensors."""
        ...

    def loss(self, network: Any, batch: Any, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Terms whose sum is the loss, and a sheet of pictures (B, 3, h, w) 0..1 for the log.

        All randomness comes from the generator, which is on the batch's device. A task may call `backward` itself, in
        pieces, where one graph would exceed the memory; its terms then carry no gradient.
        """
        ...


class Source(Protocol):
    """Batches of training data."""

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Any]:
        """One pass over the data in an order drawn from the generator, without its first `skip` batches.

        A batch is a dataclass of tensors on the CPU. Raises SystemExit with one sentence when there is nothing.
        """
        ...


class Stateful(Protocol):
    """Whatever is saved and resumed with the run."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run; each is a flag of the same name.

    out: folder of state, weights and logs.
    steps: optimiser steps of the whole schedule.
    rate: peak learning rate.
    seed: of weights, order and noise.
    threads: of the CPU.
    hours: time limit of this call.
    finish: hours of all calls together, at which the schedule ends if its steps have not ended it.
    device: cpu or cuda.
    precision: bf16 or fp32, of the network's matrix products.
    decay: of the exponential moving average of the weights, per step.
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
    def add_arguments(parser: argparse.ArgumentParser, steps: int = 20_000, rate: float = 5e-4) -> None:
        """Add the flags that `from_arguments` reads."""
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
    def from_arguments(arguments: argparse.Namespace) -> Options:
        """The options in parsed arguments. Raises SystemExit where there is no such device."""
        if arguments.device == "cuda" and not torch.cuda.is_available():
            raise SystemExit("There is no CUDA device here: leave --device out to train on the CPU.")
        return Options(**{field.name: getattr(arguments, field.name) for field in fields(Options)})

    def autocast(self) -> AbstractContextManager:
        """Context of the network's forward pass; losses are computed outside of it, in float32."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


def learning_rate(step: int, options: Options, progress: float) -> float:
    """Linear warm-up, then cosine decay to a tenth (Loshchilov & Hutter 2017); progress: 0..1 of the schedule."""
    return options.rate * min(1.0, (step + 1) / WARM_UP_STEPS) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


def to_device(batch: Any, device: str) -> Any:
    """A dataclass of tensors, copied to a device."""
    if device == "cpu" or not is_dataclass(batch) or isinstance(batch, type):
        return batch
    return replace(batch, **{f.name: getattr(batch, f.name).to(device, non_blocking=True) for f in fields(batch)})


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name and rename it, so that `path` is never incomplete.

    Raises SystemExit with one sentence where that fails.
    """
    part = path.with_suffix(".part")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        part.unlink(missing_ok=True)
        note = f"; {path.name} of the last save is still good" if path.exists() else ""
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise SystemExit(f"{path} could not be written ({reason}){note}. Free some space, then run again.") from error


class Trainer:
    """A network with the moving average of its weights, its optimiser and the step, saved and resumed together."""

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
        """Resumes OUT/state.pt where it exists; SystemExit with one sentence where it cannot.

        notes: written to the header of the weights beside steps, seed and seconds. companions: other objects that are
        saved and resumed, as a critic and its optimiser. write: writes averaged weights and notes to a file atomically,
        and raises CheckpointError where that fails.
        """
        self.task, self.source, self.options = task, source, options
        self.notes, self.companions, self.write = notes or {}, companions or {}, write
        self.network = network.to(options.device)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(options.decay))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step = 0
        self.pass_start_step = 0  # step at which the current pass over the data started
        self.seconds = 0.0
        self.term_sums: dict[str, Tensor] = {}
        self.logged_steps = 0  # steps in `term_sums`
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemExit(f"{options.out} cannot be made a folder ({error.strerror}).") from error
        if self.state_path.exists():
            self._resume()
        self.log = SummaryWriter(str(options.out))

    @property
    def state_path(self) -> Path:
        """File of the resumable state."""
        return self.options.out / "state.pt"

    def run(self) -> None:
        """Train until the steps or the hours are used up, then save.

        Raises SystemExit with one sentence where a loss is not a number or the disk is full; the last state is kept.
        """
        torch.set_num_threads(self.options.threads)
        torch.backends.cudnn.benchmark = True  # batches have few different shapes
        try:
            progress_bar = tqdm(total=self.options.steps, initial=self.step, mininterval=10)
            with progress_bar, closing(self._batches()) as batches:
                self._run(progress_bar, batches)
            self.save()
        except OSError as error:
            raise SystemExit(f"The disk failed ({error}) at step {self.step}; {self._last_good_state}.") from error
        finally:
            self.log.close()

    def _run(self, progress_bar: tqdm, batches: Iterator[Any]) -> None:
        step_start = last_save = time.monotonic()
        end = step_start + self.options.hours * 3600
        while self.progress < 1 and step_start < end:
            sheet = self.update(to_device(next(batches), self.options.device))
            self.seconds += time.monotonic() - step_start
            step_start = time.monotonic()
            progress_bar.update()
            if self.step % LOG_INTERVAL_STEPS == 0:
                progress_bar.set_postfix({name: f"{value:.4f}" for name, value in self._write_log().items()})
            if step_start - last_save > SAVE_INTERVAL_S:
                self.save()
                self.log.add_images("sheet", sheet.clamp(0, 1), self.step)
                last_save = step_start

    @property
    def progress(self) -> float:
        """Share of the schedule that is done, 0..1."""
        options = self.options
        return min(max(self.step / max(options.steps, 1), self.seconds / (3600 * options.finish)), 1.0)

    @property
    def _last_good_state(self) -> str:
        exists = self.state_path.exists()
        return f"the last good state is in {self.state_path}" if exists else "nothing had been saved yet"

    def update(self, batch: Any) -> Tensor:
        """One optimiser step on a batch that is on the device; returns its sheet."""
        seed = self.options.seed * 1_000_003 + self.step
        generator = torch.Generator(self.options.device).manual_seed(seed)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.options, self.progress)
        self.optimizer.zero_grad(set_to_none=True)
        terms, sheet = self.task.loss(self.network, batch, generator)
        loss = torch.stack(list(terms.values())).sum()
        if loss.requires_grad:
            loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
        if not math.isfinite(float(loss.detach() + norm)):
            raise SystemExit(f"The loss is not a number at step {self.step}; {self._last_good_state}.")
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        self.logged_steps += 1
        for name, value in terms.items():
            self.term_sums[name] = self.term_sums.get(name, torch.zeros_like(value)) + value.detach()
        return sheet.detach().float()

    def save(self) -> None:
        """Write the resumable state and the averaged weights, each atomically."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "pass_began": self.pass_start_step,
            "seconds": self.seconds,
            **{name: each.state_dict() for name, each in self.companions.items()},
        }
        write_atomically(self.state_path, lambda part: torch.save(state, part))
        notes = {"steps": str(self.step), "seed": str(self.options.seed), "seconds": str(round(self.seconds))}
        path = self.options.out / f"{self.task.name}.safetensors"
        try:
            self.write(self.average.module, path, {**self.notes, **notes})
        except CheckpointError as error:
            raise SystemExit(str(error)) from error

    def _batches(self) -> Generator[Any, None, None]:
        """Pass after pass, from where the last run stopped."""
        while True:
            skip = self.step - self.pass_start_step
            generator = torch.Generator().manual_seed(self.options.seed * 1_000_003 + self.pass_start_step)
            first_step = self.step
            batches = self.source.batches(generator, skip)
            yield from prefetch(batches) if self.options.device == "cuda" else batches
            if self.step == first_step and not skip:
                raise SystemExit("There is not one batch in the data.")
            self.pass_start_step = self.step

    def _write_log(self) -> dict[str, float]:
        """Write the means of the terms since the last call to TensorBoard and loss.jsonl, and return them."""
        values = {name: float(total) / self.logged_steps for name, total in self.term_sums.items()}
        self.term_sums, self.logged_steps = {}, 0
        for name, value in values.items():
            self.log.add_scalar(f"loss/{name}", value, self.step)
        with (self.options.out / "loss.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, **values}) + "\n")
        return values

    def _resume(self) -> None:
        """Load the saved state. Raises SystemExit with one sentence where it is damaged or of another network."""
        path = self.state_path
        try:
            state = torch.load(path, map_location=self.options.device, weights_only=True)
        except UNREADABLE_STATE_ERRORS as error:
            raise SystemExit(f"{path} is damaged: delete it to start again, or choose another --out.") from error
        try:
            parts: dict[str, Stateful] = {
                "network": self.network,
                "average": self.average,
                "optimizer": self.optimizer,
                # A companion may join a run later.
                **{name: each for name, each in self.companions.items() if name in state},
            }
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.step, self.pass_start_step, self.seconds = state["step"], state["pass_began"], state["seconds"]
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise SystemExit(
                f"{path} does not fit this network; train with the preset that made it, or choose another --out."
            ) from error
