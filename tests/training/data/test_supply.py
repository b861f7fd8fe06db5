"""Batches from a folder, and the workers that fill it."""

from __future__ import annotations

import logging
import os
import signal
from argparse import ArgumentParser
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.support.kits import FACEKIT, needs_facekit
from training import train
from training.data import render_workers
from training.data.bake import EIGHT_BIT_FIELDS, LARGE_MOTION, Baked
from training.data.render_workers import Kits, Recipe, RenderWorkers, render_shards, shard_path
from training.data.supply import Supply
from training.render.character.appearance import STYLES


def shard(folder: Path, number: int, samples: int, frames: int = 2) -> None:
    """Tiny samples that carry their own name: `mouth` is shard and sample."""
    per_frame = {"maps", "canonical", "tokens", "face", "stance", "truth", "alpha", "flow", "visible", "label"}
    tensors: dict[str, Tensor] = {}
    for field in fields(Baked):
        shape = (samples, frames, 2) if field.name in per_frame else (samples, 2)
        tensors[field.name] = torch.zeros(shape, dtype=torch.uint8 if field.name in EIGHT_BIT_FIELDS else torch.half)
    tensors["style"] = torch.arange(samples, dtype=torch.uint8)
    tensors["mouth"] = torch.stack([torch.tensor([number, sample]) for sample in range(samples)]).half()
    save_file(tensors, shard_path(folder, number))


