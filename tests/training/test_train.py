"""A rendered sample becomes network inputs, and the trainer learns from them, resumes, and stops at a loss gone
wrong.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load
from models.config import PRESETS, ModelConfig
from models.topology import topology
from tests.faces import drawn_face
from training import train
from training.bake import Baked, bake, load_shard, shard_paths, store
from training.train import Options, Trainer, batch_loss

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8))


@pytest.fixture(scope="module")
def sample() -> dict[str, np.ndarray]:
    """A drawn head that moves a little to the right, as `training.samples` would tell it: the whole picture moves
    along.
    """
    size, pixels = 256, 8
    rig = drawn_face(size)

    def byte(maps: torch.Tensor) -> np.ndarray:
        return (maps * 255).round().byte().numpy()

    image, matte = byte(rig.image[0]), byte(rig.matte[0])
    face = topology().canonical.numpy() * 0.28
    moved = face + np.array([2 * pixels / size, 0, 0], np.float32)
    body = np.zeros((33, 4), np.float32)
    flow = np.zeros((2, 2, size, size), np.float32)
    flow[:, 0] = -2 * pixels / size
    label = np.where(matte > 0, 3, 0).astype(np.uint8)
    return {
        "ref_image": image,
        "ref_matte": matte,
        "ref_face": face,
        "ref_face_true": face,
        "ref_body": body,
        "target_image": np.stack([np.roll(image, pixels, -1)] * 2),
        "target_matte": np.stack([np.roll(matte, pixels, -1)] * 2),
        "target_label": np.stack([np.roll(label, pixels, -1)] * 2),
        "target_face": np.stack([moved, moved]),
        "target_face_true": np.stack([moved, moved]),
        "target_body": np.stack([body, body]),
        "flow": flow,
        "visible": np.full((2, 1, size, size), 255, np.uint8),
    }


@pytest.fixture(scope="module")
def data(sample: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baked")
    store([bake(sample), bake(sample)], folder / "shard_00000.safetensors")
    return folder


@pytest.fixture
def options(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setitem(PRESETS, "small", SMALL)
    return Options(
        data, tmp_path / "run", "small", steps=3, batch=2, rate=1e-3, seed=1, threads=1, hours=1.0, start=None
    )


def one_batch(data: Path) -> Baked:
    return next(load_shard(shard_paths(data)[0], 2, torch.Generator().manual_seed(0)))


def test_the_guidance_of_a_moved_head_is_its_true_flow(sample: dict[str, np.ndarray]) -> None:
    baked = bake(sample)
    centre = (slice(None), slice(None), slice(None), slice(50, 78), slice(50, 78))
    assert torch.allclose(baked.maps[:, :, :2][centre], baked.flow[centre], atol=0.02)
    assert float(baked.visible.min()) > 0.99
    assert baked.truth.shape == (1, 2, 3, 256, 256)


def test_a_shard_keeps_what_was_stored(sample: dict[str, np.ndarray], data: Path) -> None:
    batch, fresh = one_batch(data), bake(sample)
    assert torch.allclose(batch.picture[:1], fresh.picture, atol=3e-3)
    assert torch.allclose(batch.maps[:1], fresh.maps, atol=3e-3)
    assert torch.equal(batch.label[:1], fresh.label)


def test_the_loss_falls(options: Options, data: Path) -> None:
    trainer = Trainer(options)
    batch = one_batch(data)

    def total() -> float:
        with torch.no_grad():
            terms = batch_loss(trainer.network, batch, torch.Generator().manual_seed(7))[0]
        return float(torch.stack(list(terms.values())).sum())

    before = total()
    for _ in range(8):
        trainer._update(batch)
    assert total() < before


def test_runs_saves_and_resumes(options: Options) -> None:
    Trainer(options).run()
    assert load(options.out / "small.safetensors").config == SMALL
    again = Trainer(options)
    assert again.step == 3
    again.run()  # nothing is left to do
    assert again.step == 3
    assert not list(options.out.glob("*.part"))


def test_the_same_seed_gives_the_same_weights(options: Options, tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        trainer = Trainer(Options(**{**_fields(options), "out": tmp_path / name}))
        trainer.run()
        runs.append(trainer.network.state_dict())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_a_loss_gone_wrong_stops_and_keeps_the_last_good_state(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer(Options(**{**_fields(options), "steps": 1})).run()
    good = (options.out / "state.pt").read_bytes()
    broken = {"pixel": torch.tensor(float("nan"), requires_grad=True)}
    monkeypatch.setattr(train, "batch_loss", lambda *_: (broken, torch.zeros(1)))
    with pytest.raises(
        SystemExit, match=r"The loss is not a number at step 1; the last good state is in .*state\.pt\."
    ):
        Trainer(options).run()
    assert (options.out / "state.pt").read_bytes() == good


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no baked samples"):
        shard_paths(tmp_path)


def _fields(options: Options) -> dict:
    return {name: getattr(options, name) for name in Options.__slots__}
