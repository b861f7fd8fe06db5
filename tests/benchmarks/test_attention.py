"""The attention benchmark on the smallest sizes: it runs, compares like with like, and knows its floors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import attention
from benchmarks.attention import Load, main
from kernels.ring import FLOAT8
from models.config import ModelConfig


def test_the_report_has_a_row_for_each_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(attention.COPIED, "cpu", 1 << 20)
    monkeypatch.setitem(attention.MATRIX, "cpu", 64)
    file = tmp_path / "attention.json"
    sizes = ["--ring", "1", "2", "--sessions", "1", "2", "--dtypes", "float32", "float8", "--repeats", "1"]
    assert main(["--device", "cpu", "--preset", "tiny", *sizes, "--json", str(file)]) == 0
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["backend"] == "reference" and report["hardware"]["versions"]["torch"]
    loads = [(row["dtype"], row["ring"], row["sessions"]) for row in report["rows"]]
    assert loads == [(dtype, ring, n) for dtype in ("float32", "float8") for ring in (1, 2) for n in (1, 2)]
    for row in report["rows"]:
        assert row["off"] < (1e-5 if row["dtype"] == "float32" else 0.05)
        assert min(row["ours_us"], row["put_together_us"], row["sdpa_alone_us"]) > 0
    assert len(capsys.readouterr().out.splitlines()) == 5 + len(loads)


def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(("dtype", "number"), [(torch.float32, (4, 4)), (FLOAT8, (2, 1))], ids=str)
def test_floors_count_each_byte_and_product_once(dtype: torch.dtype, number: tuple[int, int]) -> None:
    config = ModelConfig(width=32, depth=1, heads=2, keyed=1, ring=2, stem=(8, 16, 16))
    load = Load.make(config, 3, torch.device("cpu"), dtype)
    frame = 3 * 2 * 256 * 16  # B·H·N·D
    assert load.bytes() == 4 * frame * number[0] + 2 * 4 * frame * number[1]
    assert load.products() == 2 * 2 * 3 * 2 * 256 * (4 * 256) * 16