def fill(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    for number in numbers:
        shard(folder, number, 2, recipe.frames)


def die(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(kits: Kits, folder: Path, recipe: Recipe, numbers: list[int]) -> None:
    raise SystemExit("no space left")


def names(supply: Supply, seed: int = 0, skip: int = 0) -> list[list[tuple[float, ...]]]:
    generator = torch.Generator().manual_seed(seed)
    return [[tuple(row) for row in batch.mouth.tolist()] for batch in supply.batches(generator, skip)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, samples in enumerate((3, 5, 4, 2, 6, 3, 4)):
        shard(tmp_path, number, samples)
    return tmp_path


def test_a_pass_sees_every_sample_once(folder: Path) -> None:
    batches = names(Supply(folder, 4))
    seen = [name for batch in batches for name in batch]
    assert len(seen) == len(set(seen)) == 27
    assert max(len(batch) for batch in batches) == 4


def test_a_batch_mixes_shards_and_seeds_differ(folder: Path) -> None:
    batches = names(Supply(folder, 4))
    assert any(len({number for number, _ in batch}) > 1 for batch in batches)
    assert batches == names(Supply(folder, 4)) != names(Supply(folder, 4), seed=1)


def test_a_batch_may_be_larger_than_shards(folder: Path) -> None:
    assert [len(batch) for batch in names(Supply(folder, 13))] == [13, 13, 1]


def test_characters_of_some_styles_are_left_out(folder: Path) -> None:
    first, second = list(STYLES)[:2]
    seen = [name for batch in names(Supply(folder, 4, without=[second])) for name in batch]
    assert len(seen) == 20 and not any(sample == 1 for _, sample in seen)
    shard(folder, 9, 1)  # a shard of which nothing is left
    assert len([name for batch in names(Supply(folder, 4, without=[first, second])) for name in batch]) == 13
    assert names(Supply(folder, 4, without=STYLES)) == []
    assert names(Supply(folder, 3, without=[first]), skip=2) == names(Supply(folder, 3, without=[first]))[2:]


def test_the_style_to_be_left_out_comes_from_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--out", str(folder), "--data", str(folder), "--without"]
    assert options(*given, "cel").without.tolist() == [list(STYLES).index("cel")]
    with pytest.raises(SystemExit):
        options(*given, "manga")
    assert "invalid choice: 'manga'" in capsys.readouterr().err


@pytest.mark.parametrize("skip", [1, 4, 5, 7, 50])
def test_skipped_batches_are_those_at_the_front(folder: Path, skip: int) -> None:
    assert names(Supply(folder, 3), skip=skip) == names(Supply(folder, 3))[skip:]


def test_new_shards_are_in_the_next_pass(folder: Path) -> None:
    supply = Supply(folder, 4)
    names(supply)
    shard(folder, 9, 2)
    assert (9.0, 0.0) in [name for batch in names(supply) for name in batch]


def test_shards_that_do_not_fit_are_said(folder: Path) -> None:
    shard(folder, 7, 2, frames=3)
    with pytest.raises(SystemExit, match=r"holds other sizes of \w+ than .*; keep them in two folders\."):
        names(Supply(folder, 99))


def test_a_shard_of_another_version_is_said(folder: Path) -> None:
    tensors = load_file(shard_path(folder, 0))
    del tensors["mouth"]
    save_file(tensors, shard_path(folder, 0))
    with pytest.raises(SystemExit, match=r"was baked by another version \(it has no mouth\); delete it and bake again"):
        names(Supply(folder, 4))


def test_a_damaged_shard_is_said(folder: Path) -> None:
    shard_path(folder, 0).write_bytes(b"half")
    with pytest.raises(SystemExit, match=r"shard_00000\.safetensors is no baked shard \(.*\); delete it and bake"):
        names(Supply(folder, 4))


def options(*arguments: str) -> Supply:
    parser = ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    Supply.add_arguments(parser, batch=4)
    parser.add_argument("--device", default="cpu")
    return Supply.from_arguments(parser.parse_args(arguments), frames=2)


def test_without_data_it_says_how_to_get_some(tmp_path: Path) -> None:
    told = "give baked shards with --data, or the face model with --facekit to render new ones"
    with pytest.raises(SystemExit, match=f"^{told}"):
        options("--out", str(tmp_path))
    with pytest.raises(SystemExit, match=f"nowhere is not there; {told}"):
        options("--out", str(tmp_path), "--data", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match=r"There is no face model at .*none\.npz"):
        options("--out", str(tmp_path), "--facekit", str(tmp_path / "none.npz"))
    (tmp_path / "data").mkdir()
    assert options("--out", str(tmp_path)).folder == tmp_path / "data"  # what an earlier run has made


def test_a_crew_fills_the_folder_while_it_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shard_folder = tmp_path / "data"
    workers = RenderWorkers(Kits(tmp_path), shard_folder, Recipe(seed=1), shards=5, workers=2, work=fill)
    supply = Supply(shard_folder, 4, workers)
    assert names(supply)
    for worker in list(workers.workers):
        worker.join()
    assert not workers.poll()
    assert len([name for batch in names(supply) for name in batch]) == 10
    assert "Waiting for the first shard" in caplog.text and "5 shards." in caplog.text
    again = RenderWorkers(Kits(tmp_path), shard_folder, Recipe(seed=1), shards=5, workers=2, work=fill)
    assert not again.workers  # nothing is missing
    supply.close()


@pytest.mark.parametrize(("work", "how"), [(die, "was killed by signal 9"), (fail, "stopped with an error")])
def test_the_death_of_a_worker_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, work: object, how: str
) -> None:
    workers = RenderWorkers(Kits(tmp_path), tmp_path, Recipe(seed=1), shards=1, workers=1, work=work)  # type: ignore[arg-type]
    with pytest.raises(SystemExit, match="All rendering workers ended before there was a shard in"):
        names(Supply(tmp_path, 4, workers))
    assert f"The rendering worker 0 {how}; its shards in {tmp_path} stay unmade." in caplog.text


def test_closing_leaves_no_worker_and_no_half_file(tmp_path: Path) -> None:
    workers = RenderWorkers(Kits(tmp_path), tmp_path, Recipe(seed=1), shards=1, workers=1, work=fill)
    (tmp_path / "shard_00000.part").write_bytes(b"half")
    workers.close()
    workers.close()
    assert not workers.poll() and not list(tmp_path.glob("*.part"))


def test_a_folder_holds_one_recipe(tmp_path: Path) -> None:
    Recipe(seed=1).claim(tmp_path / "data")
    Recipe(seed=1).claim(tmp_path / "data")
    with pytest.raises(SystemExit, match=r"data holds shards of .*, not of .*'seed': 2.*; choose another --out or"):
        Recipe(seed=2).claim(tmp_path / "data")
    (tmp_path / "data" / "recipe.json").write_text("{")
    with pytest.raises(SystemExit, match=r"data cannot be used for shards \("):
        Recipe(seed=1).claim(tmp_path / "data")


def test_long_clips_come_in_small_shards() -> None:
    assert [Recipe(0, frames).per_shard for frames in (2, 5, 8, 24)] == [10, 5, 5, 5]


class FakeStream:
    """Samples that only have a number and a kind."""

    def __init__(self, facekit: Path, seed: int, frames: int, bodykit: Path | None) -> None:
        self.seed = seed

    def sample(self, index: int) -> dict[str, int]:
        return {"index": self.seed * 1000 + index, "kind": LARGE_MOTION if index % 4 else 0}


def test_a_shards_content_follows_from_seed_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, list[int]] = {}
    monkeypatch.setattr(render_workers, "SampleStream", FakeStream)
    monkeypatch.setattr(render_workers, "bake", lambda sample, who: int(sample["index"]))
    monkeypatch.setattr(render_workers, "save_shard", lambda batch, path: stored.update({path.name: batch}))
    render_shards(Kits(tmp_path), tmp_path, Recipe(seed=3, frames=8), [2, 0])
    assert stored == {"shard_00002.safetensors": [3010, 3012, 3014], "shard_00000.safetensors": [3000, 3002, 3004]}


def test_a_full_disk_ends_the_worker_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(batch: list[Baked], path: Path) -> None:
        path.with_suffix(".part").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render_workers, "SampleStream", FakeStream)
    monkeypatch.setattr(render_workers, "bake", lambda sample, who: sample)
    monkeypatch.setattr(render_workers, "save_shard", full)
    with pytest.raises(SystemExit, match=r"shard_00001\.safetensors could not be written \(.*No space left"):
        render_shards(Kits(tmp_path), tmp_path, Recipe(seed=3), [1])
    assert not list(tmp_path.iterdir())


@needs_facekit
def test_one_command_from_the_face_model_to_weights(tmp_path: Path) -> None:
    command = ["--facekit", FACEKIT, "--out", str(tmp_path), "--shards", "1", "--workers", "1", "--steps", "2"]
    train.main([*command, "--preset", "tiny", "--batch", "2"])
    assert (tmp_path / "tiny.safetensors").exists()
    assert shard_path(tmp_path / "data", 0).exists()
