"""Training samples drawn on a device: what `training.data.samples` makes, as batches of tensors.

Workers on the CPU build characters, scenes and motion (`Plan`), which takes half a second a character; the device draws
them (`DeviceStream`). A character is used for many samples and several characters are mixed in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.data.samples import SPACINGS, open_studio, style_index
from training.render.arrays import Array
from training.render.character.character import Act, Character, Studio
from training.render.device.device_figure import ActBatch, Device, Figure, FigureBatch, StudioTensors
from training.render.device.device_scene import SceneBatch, render_batch
from training.render.labels.landmark_noise import NoiseModel
from training.render.labels.landmarks import LANDMARK_COUNT, LEFT_EYE, RIGHT_EYE, LandmarkMap
from training.render.raster import device_flow
from training.render.scene.motion_tracks import ExpressionIndex, pair_tracks
from training.render.scene.scene import SCALE, Scene, random_scene

PER_CHARACTER = 64  # samples of each character
PER_SCENE = 4  # consecutive samples of a character in the same place
MIX = 8  # characters whose samples are shuffled together
KINDS = ("still", "small", "large")

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Plan:
    """All samples of one character, ready to be drawn."""

    figure: Figure
    scenes: list[Scene]
    place: list[int]  # scene of each sample
    acts: list[list[Act]]  # reference and T targets of each sample
    moves: Array  # (N, 1 + T, B, 3, 4) of this figure's bones
    error: Array  # (N, 1 + T, 478, 3) the tracker's, in eye distances
    kind: NDArray[np.uint8]  # (N,)
    style: int  # the character's place in STYLES


@dataclass(frozen=True)
class Load:
    """Plans on the device, of N samples each; drawing from it copies nothing there but numbers."""

    cast: FigureBatch
    places: SceneBatch
    place: list[list[int]]  # scene of each sample of each plan
    acts: ActBatch  # of all plans, samples and frames, in this order
    error: Tensor  # (plans · N, 1 + T, 478, 3)
    kind: Tensor  # (plans · N,)
    style: Tensor  # (plans,)

    @classmethod
    def gather(cls, plans: list[Plan], device: Device) -> Load:
        place: list[list[int]] = []
        scenes: list[Scene] = []
        for plan in plans:
            place.append([len(scenes) + own for own in plan.place])
            scenes += plan.scenes
        return cls(
            FigureBatch.gather([plan.figure for plan in plans], device),
            SceneBatch.pack(scenes, device),
            place,
            ActBatch.pack(
                [act for plan in plans for shown in plan.acts for act in shown],
                np.concatenate([plan.moves.reshape(-1, *plan.moves.shape[2:]) for plan in plans]),
                device,
            ),
            torch.from_numpy(np.concatenate([plan.error for plan in plans])).to(device),
            torch.from_numpy(np.concatenate([plan.kind for plan in plans])).to(device),
            torch.tensor([plan.style for plan in plans], dtype=torch.uint8, device=device),
        )


class PlanStream(IterableDataset):
    """An endless, reproducible stream of plans; with torch's DataLoader every worker has its own characters.

    With per_character = `samples.PER_CHARACTER` and per_scene = 1 a plan describes the samples of `SampleStream` with
    the same seed, except that a sensor with noise changes the tracker's errors.
    """

    def __init__(
        self,
        facekit: Path | str | Studio,
        seed: int,
        frames: int = 2,
        size: int = 256,
        noisy: float = 0.5,
        start: int = 0,
        per_character: int = PER_CHARACTER,
        per_scene: int = PER_SCENE,
        bodykit: Path | str | None = None,
    ) -> None:
        """Arguments as for `SampleStream`; start: first character.

        Raises FacekitError or BodykitError when a file cannot be used.
        """
        self.seed, self.frames, self.size, self.noisy, self.start = seed, frames, size, noisy, start
        self.per_character, self.per_scene = per_character, per_scene
        self.files = None if isinstance(facekit, Studio) else (facekit, bodykit)
        self.studio = open_studio(facekit, bodykit)
        self.noise = NoiseModel.load()
        self.names = ExpressionIndex(self.studio.kit.expression_names)

    def __getstate__(self) -> dict[str, Any]:
        """Without the models, where a worker can read them itself: sent through a pipe, they would hold up the start of
        the next worker.
        """
        return self.__dict__ | ({"studio": None} if self.files else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.files:
            self.studio = open_studio(*self.files)

    def __iter__(self) -> Iterator[Plan]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        number = self.start + first
        while True:
            yield self.plan(number)
            number += step

    def plan(self, number: int) -> Plan:
        """Everything about character `number`."""
        character = Character(self.studio, np.random.default_rng([self.seed, number]))
        scenes: list[Scene] = []
        place, acts, errors, kinds = [], [], [], []
        for k in range(self.per_character):
            rng = np.random.default_rng([self.seed, number, number * self.per_character + k, 1])
            if k % self.per_scene == 0:
                scenes.append(random_scene(rng, self.size, body=character.body))
            spacing = int(rng.choice(SPACINGS))
            reference, track, kind = pair_tracks(rng, (self.frames - 1) * spacing + 1, self.names)
            shown = [reference] + [track.act(i * spacing) for i in range(self.frames)]
            place.append(len(scenes) - 1)
            acts.append(shown)
            errors.append(self._errors(rng, shown))
            kinds.append(KINDS.index(kind))
        figure = Figure.from_character(character)
        moves = np.stack([figure.bone_transforms(shown) for shown in acts])
        style = style_index(character.appearance.style)
        return Plan(figure, scenes, place, acts, moves, np.stack(errors), np.array(kinds, np.uint8), style)

    def _errors(self, rng: np.random.Generator, acts: list[Act]) -> Array:
        """What the tracker will say too much (1 + T, 478, 3), in eye distances."""
        unit = np.zeros((len(acts), LANDMARK_COUNT, 3), np.float32)
        if rng.random() >= self.noisy:
            return unit
        # On a face whose eyes are one unit apart the errors are what we want.
        unit[:, LEFT_EYE, 0] = 1
        return self.noise.perturb(rng, unit, acts, self.names) - unit


class DeviceStream(IterableDataset):
    """Endless batches drawn on a device: the arrays of `SampleStream.sample` with a leading axis B, as tensors there.

    The same seed and options are the same batches, whatever the number of workers.
    """

    def __init__(
        self,
        plans: PlanStream,
        device: Device,
        batch: int = 32,
        mix: int = MIX,
        workers: int = 0,
        turns: int = 1,
    ) -> None:
        """batch: samples B; mix: characters that are shuffled together and lie on the device, about 20 MB each;
        workers: processes that make plans; turns 1..mix: how often scenes and motion are used, each time by another
        character of the mix, which costs the workers nothing. Raises ValueError where the batch does not divide the
        samples of the mix or there are more turns than characters.
        """
        self.plans, self.device, self.batch, self.mix, self.workers = plans, torch.device(device), batch, mix, workers
        self.turns = turns
        if not 1 <= turns <= mix:
            raise ValueError(f"turns must be 1..{mix}, the number of characters that are mixed, got {turns}")
        if turns > 1 and plans.studio.body is not None:
            raise ValueError("turns must be 1 for whole bodies: their bones' moves are planned for one character")
        if mix * plans.per_character % batch:
            total = mix * plans.per_character
            raise ValueError(f"a batch of {batch} does not divide {mix} · {plans.per_character} = {total} samples")
        self.stage = StudioTensors.build(plans.studio, LandmarkMap.load(), self.device)

    @property
    def per_load(self) -> int:
        """Batches that one mix of characters gives."""
        return self.turns * self.mix * self.plans.per_character // self.batch

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        """All batches but the first `skip`; whole mixes that are skipped cost nothing."""
        number, skipped = divmod(skip, self.per_load)
        plans = copy(self.plans)
        plans.start += number * self.mix
        # Workers start afresh: a forked one would inherit threads that hold locks.
        ahead = -(-self.mix // self.workers) if self.workers else None  # the next mix is ready when one is used up
        source = iter(
            DataLoader(
                plans, batch_size=None, num_workers=self.workers, prefetch_factor=ahead,
                multiprocessing_context="spawn" if self.workers else None,
            )
        )  # fmt: skip
        while True:
            load = Load.gather([next(source) for _ in range(self.mix)], self.device)
            order = np.random.default_rng([self.plans.seed, 2, number])
            turns = [order.permutation(self.mix * self.plans.per_character) for _ in range(self.turns)]
            parts = [(turn, some) for turn, all_ in enumerate(turns) for some in all_.reshape(-1, self.batch)]
            for k, (turn, some) in enumerate(parts[skipped:], number * self.per_load + skipped):
                noise = torch.Generator(self.device).manual_seed(self.plans.seed * 1_000_003 + k)
                yield self.draw(load, some.tolist(), noise, turn)
            number, skipped = number + 1, 0

    def draw(self, load: Load, chosen: list[int], generator: torch.Generator | None = None, turn: int = 0) -> Batch:
        """One batch: samples by their number in the load; `generator` for the sensors' noise.

        turn: the character of a sample is so many places further in the mix than the one it was made for.
        """
        count, frames, each = len(chosen), 1 + self.plans.frames, self.plans.per_character
        character = [(n // each + turn) % len(load.place) for n in chosen for _ in range(frames)]
        place = [load.place[n // each][n % each] for n in chosen for _ in range(frames)]
        sample = torch.tensor(chosen, device=self.device)
        acts = load.acts.pick((sample[:, None] * frames + torch.arange(frames, device=self.device)).flatten())
        shots = render_batch(self.stage, load.cast, character, acts, load.places, place, generator)
        numbers = torch.arange(count * frames, device=self.device).view(count, frames)
        target, reference = numbers[:, 1:].flatten(), numbers[:, :1].expand(-1, frames - 1).flatten()
        who = torch.tensor(character, device=self.device)
        flow, seen, _ = device_flow.backward_flow(
            shots.hits, load.cast.surfaces, who, shots.screen, target, reference, SCALE
        )  # fmt: skip

        def split(name: str, values: Tensor) -> Batch:
            """Reference and targets of values (B·(1 + T), …)."""
            own = values.view(count, frames, *values.shape[1:])
            return {f"ref_{name}": own[:, 0], f"target_{name}": own[:, 1:]}

        error = load.error[sample]
        eyes = shots.face[:, [*RIGHT_EYE, *LEFT_EYE], :2].view(-1, 2, 2, 2).mean(2)
        apart = (eyes[:, 1] - eyes[:, 0]).norm(dim=1)
        return {
            **split("image", shots.image),
            **split("matte", _byte(shots.matte[:, None])),
            **split("label", shots.label[:, None]),
            **split("face", shots.face + error.flatten(0, 1) * apart[:, None, None]),
            **split("face_true", shots.face),
            **split("body", shots.body),
            **(split("hands", shots.hands) if self.plans.studio.body is not None else {}),
            "flow": flow.view(count, frames - 1, *flow.shape[1:]),
            "visible": _byte(seen.view(count, frames - 1, 1, *seen.shape[1:])),
            "kind": load.kind[sample],
            "style": load.style[who.view(count, frames)[:, 0]],
        }


def _byte(values: Tensor) -> Tensor:
    """0..1 → 0..255."""
    return (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
