"""`python -m benchmarks.attention` on the smallest sizes, and its floors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.attention import Workload, main
from benchmarks.common import device_rates
from kernels.ring import FLOAT8
from models.config import ModelConfig


def test_report_has_a_row_for_each_workload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(device_rates.COPY_BYTES, "cpu", 1 << 20)
    monkeypatch.setitem(device_rates.MATRIX_SIDE, "cpu", 64)
    file = tmp_path / "attention.json"
    sizes = ["--ring", "1", "2", "--sessions", "1", "2", "--dtypes", "float32", "float8", "--repeats", "1"]
    assert main(["--device", "cpu", "--preset", "tiny", *sizes, "--json", str(file)]) == 0
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["backend"] == "reference" and report["hardware"]["versions"]["torch"]
    workloads = [(row["dtype"], row["ring"], row["sessions"]) for row in report["rows"]]
    assert workloads == [(dtype, ring, n) for dtype in ("float32", "float8") for ring in (1, 2) for n in (1, 2)]
    for row in report["rows"]:
        assert row["off"] < (1e-5 if row["dtype"] == "float32" else 0.05)
        assert min(row["ours_us"], row["put_together_us"], row["sdpa_alone_us"]) > 0
    assert len(capsys.readouterr().out.splitlines()) == 5 + len(workloads)


def test_an_unwritable_report_is_an_error_before_the_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(("dtype", "element_sizes"), [(torch.float32, (4, 4)), (FLOAT8, (2, 1))], ids=str)
def test_floors_count_each_byte_and_product_once(dtype: torch.dtype, element_sizes: tuple[int, int]) -> None:
    config = ModelConfig(width=32, depth=1, heads=2, keyed=1, ring=2, stem=(8, 16, 16))
    workload = Workload.make(config, 3, torch.device("cpu"), dtype)
    frame = 3 * 2 * 256 * 16  # B·H·N·D
    assert workload.bytes() == 4 * frame * element_sizes[0] + 2 * 4 * frame * element_sizes[1]
    assert workload.products() == 2 * 2 * 3 * 2 * 256 * (4 * 256) * 16
