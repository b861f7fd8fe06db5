"""`python -m benchmarks.generator` on tiny sizes, and its parts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import generator
from benchmarks.generator import call_durations, cases, tick_stages
from models.checkpoint import save
from streamer.frames import AvatarFrame
from tests.support.devices import CUDA
from tests.support.networks import small_network

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_every_configuration_gets_a_row(device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(small_network(), tmp_path / "small.safetensors")
    arguments = ["--device", device, "--size", "128", "--batch", "1", "2", "--seconds", "0.01", "--frames", "30"]
    arguments += ["--checkpoint", str(tmp_path / "small.safetensors"), "--json", str(tmp_path / "out.json")]
    arguments += ["--ref", str(ROOT / "assets" / "avatar.png"), "--clip", str(ROOT / "assets" / "driver.mp4")]
    assert generator.main(arguments) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    configurations = [(row["kind"], row["graph"], row["batch"]) for row in report["rows"]]
    if device == "cpu":
        assert configurations == [(kind, False, batch) for kind in generator.KINDS for batch in (1, 2)]
    else:
        assert configurations == [("torch", graph, batch) for graph in (False, True) for batch in (1, 2)]
    for row in report["rows"]:
        assert row["alone_ms"]["p50"] > 0 and row["fps"] > 0
        assert (row["tflop_s"] is None) == (row["kind"] == "onnx-live")
        assert set(row["stage_ms"]) == {"retarget", "guide", "generate", "compose"}
        assert row["matmul_share"] is None if row["kind"] == "onnx-live" else row["matmul_share"] > 0
        assert (row["peak_gb"] is None) == (device == "cpu")
    assert len(capsys.readouterr().out.splitlines()) == 3 + len(configurations)


def test_a_missing_clip_is_an_error_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "cpu", "--kinds", "torch", "--frames", "1", "--size", "128"]
    options += ["--ref", str(ROOT / "assets" / "avatar.png"), "--clip", str(tmp_path / "none.mp4")]
    assert generator.main(options) == 1
    assert capsys.readouterr().err.startswith("benchmarks.generator: There is no video at")


def test_cases_are_those_that_the_device_supports() -> None:
    options = argparse.Namespace(kinds=None, precision=["float32", "bfloat16"], steps=[1, 2], graph="both")
    assert len([case for case in cases(options, CPU) if case.kind == "torch"]) == 4
    assert len([case for case in cases(options, CPU) if case.kind != "torch"]) == 4
    assert [case.graph for case in cases(options, torch.device("cuda"))] == [False, True] * 4
    options.kinds = ["onnx"]
    with pytest.raises(ValueError, match="onnx draws on a CPU only"):
        list(cases(options, torch.device("cuda")))


def test_tick_stages_count_each_batch_once() -> None:
    pixel = np.zeros((1, 1, 3), np.uint8)
    batch, alone = {"guide": 2.0, "compose": 3.0}, {"guide": 5.0, "compose": 1.0}
    assert tick_stages([AvatarFrame(pixel, 0.0, stages=dict(batch)) for _ in range(3)]) == batch
    assert tick_stages([AvatarFrame(pixel, 0.0, stages=each) for each in (batch, alone)]) == {
        "guide": 7.0,
        "compose": 4.0,
    }


def test_call_durations_times_at_least_one_call() -> None:
    calls: list[int] = []
    assert len(call_durations(calls.append, CPU, 0)) == 1 and calls == [0]
