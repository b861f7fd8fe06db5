"""Processes that render and bake shards beside the trainer, reproducibly by seed and shard number."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError

from training.data.bake import as_batch, bake, keep_mask, save_shard
from training.data.impostor import Impostor
from training.data.samples import HEAD_SIZE, SAMPLES_PER_CHARACTER, SampleStream
from training.render.character.bodykit import BodykitError, load_bodykit
from training.render.character.facekit import FacekitError, load_facekit

log = logging.getLogger("training.data.render_workers")
RECIPE_FILE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What determines the content of shards.

    frames: targets of each sample. bodies: whole bodies instead of busts, whose targets lack the limbs that are layers.
    size: pixels along a side of a picture.
    """

    seed: int
    frames: int = 2
    bodies: bool = False
    size: int = HEAD_SIZE

    @property
    def per_shard(self) -> int:
        """Samples rendered for a shard: all of some characters, fewer where clips are long."""
        return SAMPLES_PER_CHARACTER * max(1, 4 // self.frames)

    def claim(self, folder: Path) -> None:
        """Create the folder and note this recipe in it. Raises SystemExit with one sentence where it has another."""
        note = folder / RECIPE_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not note.exists():
                note.write_text(json.dumps(asdict(self)))
            existing = json.loads(note.read_text())
        except (OSError, ValueError) as error:
            raise SystemExit(f"{folder} cannot be used for shards ({error}): choose another folder.") from error
        if existing != asdict(self):
            raise SystemExit(
                f"{folder} holds shards of {existing}, not of {asdict(self)}: choose another --out or --data."
            )


def shard_path(folder: Path, number: int) -> Path:
    """File of shard `number`."""
    return folder / f"shard_{number:05d}.safetensors"


@dataclass(frozen=True, slots=True)
class Kits:
    """Files of the face model and, for whole bodies, of the body model."""

    face: Path
    body: Path | None = None


def render_shards(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    """Render and bake shards in a worker process. Raises SystemExit with one sentence where it cannot continue."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    number = numbers[0]
    try:
        stream = SampleStream(kits.face, recipe.seed, recipe.frames, recipe.size, bodykit=kits.body)
        for number in numbers:
            if parent is not None and not parent.is_alive():
                return
            rng = np.random.default_rng([recipe.seed, number, 2])
            samples = [as_batch(stream.sample(number * recipe.per_shard + i)) for i in range(recipe.per_shard)]
            keep = keep_mask(torch.cat([sample["kind"] for sample in samples]))
            batch = [bake(sample, Impostor.random(rng)) for sample, worth in zip(samples, keep, strict=True) if worth]
            save_shard(batch, shard_path(folder, number))
    except (FacekitError, BodykitError) as error:
        raise SystemExit(str(error)) from error
    except (OSError, SafetensorError) as error:
        shard_path(folder, number).with_suffix(".part").unlink(missing_ok=True)
        raise SystemExit(f"{shard_path(folder, number)} could not be written ({error}): free some space.") from error


class RenderWorkers:
    """Worker processes that fill a folder up to a number of shards; existing ones are kept."""

    def __init__(
        self,
        kits: Kits,
        folder: Path,
        recipe: Recipe,
        shards: int,
        workers: int,
        work: Callable[[Kits, Path, Recipe, list[int]], None] = render_shards,
    ) -> None:
        """Raises SystemExit with one sentence where a model or the folder cannot be used."""
        if work is render_shards:
            try:
                load_facekit(kits.face)
                if kits.body is not None:
                    load_bodykit(kits.body)
            except (FacekitError, BodykitError) as error:
                raise SystemExit(str(error)) from error
        recipe.claim(folder)
        self.folder = folder
        missing = [n for n in range(shards) if not shard_path(folder, n).exists()]
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        context = multiprocessing.get_context("spawn")
        assigned = [missing[w::workers] for w in range(workers)]
        self.workers: list[BaseProcess] = [
            context.Process(target=work, args=(kits, folder, recipe, numbers), name=f"worker {w}", daemon=True)
            for w, numbers in enumerate(assigned)
            if numbers
        ]
        for worker in self.workers:
            worker.start()

    def poll(self) -> bool:
        """Whether any worker is alive; logs each worker that failed since the last call."""
        for worker in [w for w in self.workers if w.exitcode is not None]:
            self.workers.remove(worker)
            if worker.exitcode:
                how = f"was killed by signal {-worker.exitcode}" if worker.exitcode < 0 else "stopped with an error"
                log.warning("The rendering %s %s; its shards in %s stay unmade.", worker.name, how, self.folder)
        return bool(self.workers)

    def close(self) -> None:
        """Stop the workers; an unfinished shard is deleted."""
        for worker in self.workers:
            worker.terminate()
            worker.join()
        self.workers = []
        for part in self.folder.glob("*.part"):
            part.unlink()
