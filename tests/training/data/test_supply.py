"""Batches from a folder of shards."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.support.kits import FACEKIT, needs_facekit
from tests.support.shards import sample_names, write_shard
from training import train
from training.data.render_workers import shard_path
from training.data.supply import Supply
from training.render.character.appearance import STYLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, samples in enumerate((3, 5, 4, 2, 6, 3, 4)):
        write_shard(tmp_path, number, samples)
    return tmp_path


def test_supply_yields_every_sample_once_per_pass(folder: Path) -> None:
    batches = sample_names(Supply(folder, 4))
    seen = [name for batch in batches for name in batch]
    assert len(seen) == len(set(seen)) == 27
    assert max(len(batch) for batch in batches) == 4


def test_supply_mixes_shards_in_an_order_by_seed(folder: Path) -> None:
    batches = sample_names(Supply(folder, 4))
    assert any(len({number for number, _ in batch}) > 1 for batch in batches)
    assert batches == sample_names(Supply(folder, 4)) != sample_names(Supply(folder, 4), seed=1)


def test_supply_batch_may_exceed_a_shard(folder: Path) -> None:
    assert [len(batch) for batch in sample_names(Supply(folder, 13))] == [13, 13, 1]


def test_supply_excludes_styles(folder: Path) -> None:
    first, second = list(STYLES)[:2]
    seen = [name for batch in sample_names(Supply(folder, 4, without=[second])) for name in batch]
    assert len(seen) == 20 and not any(sample == 1 for _, sample in seen)
    write_shard(folder, 9, 1)  # a shard without remaining samples
    assert len([name for batch in sample_names(Supply(folder, 4, without=[first, second])) for name in batch]) == 13
    assert sample_names(Supply(folder, 4, without=STYLES)) == []
    assert (
        sample_names(Supply(folder, 3, without=[first]), skip=2) == sample_names(Supply(folder, 3, without=[first]))[2:]
    )


def test_supply_reads_excluded_styles_from_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--out", str(folder), "--data", str(folder), "--without"]
    assert options(*given, "cel").without.tolist() == [list(STYLES).index("cel")]
    with pytest.raises(SystemExit):
        options(*given, "manga")
    assert "invalid choice: 'manga'" in capsys.readouterr().err


@pytest.mark.parametrize("skip", [1, 4, 5, 7, 50])
def test_supply_skips_the_first_batches(folder: Path, skip: int) -> None:
    assert sample_names(Supply(folder, 3), skip=skip) == sample_names(Supply(folder, 3))[skip:]


def test_supply_includes_new_shards_in_the_next_pass(folder: Path) -> None:
    supply = Supply(folder, 4)
    sample_names(supply)
    write_shard(folder, 9, 2)
    assert (9.0, 0.0) in [name for batch in sample_names(supply) for name in batch]


def test_supply_reports_shards_of_other_sizes(folder: Path) -> None:
    write_shard(folder, 7, 2, frames=3)
    with pytest.raises(SystemExit, match=r"holds other sizes of \w+ than .*; keep them in two folders\."):
        sample_names(Supply(folder, 99))


def test_supply_reports_a_shard_of_another_version(folder: Path) -> None:
    tensors = load_file(shard_path(folder, 0))
    del tensors["mouth"]
    save_file(tensors, shard_path(folder, 0))
    with pytest.raises(SystemExit, match=r"was baked by another version \(it has no mouth\): delete it and bake again"):
        sample_names(Supply(folder, 4))


def test_supply_reports_a_damaged_shard(folder: Path) -> None:
    shard_path(folder, 0).write_bytes(b"half")
    with pytest.raises(SystemExit, match=r"shard_00000\.safetensors is no baked shard \(.*\): delete it and bake"):
        sample_names(Supply(folder, 4))


def options(*arguments: str) -> Supply:
    parser = ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    Supply.add_arguments(parser, batch=4)
    parser.add_argument("--device", default="cpu")
    return Supply.from_arguments(parser.parse_args(arguments), frames=2)


def test_supply_without_data_names_the_flags_to_give(tmp_path: Path) -> None:
    told = "give baked shards with --data, or the face model with --facekit to render new ones"
    with pytest.raises(SystemExit, match=f"^{told}"):
        options("--out", str(tmp_path))
    with pytest.raises(SystemExit, match=f"nowhere is not there; {told}"):
        options("--out", str(tmp_path), "--data", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match=r"There is no face model at .*none\.npz"):
        options("--out", str(tmp_path), "--facekit", str(tmp_path / "none.npz"))
    (tmp_path / "data").mkdir()
    assert options("--out", str(tmp_path)).folder == tmp_path / "data"  # shards of an earlier run


@needs_facekit
def test_train_command_renders_shards_and_writes_weights(tmp_path: Path) -> None:
    command = ["--facekit", FACEKIT, "--out", str(tmp_path), "--shards", "1", "--workers", "1", "--steps", "2"]
    train.main([*command, "--preset", "tiny", "--batch", "2"])
    assert (tmp_path / "tiny.safetensors").exists()
    assert shard_path(tmp_path / "data", 0).exists()
