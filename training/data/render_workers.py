"""Processes that render and bake shards beside the trainer, each shard the same for the same seed and number."""

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

from training.data.bake import as_batch, bake, store, worth_baking
from training.data.impostor import Impostor
from training.data.samples import PER_CHARACTER, SampleStream
from training.render.character.bodykit import BodykitError, load_bodykit
from training.render.character.facekit import FacekitError, load_facekit

log = logging.getLogger("training.data.render_workers")
RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the content of shards. frames: targets of each sample. bodies: whole ones instead of busts."""

    seed: int
    frames: int = 2
    bodies: bool = False

    @property
    def per_shard(self) -> int:
        """Samples rendered for a shard: whole characters, fewer of them where clips are long."""
        return PER_CHARACTER * max(1, 4 // self.frames)

    def claim(self, folder: Path) -> None:
        """Make the folder, for this recipe alone. SystemExit with one sentence when it has another."""
        note = folder / RECIPE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not note.exists():
                note.write_text(json.dumps(asdict(self)))
            there = json.loads(note.read_text())
        except (OSError, ValueError) as error:
            raise SystemExit(f"{folder} cannot be used for shards ({error}); choose another folder.") from error
        if there != asdict(self):
            raise SystemExit(
                f"{folder} holds shards of {there}, not of {asdict(self)}; choose another --out or --data."
            )


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard_{number:05d}.safetensors"


@dataclass(frozen=True, slots=True)
class Kits:
    """Files of the head and, for whole bodies, the body model."""

    face: Path
    body: Path | None = None


def make(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    """Render and bake shards: what a worker does. SystemExit with one sentence when it cannot go on."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    number = numbers[0]
    try:
        stream = SampleStream(kits.face, recipe.seed, recipe.frames, bodykit=kits.body)
        for number in numbers:
            if parent is not None and not parent.is_alive():
                return
            cast = np.random.default_rng([recipe.seed, number, 2])
            samples = [as_batch(stream.sample(number * recipe.per_shard + i)) for i in range(recipe.per_shard)]
            kept = worth_baking(torch.cat([sample["kind"] for sample in samples]))
            batch = [bake(sample, Impostor.perhaps(cast)) for sample, worth in zip(samples, kept, strict=True) if worth]
            store(batch, shard_path(folder, number))
    except (FacekitError, BodykitError) as error:
        raise SystemExit(str(error)) from error
    except (OSError, SafetensorError) as error:
        shard_path(folder, number).with_suffix(".part").unlink(missing_ok=True)
        raise SystemExit(f"{shard_path(folder, number)} could not be written ({error}); free some space.") from error


class Crew:
    """Worker processes that fill a folder up to a number of shards; those already there are kept."""

    def __init__(
        self,
        kits: Kits,
        folder: Path,
        recipe: Recipe,
        shards: int,
        workers: int,
        work: Callable[[Kits, Path, Recipe, list[int]], None] = make,
    ) -> None:
        """SystemExit with one sentence when a model or the folder cannot be used."""
        if work is make:
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
        shares = [missing[w::workers] for w in range(workers)]
        self.workers: list[BaseProcess] = [
            context.Process(target=work, args=(kits, folder, recipe, share), name=f"worker {w}", daemon=True)
            for w, share in enumerate(shares)
            if share
        ]
        for worker in self.workers:
            worker.start()

    def look(self) -> bool:
        """Whether anybody still works; tells in one sentence of each worker that died since the last look."""
        for worker in [w for w in self.workers if w.exitcode is not None]:
            self.workers.remove(worker)
            if worker.exitcode:
                how = f"was killed by signal {-worker.exitcode}" if worker.exitcode < 0 else "stopped with an error"
                log.warning("The rendering %s %s; its shards in %s stay unmade.", worker.name, how, self.folder)
        return bool(self.workers)

    def close(self) -> None:
        """End the workers; a shard that was being made is left out."""
        for worker in self.workers:
            worker.terminate()
            worker.join()
        self.workers = []
        for part in self.folder.glob("*.part"):
            part.unlink()
