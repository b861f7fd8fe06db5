"""Batches rendered and baked on the training device."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import fields
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.support.devices import CUDA
from tests.support.kits import FACEKIT, needs_facekit
from training.data.bake import Baked

SIZE = 64


@needs_facekit
@pytest.mark.timeout(600)
@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_device_supply_resumes_with_the_same_batches(device: str) -> None:
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
def test_device_supply_excludes_styles_until_the_pool_is_too_small() -> None:
    from training.data.device_samples import DeviceStream, PlanStream  # noqa: PLC0415
    from training.data.device_supply import DeviceSupply  # noqa: PLC0415
    from training.render.character.appearance import STYLES  # noqa: PLC0415

    plans = PlanStream(FACEKIT, seed=4, size=SIZE, per_character=2)
    supply = DeviceSupply(DeviceStream(plans, "cpu", batch=2, mix=2), 2, pool=2, reuse=1, without=list(STYLES))
    with pytest.raises(SystemExit, match=r"A pool with 0 samples in it gives no batch of 2; enlarge --pool\."):
        next(supply.batches(torch.Generator(), 0))


@needs_facekit
def test_device_supply_batch_size_follows_the_gpu_memory(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_device_supply_reports_a_missing_model(tmp_path: Path) -> None:
    from training.data.device_supply import DeviceSupply  # noqa: PLC0415

    given = Namespace(facekit=tmp_path / "none.npz", bodykit=None, seed=1, device="cuda", workers=0)
    with pytest.raises(SystemExit, match=r"none\.npz"):
        DeviceSupply.from_arguments(given, 2)
