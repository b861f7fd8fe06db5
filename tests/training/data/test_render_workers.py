"""Processes that render shards beside the trainer."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import pytest

from tests.support.shards import sample_names, write_shard
from training.data import render_workers
from training.data.bake import LARGE_MOTION, Baked
from training.data.render_workers import Kits, Recipe, RenderWorkers, render_shards
from training.data.samples import BODY_SIZE
from training.data.supply import Supply


def fill(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    for number in numbers:
        write_shard(folder, number, 2, recipe.frames)


def die(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    raise SystemExit("no space left")


def test_workers_fill_the_folder_while_it_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shard_folder = tmp_path / "data"
    workers = RenderWorkers(Kits(tmp_path), shard_folder, Recipe(seed=1), shards=5, workers=2, work=fill)
    supply = Supply(shard_folder, 4, workers)
    assert sample_names(supply)
    for worker in list(workers.workers):
        worker.join()
    assert not workers.poll()
    assert len([name for batch in sample_names(supply) for name in batch]) == 10
    assert "Waiting for the first shard" in caplog.text and "5 shards." in caplog.text
    again = RenderWorkers(Kits(tmp_path), shard_folder, Recipe(seed=1), shards=5, workers=2, work=fill)
    assert not again.workers  # nothing is missing
    supply.close()


@pytest.mark.parametrize(("work", "how"), [(die, "was killed by signal 9"), (fail, "stopped with an error")])
def test_supply_reports_failed_workers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, work: object, how: str
) -> None:
    recipe = Recipe(seed=1)
    workers = RenderWorkers(Kits(tmp_path), tmp_path, recipe, shards=1, workers=1, work=work)  # type: ignore[arg-type]
    with pytest.raises(SystemExit, match="All rendering workers ended before there was a shard in"):
        sample_names(Supply(tmp_path, 4, workers))
    assert f"The rendering worker 0 {how}; its shards in {tmp_path} stay unmade." in caplog.text


def test_workers_close_leaves_no_process_and_no_partial_file(tmp_path: Path) -> None:
    workers = RenderWorkers(Kits(tmp_path), tmp_path, Recipe(seed=1), shards=1, workers=1, work=fill)
    (tmp_path / "shard_00000.part").write_bytes(b"half")
    workers.close()
    workers.close()
    assert not workers.poll() and not list(tmp_path.glob("*.part"))


def test_recipe_claims_a_folder_for_itself(tmp_path: Path) -> None:
    Recipe(seed=1).claim(tmp_path / "data")
    Recipe(seed=1).claim(tmp_path / "data")
    with pytest.raises(SystemExit, match=r"data holds shards of .*, not of .*'seed': 2.*: choose another --out or"):
        Recipe(seed=2).claim(tmp_path / "data")
    with pytest.raises(SystemExit, match=r"data holds shards of .*: choose another --out or"):
        Recipe(seed=1, size=BODY_SIZE).claim(tmp_path / "data")
    (tmp_path / "data" / "recipe.json").write_text("{")
    with pytest.raises(SystemExit, match=r"data cannot be used for shards \("):
        Recipe(seed=1).claim(tmp_path / "data")


def test_recipe_of_long_clips_has_small_shards() -> None:
    assert [Recipe(0, frames).per_shard for frames in (2, 5, 8, 24)] == [10, 5, 5, 5]


class FakeStream:
    """Samples that only have a number and a kind."""

    def __init__(self, facekit: Path, seed: int, frames: int, size: int, bodykit: Path | None) -> None:
        self.seed = seed

    def sample(self, index: int) -> dict[str, int]:
        return {"index": self.seed * 1000 + index, "kind": LARGE_MOTION if index % 4 else 0}


def test_shard_content_is_determined_by_seed_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, list[int]] = {}
    monkeypatch.setattr(render_workers, "SampleStream", FakeStream)
    monkeypatch.setattr(render_workers, "bake", lambda sample, who: int(sample["index"]))
    monkeypatch.setattr(render_workers, "save_shard", lambda batch, path: stored.update({path.name: batch}))
    render_shards(Kits(tmp_path), tmp_path, Recipe(seed=3, frames=8), [2, 0])
    assert stored == {"shard_00002.safetensors": [3010, 3012, 3014], "shard_00000.safetensors": [3000, 3002, 3004]}


def test_worker_reports_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(batch: list[Baked], path: Path) -> None:
        path.with_suffix(".part").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render_workers, "SampleStream", FakeStream)
    monkeypatch.setattr(render_workers, "bake", lambda sample, who: sample)
    monkeypatch.setattr(render_workers, "save_shard", full)
    with pytest.raises(SystemExit, match=r"shard_00001\.safetensors could not be written \(.*No space left"):
        render_shards(Kits(tmp_path), tmp_path, Recipe(seed=3), [1])
    assert not list(tmp_path.iterdir())
