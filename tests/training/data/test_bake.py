"""Baked samples: guidance, batches and shards."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.shifted_sample import shifted_sample
from tests.support.small_training import one_batch
from training.data.bake import Baked, as_batch, bake, shard_paths
from training.data.impostor import Impostor


def test_baked_guidance_of_a_moved_head_is_its_true_flow(sample: dict[str, np.ndarray]) -> None:
    baked = bake(as_batch(sample))
    centre = (slice(None), slice(None), slice(None), slice(50, 78), slice(50, 78))
    assert torch.allclose(baked.maps[:, :, :2][centre], baked.flow[centre], atol=0.02)
    assert float(baked.visible.min()) > 0.99
    assert baked.truth.shape == (1, 2, 3, 256, 256)


def test_shard_round_trip_keeps_the_samples(sample: dict[str, np.ndarray], data: Path) -> None:
    batch, init_network = one_batch(data), bake(as_batch(sample))
    assert torch.allclose(batch.picture[:1], init_network.picture, atol=3e-3)
    assert torch.allclose(batch.maps[:1], init_network.maps, atol=3e-3)
    assert torch.equal(batch.label[:1], init_network.label)
    assert batch.style.tolist() == [2, 2]


def test_shard_paths_reports_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no baked samples"):
        shard_paths(tmp_path)


def test_bake_of_a_batch_matches_single_samples() -> None:
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


def test_limbs_are_no_part_of_the_baked_body() -> None:
    sample, joints = shifted_sample([0]), np.zeros((33, 4), np.float32)
    for left, x, y in ((11, 0.5, 0.5), (13, 0.75, 0.5), (15, 0.95, 0.5), (17, 0.98, 0.5), (19, 0.98, 0.5)):
        joints[left], joints[left + 1] = (x, y, 0, 1), (-x, y, 0, 1)
    joints[[23, 24]] = (0.2, 0.9, 0, 1), (-0.2, 0.9, 0, 1)
    sample["ref_matte"][:, 184:200] = 255  # both arms
    sample |= {"ref_body": joints, "target_body": joints[None]}
    limbs = {"ref_limb_shown": np.float32([1, 1, 0, 0]), "ref_limb_radii": np.full((4, 38, 2), 0.06, np.float32)}
    elbows = (slice(None), 3, 192, [32, 223])
    assert float(bake(as_batch(sample)).body[elbows].min()) > 0.9
    assert float(bake(as_batch(sample | limbs)).body[elbows].max()) < 0.1
