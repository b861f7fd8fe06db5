"""Checkpoints survive the disk; a file without weights is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from models.checkpoint import load, save
from models.checkpoint_header import CheckpointError
from models.config import ModelConfig
from models.dit import CausalDiT

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 16, 16))


def test_load_returns_what_save_wrote(tmp_path: Path) -> None:
    network = CausalDiT(SMALL)
    path = tmp_path / "small.safetensors"
    save(network, path, {"steps": "1"})
    again = load(path)
    assert again.config == SMALL
    for name, value in network.state_dict().items():
        assert torch.allclose(again.state_dict()[name], value, atol=1e-3), name
    assert list(tmp_path.iterdir()) == [path]


def test_load_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there; train one with"):
        load(tmp_path / "none.safetensors")


def test_load_refuses_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save(CausalDiT(SMALL), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="is damaged"):
        load(path)


def test_load_refuses_a_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="holds no Kagami weights"):
        load(path)


def rewritten(path: Path, header: dict[str, str | None], **weights: torch.Tensor) -> Path:
    """A checkpoint at `path` whose header and weights are changed afterwards (None: removed), without a checksum."""
    save(CausalDiT(SMALL), path)
    with safe_open(path, "pt") as file:
        fields: dict[str, Any] = {**file.metadata(), "sha256": None, **header}
        tensors = {name: file.get_tensor(name) for name in file.keys()} | weights  # noqa: SIM118
    save_file(tensors, path, metadata={name: text for name, text in fields.items() if text is not None})
    return path


def sizes(**changes: object) -> str:
    return json.dumps({**SMALL.to_dict(), **changes})


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("config", None, "its header lacks the network's sizes"),
        ("config", "{", "the network's sizes in its header cannot be used"),
        ("config", "[1]", "the network's sizes in its header cannot be used"),
        ("config", sizes(colour=3), "the network's sizes in its header cannot be used"),
        ("config", sizes(width="32"), "the network's sizes in its header cannot be used"),
        ("config", sizes(width=31), "the network's sizes in its header cannot be used"),
        ("config", sizes(heads=0), "the network's sizes in its header cannot be used"),
        ("config", sizes(depth=-1), "depth is -1"),
        ("config", sizes(depth=True), "depth is True"),
        ("config", sizes(depth=10**9), "depth is 1000000000"),
        ("config", sizes(width=4096, heads=64), "they are larger than its weights"),
        ("config", sizes(mouth_side=80_000), "mouth_side is 80000"),
        ("config", sizes(stem=8), "stem is 8"),
        ("config", sizes(stem=[8, 16]), r"stem is \(8, 16\)"),
        ("ranges", "{", "the calibrated ranges in its header cannot be used"),
        ("ranges", "[1]", "the calibrated ranges in its header cannot be used"),
        ("ranges", '{"a": 1}', "the calibrated ranges in its header cannot be used"),
        ("ranges", '{"a": [0, "1"]}', "the calibrated ranges in its header cannot be used"),
        ("ranges", '{"a": [0, NaN]}', "one is infinite or not a number"),
    ],
)
def test_load_refuses_a_header_that_cannot_be_used(tmp_path: Path, field: str, text: str | None, reason: str) -> None:
    path = rewritten(tmp_path / "odd.safetensors", {field: text})
    with pytest.raises(CheckpointError, match=rf"odd.safetensors is damaged \(.*{reason}.*: fetch or train it again"):
        load(path)


def test_load_refuses_weights_of_another_shape(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "wide.safetensors", {"config": sizes(depth=2)})
    with pytest.raises(CheckpointError, match=r"wide.safetensors does not fit this version of the network"):
        load(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_load_refuses_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    name, weight = next(iter(CausalDiT(SMALL).state_dict().items()))
    weight = weight.half().clone()
    weight.view(-1)[0] = value
    path = rewritten(tmp_path / "diverged.safetensors", {}, **{name: weight})
    with pytest.raises(CheckpointError, match=r"diverged.safetensors holds weights that are infinite or not a number"):
        load(path)


def flip_bit(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("position", [-1, -1000])
def test_load_notices_a_flipped_bit_by_the_checksum_in_the_header(tmp_path: Path, position: int) -> None:
    path = tmp_path / "flipped.safetensors"
    save(CausalDiT(SMALL), path)
    flip_bit(path, position)
    with pytest.raises(CheckpointError, match=r"flipped.safetensors is damaged .its checksum"):
        load(path)


def test_load_notices_a_changed_range_by_the_checksum_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "flipped.safetensors"
    network = CausalDiT(SMALL)
    network.ranges = {"stem": [0.0, 1.0]}
    save(network, path)
    assert load(path).ranges == network.ranges
    data = path.read_bytes()
    path.write_bytes(data.replace(b"[0.0, 1.0]", b"[0.0, 3.0]"))
    with pytest.raises(CheckpointError, match=r"flipped.safetensors is damaged .its checksum"):
        load(path)


def test_load_notices_a_flipped_bit_by_the_file_of_checksums_beside_it(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "old.safetensors", {})
    sums = f"{'0' * 64}  another.safetensors\n{hashlib.sha256(path.read_bytes()).hexdigest()}  old.safetensors\n"
    (tmp_path / "SHA256SUMS").write_text(sums)
    load(path)
    flip_bit(path, -1)
    with pytest.raises(CheckpointError, match=r"old.safetensors is damaged .its checksum"):
        load(path)
    save(CausalDiT(SMALL), path)  # trained anew: its own checksum counts
    load(path)


def test_published_checksums_are_those_of_the_weights_in_the_repository() -> None:
    folder = Path(__file__).resolve().parents[2] / "checkpoints"
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.glob("*.safetensors"))
    )
    assert (folder / "SHA256SUMS").read_text() == sums


def test_save_leaves_nothing_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="could not be written"):
        save(CausalDiT(SMALL), tmp_path / "no folder" / "x.safetensors")
    assert list(tmp_path.iterdir()) == []
