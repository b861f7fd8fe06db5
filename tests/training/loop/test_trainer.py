"""The training loop: deterministic, resumable to the bit, and clear about errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.checkpoint_header import CheckpointError
from training.loop.trainer import Options, Trainer, learning_rate, to_device, write_atomically


@dataclass(frozen=True, slots=True)
class Points:
    """x, y (B, 1)."""

    x: Tensor
    y: Tensor


class Line:
    """Fit y = 3x: a task in miniature. Its loss is random too, as sampling noise would make it."""

    name = "line"

    def __init__(self, broken_at: int = -1) -> None:
        self.calls, self.broken_at = 0, broken_at

    def loss(self, network: Any, batch: Points, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        noise = 0.01 * torch.randn(batch.x.shape, generator=generator, device=generator.device)
        error = (network(batch.x) + noise - batch.y).square().mean()
        if self.calls == self.broken_at:
            error = error / 0
        self.calls += 1
        return {"error": error}, torch.zeros(1, 3, 8, 8)


def write(network: nn.Module, path: Path, notes: dict[str, str]) -> None:
    save_file(network.state_dict(), path, metadata=notes)


class Ten:
    """Ten batches a pass."""

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Points]:
        for x in torch.rand(10, 4, 1, generator=generator)[skip:]:
            yield Points(x, 3 * x)


class Nothing:
    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Points]:
        yield from ()


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(tmp_path / "run", steps=25, rate=0.05)


def trainer(options: Options, task: Line | None = None, wide: int = 1, **more: Any) -> Trainer:
    torch.manual_seed(options.seed)
    return Trainer(task or Line(), Ten(), nn.Linear(wide, 1), options, **{"write": write, **more})


def test_trainer_learns_logs_and_saves(options: Options) -> None:
    trainer(replace(options, steps=300), notes={"preset": "line"}).run()
    lines = [json.loads(line) for line in (options.out / "loss.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(20, 301, 20))
    assert lines[-1]["error"] < 0.1 * lines[0]["error"]
    assert float(load_file(options.out / "line.safetensors")["weight"]) == pytest.approx(2, abs=1)  # the average lags
    assert not list(options.out.glob("*.part"))


def test_trainer_is_reproducible_by_seed(options: Options, tmp_path: Path) -> None:
    runs = []
    for out in (tmp_path / "a", tmp_path / "b"):
        run = trainer(replace(options, out=out))
        run.run()
        runs.append(run.network.weight)
    assert torch.equal(*runs)


@pytest.mark.parametrize("stop", [4, 10, 13])
def test_trainer_resumed_equals_uninterrupted(options: Options, tmp_path: Path, stop: int) -> None:
    """Within a pass over the data, at its end, and in the second pass."""
    whole = trainer(replace(options, out=tmp_path / "whole"))
    whole.run()
    first = trainer(options)
    batches = first._batches()
    for _ in range(stop):
        first.update(next(batches))
    first.save()
    second = trainer(options)
    assert second.step == stop
    second.run()
    assert torch.equal(second.network.weight, whole.network.weight)
    assert torch.equal(second.average.module.weight, whole.average.module.weight)


def test_trainer_does_nothing_after_the_schedule(options: Options) -> None:
    trainer(options).run()
    task = Line()
    trainer(options, task).run()
    assert task.calls == 0


def test_trainer_resumes_companions(options: Options) -> None:
    critic = nn.Linear(2, 2)
    trainer(options, companions={"critic": critic}).run()
    other = nn.Linear(2, 2)
    trainer(options, companions={"critic": other})
    assert torch.equal(other.weight, critic.weight)


def test_task_may_call_backward_itself(options: Options, tmp_path: Path) -> None:
    class Own(Line):
        def loss(self, network: Any, batch: Points, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
            terms, sheet = super().loss(network, batch, generator)
            terms["error"].backward()
            return {"error": terms["error"].detach()}, sheet

    runs = [trainer(replace(options, out=tmp_path / name), task) for name, task in (("a", Line()), ("b", Own()))]
    for run in runs:
        run.run()
    assert torch.equal(runs[0].network.weight, runs[1].network.weight)


def test_nan_loss_stops_and_keeps_the_last_state(options: Options) -> None:
    trainer(replace(options, steps=5)).run()
    good = (options.out / "state.pt").read_bytes()
    told = r"^The loss is not a number at step 8; the last good state is in .*state\.pt\.$"
    with pytest.raises(SystemExit, match=told):
        trainer(options, Line(broken_at=3)).run()
    assert (options.out / "state.pt").read_bytes() == good


def test_nan_loss_before_the_first_save_is_reported(options: Options) -> None:
    with pytest.raises(SystemExit, match=r"^The loss is not a number at step 0; nothing had been saved yet\.$"):
        trainer(options, Line(broken_at=0)).run()


def test_nan_gradient_stops_before_the_weights_change(options: Options) -> None:
    run = trainer(options)
    run.network.weight.register_hook(lambda gradient: gradient / 0)
    before = run.network.weight.detach().clone()
    with pytest.raises(SystemExit, match="The loss is not a number at step 0"):
        run.run()
    assert torch.equal(run.network.weight, before)


def test_full_disk_keeps_the_last_state_intact(options: Options) -> None:
    """A limit on file sizes stands for the full disk: the writes really fail half way."""
    resource = pytest.importorskip("resource", reason="no limit on file sizes here")
    trainer(replace(options, steps=5)).run()
    good = (options.out / "state.pt").read_bytes()
    run = trainer(options)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(SystemExit) as told:
            run.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "state.pt could not be written (" in str(told.value)
    assert str(told.value).endswith("; state.pt of the last save is still good. Free some space, then run again.")
    assert (options.out / "state.pt").read_bytes() == good
    assert not list(options.out.glob("*.part"))


def test_write_atomically_leaves_nothing_where_it_fails(tmp_path: Path) -> None:
    def half(part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SystemExit, match=r"a\.pt could not be written \(No space left on device\)\. Free some space"):
        write_atomically(tmp_path / "a.pt", half)
    assert not list(tmp_path.iterdir())


def test_trainer_reports_weights_that_cannot_be_written(options: Options) -> None:
    def full(network: nn.Module, path: Path, notes: dict[str, str]) -> None:
        raise CheckpointError("line.safetensors could not be written (full).")

    with pytest.raises(SystemExit, match=r"^line\.safetensors could not be written \(full\)\.$"):
        trainer(options, write=full).run()
    assert trainer(options).step == 25  # the state before it is whole


def test_trainer_reports_a_damaged_state(options: Options) -> None:
    trainer(options).run()
    state = options.out / "state.pt"
    for data in (state.read_bytes()[:700], b"", b"no state at all"):
        state.write_bytes(data)
        with pytest.raises(SystemExit, match=r"state\.pt is damaged: delete it to start again, or choose another"):
            trainer(options)


def test_trainer_reports_a_state_of_another_network(options: Options) -> None:
    trainer(options).run()
    with pytest.raises(SystemExit, match=r"state\.pt does not fit this network; train with the preset that made it"):
        trainer(options, wide=2)
    torch.save({"foreign": 1}, options.out / "state.pt")
    with pytest.raises(SystemExit, match=r"state\.pt does not fit this network"):
        trainer(options)


def test_trainer_reports_data_without_a_batch(options: Options) -> None:
    with pytest.raises(SystemExit, match=r"There is not one batch in the data\."):
        Trainer(Line(), Nothing(), nn.Linear(1, 1), options).run()


def test_trainer_reports_a_folder_that_cannot_be_created(options: Options) -> None:
    options.out.write_text("a file")
    with pytest.raises(SystemExit, match=r"run cannot be made a folder \(File exists\)"):
        trainer(options)


def test_learning_rate_warms_up_and_decays(options: Options) -> None:
    options = replace(options, steps=1000, rate=1.0)
    rates = [learning_rate(step, options, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01) and max(rates) == pytest.approx(1, abs=0.03)
    assert rates.index(max(rates)) == 99 and rates[-1] == pytest.approx(0.1)


def test_schedule_may_end_by_hours(options: Options) -> None:
    run = trainer(replace(options, steps=10**6, finish=1.0))
    run.seconds = 900.0
    assert run.progress == pytest.approx(0.25)
    run.seconds = 3600.0
    run.run()
    assert run.step == 0 and run.state_path.exists()


def test_to_device_moves_every_tensor() -> None:
    batch = to_device(Points(torch.zeros(2, 1), torch.zeros(2, 1)), "meta")
    assert batch.x.device.type == batch.y.device.type == "meta"
