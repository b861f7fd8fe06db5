"""Batches that a device renders and bakes for itself."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import fields
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.support.devices import CUDA
from tests.support.kits import FACEKIT, needs_facekit
from tests.support.shifted_sample import shifted_sample
from training.data.bake import Baked, as_batch, bake
from training.data.impostor import Impostor

SIZE = 64


def test_samples_are_baked_together_as_alone() -> None:
    samples = [as_batch(shifted_sample([4, -3])), as_batch(shifted_sample([2, 7], scale=0.2))]
    cast = Impostor.random(np.random.default_rng(2), 2)
    together = bake({name: torch.cat([sample[name] for sample in samples]) for name in samples[0]}, cast)
    for n, sample in enumerate(samples):
        who = Impostor(*(getattr(cast, f.name)[n : n + 1] for f in fields(cast)))
        alone = bake(sample, who)
        for f in fields(Baked):
            got, want = getattr(together, f.name)[n], getattr(alone, f.name)[0]
            assert got.shape == want.shape, f.name
            assert float((got - want).abs().float().mean()) < 1e-3, f.name


@needs_facekit
@pytest.mark.timeout(600)
@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_run_that_was_stopped_sees_what_it_would_have_seen(device: str) -> None:
    from training.data.device_samples import DeviceStream, PlanStream  # noqa: PLC0415
    from training.data.device_supply import DeviceSupply  # noqa: PLC0415

    plans = PlanStream(FACEKIT, seed=4, size=SIZE, per_character=2)
    supply = DeviceSupply(DeviceStream(plans, device, batch=2, mix=2), batch=2, pool=4, reuse=2)

    def steps(skip: int, count: int) -> list[Baked]:
        return list(islice(supply.batches(torch.Generator().manual_seed(7), skip), count))

    whole, rest = steps(0, 5), steps(3, 2)
    assert whole[0].picture.shape == (2, 3, 256, 256) and whole[0].truth.shape == (2, 2, 3, 256, 256)
    assert whole[0].truth.device.type == device
    assert not torch.equal(whole[0].picture, whole[4].picture)
    for before, after in zip(whole[3:], rest, strict=True):
        for f in fields(Baked):
            torch.testing.assert_close(getattr(after, f.name), getattr(before, f.name), atol=0.02, rtol=0)


@needs_facekit
def test_styles_may_be_left_out_until_nothing_is_left() -> None:
    from training.data.device_samples import DeviceStream, PlanStream  # noqa: PLC0415
    from training.data.device_supply import DeviceSupply  # noqa: PLC0415
    from training.render.character.appearance import STYLES  # noqa: PLC0415

    plans = PlanStream(FACEKIT, seed=4, size=SIZE, per_character=2)
    supply = DeviceSupply(DeviceStream(plans, "cpu", batch=2, mix=2), 2, pool=2, reuse=1, without=list(STYLES))
    with pytest.raises(SystemExit, match=r"A pool with 0 samples in it gives no batch of 2; enlarge --pool\."):
        next(supply.batches(torch.Generator(), 0))


@needs_facekit
def test_a_device_draws_as_much_at_a_time_as_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.data.device_supply import DeviceSupply  # noqa: PLC0415

    given = Namespace(
        facekit=FACEKIT, bodykit=None, seed=1, device="cpu", workers=0, batch=8, pool=512, reuse=2.0, without=["flat"]
    )
    for gigabytes, frames, drawn in ((80, 2, 256), (24, 2, 128), (80, 8, 64), (80, 1, 256), (0.1, 2, 1)):
        room = SimpleNamespace(total_memory=int(gigabytes * 1e9))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, room=room: room)
        supply = DeviceSupply.from_arguments(given, frames)
        assert supply.stream.batch == drawn and supply.stream.plans.frames == frames
        assert supply.pool_batches == 512 // drawn and supply.steps_per_render == max(1, round(2 * drawn / 8))


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    from training.data.device_supply import DeviceSupply  # noqa: PLC0415

    given = Namespace(facekit=tmp_path / "none.npz", bodykit=None, seed=1, device="cuda", workers=0)
    with pytest.raises(SystemExit, match=r"none\.npz"):
        DeviceSupply.from_arguments(given, 2)
