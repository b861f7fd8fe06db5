"""`python -m benchmarks.generator` on tiny sizes, and its parts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import generator
from benchmarks.generator import Case, call_durations, cases, difference, draw_batches, tick_stages
from models.checkpoint import save
from streamer.frames import AvatarFrame
from streamer.generation.torch_generator import TorchGenerator
from streamer.tracking.motion import Motion
from streamer.tracking.tracker import TrackedMotion
from tests.support.devices import CUDA
from tests.support.faces import drawn_face
from tests.support.networks import small_network
from tests.support.recorders import RerunRecorder

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
        assert configurations == [(kind, "none", batch) for kind in generator.KINDS for batch in (1, 2)]
    else:
        assert configurations == [("torch", graph, batch) for graph in generator.GRAPHS for batch in (1, 2)]
    for row in report["rows"]:
        recorded = row["graph"] == "tick"
        assert (row["alone_ms"]["p50"] is None) == recorded and row["fps"] > 0
        assert (row["tflop_s"] is None) == (row["kind"] == "onnx-live" or recorded)
        assert set(row["stage_ms"]) == ({"tick"} if recorded else {"retarget", "guide", "generate", "compose"})
        assert row["difference"] is None if row["graph"] == "none" else row["difference"] <= 2
        assert (row["matmul_share"] is None) == (row["tflop_s"] is None)
        assert (row["peak_gb"] is None) == (device == "cpu")
    assert len(capsys.readouterr().out.splitlines()) == 3 + len(configurations)


def test_a_missing_clip_is_an_error_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "cpu", "--kinds", "torch", "--frames", "1", "--size", "128"]
    options += ["--ref", str(ROOT / "assets" / "avatar.png"), "--clip", str(tmp_path / "none.mp4")]
    assert generator.main(options) == 1
    assert capsys.readouterr().err.startswith("benchmarks.generator: There is no video at")


def test_cases_are_those_that_the_device_supports() -> None:
    options = argparse.Namespace(kinds=None, precision=["float32", "bfloat16"], steps=[1, 2], graph=generator.GRAPHS)
    assert len([case for case in cases(options, CPU) if case.kind == "torch"]) == 4
    assert len([case for case in cases(options, CPU) if case.kind != "torch"]) == 4
    assert [case.graph for case in cases(options, torch.device("cuda"))] == list(generator.GRAPHS) * 4
    options.kinds = ["onnx"]
    with pytest.raises(ValueError, match="onnx draws on a CPU only"):
        list(cases(options, torch.device("cuda")))


def test_recorded_ticks_are_replayed_and_draw_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, with a recorder that runs the work again instead of a CUDA graph."""
    recorder = RerunRecorder()
    monkeypatch.setattr(
        generator, "make_generator", lambda *_: TorchGenerator(small_network(), CPU, 1, 2, None, recorder)
    )
    options = argparse.Namespace(seconds=0.01, checkpoint=None, processor_time=False)
    rig = drawn_face(64, 0.2)
    still = Motion.still(rig.face[0].numpy(), rig.body[0].numpy())
    (eager, frames), (tick, replayed) = (
        next(
            iter(draw_batches(Case("torch", "float32", 1, graph), rig, [TrackedMotion(still, still)] * 2, [2], options))
        )
        for graph in (generator.GRAPHS[0], generator.GRAPHS[-1])
    )
    assert set(tick["stage_ms"]) == {"tick"} and tick["alone_fps"] is None and recorder.replayed
    assert "retarget" in eager["stage_ms"] and eager["alone_fps"] > 0
    assert len(frames) == len(replayed) == 2 * generator.FIRST_TICKS and difference(replayed, frames) <= 1
    assert difference([frames[0] // 2], frames[:1]) > 50


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


def test_call_durations_counts_by_the_given_clock() -> None:
    times = iter([1.0, 1.5, 2.0, 2.25])
    assert call_durations(lambda _: None, CPU, 0.6, lambda: next(times)) == [500.0, 250.0]
