"""Training samples rendered on a device: the arrays of `training.data.samples` as batches of tensors.

Worker processes on the CPU build characters, scenes and motion (`Plan`), half a second a character; the device renders
them (`DeviceStream`). A character is used for many samples, and a batch mixes several characters.
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

from models.geometry.topology import LANDMARKS
from training.data.samples import FRAME_SPACINGS, open_studio, style_index
from training.render.arrays import Array
from training.render.character.act import Act
from training.render.character.character import Character
from training.render.character.studio import Studio
from training.render.device.device_figure import Device, Figure, FigureBatch, StudioTensors
from training.render.device.device_pose import ActBatch
from training.render.device.device_scene import SceneBatch, render_batch
from training.render.labels.landmark_noise import NoiseModel
from training.render.labels.landmarks import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, LandmarkMap
from training.render.raster import device_flow
from training.render.scene.motion_tracks import KINDS, ExpressionIndex, pair_tracks
from training.render.scene.scene import SCALE, Scene, random_scene

PLAN_SAMPLES = 64  # samples of each character in a plan
SAMPLES_PER_SCENE = 4  # consecutive samples of a character in one scene
CHARACTERS_PER_MIX = 8  # characters whose samples are shuffled together

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Plan:
    """Everything needed to render the N samples of one character.

    figure: the character.
    scenes: its scenes.
    scene_index: scene of each sample.
    acts: reference and T targets of each sample.
    bone_transforms: (N, 1 + T, B, 3, 4) of the figure's bones.
    landmark_error: (N, 1 + T, 478, 3) simulated tracking error, in eye distances.
    kind: (N,) index in KINDS.
    style: index of the character's style in STYLES.
    """

    figure: Figure
    scenes: list[Scene]
    scene_index: list[int]
    acts: list[list[Act]]
    bone_transforms: Array
    landmark_error: Array
    kind: NDArray[np.uint8]
    style: int


@dataclass(frozen=True)
class PlanBatch:
    """Plans of N samples each, on the device, so that rendering copies only indices there.

    figures: of all plans.
    scenes: of all plans.
    scene_index: scene of each sample of each plan.
    acts: of all plans, samples and frames, in this order.
    landmark_error: (plans · N, 1 + T, 478, 3).
    kind: (plans · N,).
    style: (plans,).
    """

    figures: FigureBatch
    scenes: SceneBatch
    scene_index: list[list[int]]
    acts: ActBatch
    landmark_error: Tensor
    kind: Tensor
    style: Tensor

    @classmethod
    def gather(cls, plans: list[Plan], device: Device) -> PlanBatch:
        """Copy plans to a device."""
        scene_index: list[list[int]] = []
        scenes: list[Scene] = []
        for plan in plans:
            scene_index.append([len(scenes) + own for own in plan.scene_index])
            scenes += plan.scenes
        return cls(
            FigureBatch.gather([plan.figure for plan in plans], device),
            SceneBatch.pack(scenes, device),
            scene_index,
            ActBatch.pack(
                [act for plan in plans for sample_acts in plan.acts for act in sample_acts],
                np.concatenate([plan.bone_transforms.reshape(-1, *plan.bone_transforms.shape[2:]) for plan in plans]),
                device,
            ),
            torch.from_numpy(np.concatenate([plan.landmark_error for plan in plans])).to(device),
            torch.from_numpy(np.concatenate([plan.kind for plan in plans])).to(device),
            torch.tensor([plan.style for plan in plans], dtype=torch.uint8, device=device),
        )


class PlanStream(IterableDataset):
    """An endless, reproducible stream of plans; with torch's DataLoader every worker has its own characters.

    With per_character = `samples.SAMPLES_PER_CHARACTER` and per_scene = 1 a plan describes the samples of
    `SampleStream` with the same seed, except that sensor noise changes the random numbers of the tracking errors.
    """

    def __init__(
        self,
        facekit: Path | str | Studio,
        seed: int,
        frames: int = 2,
        size: int = 256,
        noise_share: float = 0.5,
        start: int = 0,
        per_character: int = PLAN_SAMPLES,
        per_scene: int = SAMPLES_PER_SCENE,
        bodykit: Path | str | None = None,
    ) -> None:
        """Arguments as for `SampleStream`; start: first character.

        Raises FacekitError or BodykitError when a file cannot be used.
        """
        self.seed, self.frames, self.size, self.noise_share, self.start = seed, frames, size, noise_share, start
        self.per_character, self.per_scene = per_character, per_scene
        self.files = None if isinstance(facekit, Studio) else (facekit, bodykit)
        self.studio = open_studio(facekit, bodykit)
        self.noise = NoiseModel.load()
        self.names = ExpressionIndex(self.studio.kit.expression_names)

    def __getstate__(self) -> dict[str, Any]:
        """The state without the models, which a worker loads from their files: sending them delays its start."""
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
        """The plan of character `number`."""
        character = Character(self.studio, np.random.default_rng([self.seed, number]))
        scenes: list[Scene] = []
        scene_index, acts, errors, kinds = [], [], [], []
        for k in range(self.per_character):
            rng = np.random.default_rng([self.seed, number, number * self.per_character + k, 1])
            if k % self.per_scene == 0:
                scenes.append(random_scene(rng, self.size, body=character.body))
            spacing = int(rng.choice(FRAME_SPACINGS))
            reference, track, kind_name = pair_tracks(rng, (self.frames - 1) * spacing + 1, self.names)
            sample_acts = [reference] + [track.act(i * spacing) for i in range(self.frames)]
            scene_index.append(len(scenes) - 1)
            acts.append(sample_acts)
            errors.append(self._landmark_errors(rng, sample_acts))
            kinds.append(KINDS.index(kind_name))
        figure = Figure.from_character(character)
        bone_transforms = np.stack([figure.bone_transforms(sample_acts) for sample_acts in acts])
        style = style_index(character.appearance.style)
        kind = np.array(kinds, np.uint8)
        return Plan(figure, scenes, scene_index, acts, bone_transforms, np.stack(errors), kind, style)

    def _landmark_errors(self, rng: np.random.Generator, acts: list[Act]) -> Array:
        """Simulated tracking errors (1 + T, 478, 3), in eye distances."""
        unit = np.zeros((len(acts), LANDMARKS, 3), np.float32)
        if rng.random() >= self.noise_share:
            return unit
        # On a face whose eye distance is 1, errors are in eye distances.
        unit[:, LEFT_EYE_CORNERS, 0] = 1
        return self.noise.perturb(rng, unit, acts, self.names) - unit


class DeviceStream(IterableDataset):
    """Endless batches rendered on a device: the arrays of `SampleStream.sample` with a leading axis B, as tensors.

    The same seed and options give the same batches, whatever the number of workers.
    """

    def __init__(
        self,
        plans: PlanStream,
        device: Device,
        batch: int = 32,
        mix: int = CHARACTERS_PER_MIX,
        workers: int = 0,
        turns: int = 1,
    ) -> None:
        """batch: samples B. mix: characters on the device whose samples are shuffled together, about 20 MB each.
        workers: processes that build plans. turns: 1..mix, how often scenes and motion are used, each time for another
        character of the mix, at no cost for the workers.

        Raises ValueError where the batch does not divide the samples of the mix or turns exceeds it.
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
        self.studio_tensors = StudioTensors.build(plans.studio, LandmarkMap.load(), self.device)

    @property
    def batches_per_mix(self) -> int:
        """Batches from one mix of characters."""
        return self.turns * self.mix * self.plans.per_character // self.batch

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        """All batches but the first `skip`; skipped mixes are not built."""
        number, offset = divmod(skip, self.batches_per_mix)
        plans = copy(self.plans)
        plans.start += number * self.mix
        # The next mix is built while this one is used.
        prefetch = -(-self.mix // self.workers) if self.workers else None
        # Workers are spawned, because a forked one would inherit locks held by threads.
        source = iter(
            DataLoader(
                plans, batch_size=None, num_workers=self.workers, prefetch_factor=prefetch,
                multiprocessing_context="spawn" if self.workers else None,
            )
        )  # fmt: skip
        while True:
            plan_batch = PlanBatch.gather([next(source) for _ in range(self.mix)], self.device)
            rng = np.random.default_rng([self.plans.seed, 2, number])
            turns = [rng.permutation(self.mix * self.plans.per_character) for _ in range(self.turns)]
            draws = [(turn, chosen) for turn, one in enumerate(turns) for chosen in one.reshape(-1, self.batch)]
            for k, (turn, chosen) in enumerate(draws[offset:], number * self.batches_per_mix + offset):
                noise = torch.Generator(self.device).manual_seed(self.plans.seed * 1_000_003 + k)
                yield self.draw(plan_batch, chosen.tolist(), noise, turn)
            number, offset = number + 1, 0

    def draw(
        self, plans: PlanBatch, chosen: list[int], generator: torch.Generator | None = None, turn: int = 0
    ) -> Batch:
        """Render one batch: the samples with these indices in the plans; generator: of the sensors' noise.

        turn: a sample's character is `turn` places after the one it was planned for in the mix.
        """
        count, frames, per_character = len(chosen), 1 + self.plans.frames, self.plans.per_character
        character = [(n // per_character + turn) % len(plans.scene_index) for n in chosen for _ in range(frames)]
        scene_of = [plans.scene_index[n // per_character][n % per_character] for n in chosen]
        scene_index = [scene for scene in scene_of for _ in range(frames)]
        sample = torch.tensor(chosen, device=self.device)
        acts = plans.acts.pick((sample[:, None] * frames + torch.arange(frames, device=self.device)).flatten())
        shots = render_batch(
            self.studio_tensors, plans.figures, character, acts, plans.scenes, scene_index, generator, frames
        )
        numbers = torch.arange(count * frames, device=self.device).view(count, frames)
        target, reference = numbers[:, 1:].flatten(), numbers[:, :1].expand(-1, frames - 1).flatten()
        character_index = torch.tensor(character, device=self.device)
        flow, visible, _ = device_flow.backward_flow(
            shots.hits, plans.figures.surfaces, character_index, shots.screen, target, reference, SCALE
        )  # fmt: skip

        def split(name: str, values: Tensor) -> Batch:
            """Values (B·(1 + T), …) parted into references and targets."""
            own = values.view(count, frames, *values.shape[1:])
            return {f"ref_{name}": own[:, 0], f"target_{name}": own[:, 1:]}

        whole_bodies = {}
        if self.plans.studio.body is not None:
            limbs = {"ref_limb_radii": shots.limbs.radii, "ref_limb_shown": shots.limbs.shown}
            whole_bodies = split("hands", shots.hands) | limbs
        landmark_error = plans.landmark_error[sample]
        eyes = shots.face[:, [*RIGHT_EYE_CORNERS, *LEFT_EYE_CORNERS], :2].view(-1, 2, 2, 2).mean(2)
        eye_distance = (eyes[:, 1] - eyes[:, 0]).norm(dim=1)
        return {
            **split("image", shots.image),
            **split("matte", _to_uint8(shots.matte[:, None])),
            **split("label", shots.label[:, None]),
            **split("face", shots.face + landmark_error.flatten(0, 1) * eye_distance[:, None, None]),
            **split("face_true", shots.face),
            **split("body", shots.body),
            **whole_bodies,
            "flow": flow.view(count, frames - 1, *flow.shape[1:]),
            "visible": _to_uint8(visible.view(count, frames - 1, 1, *visible.shape[1:])),
            "kind": plans.kind[sample],
            "style": plans.style[character_index.view(count, frames)[:, 0]],
        }


def _to_uint8(values: Tensor) -> Tensor:
    """Values 0..1 as 0..255."""
    return (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
