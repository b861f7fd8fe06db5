"""`device_raster` in torch against `raster` in numba, for single meshes and batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.devices import CUDA
from tests.support.meshes import SIDE, MeshBatch
from training.render.raster import device_raster, raster

every_device = pytest.mark.parametrize("device", ["cpu", CUDA])


@every_device
def test_device_raster_matches_numba(device):
    batch = MeshBatch(device)
    hits = batch.rasterise()
    for n, expected in enumerate(batch.numba_hits()):
        same = hits.triangle[n].cpu().numpy() == expected.triangle
        assert same.mean() >= 0.999 and 0.2 < (expected.triangle >= 0).mean() < 1
        weights, depth = hits.weights[n].cpu().numpy(), hits.inverse_depth[n].cpu().numpy()
        # The position on a triangle that is seen edge-on is ill-defined.
        assert (np.abs(weights - expected.weights).max(-1)[same] < 1e-3).mean() > 0.9999
        np.testing.assert_allclose(depth[same], expected.inverse_depth[same], rtol=1e-3)


@every_device
def test_device_raster_culls_back_faces_of_one_sided_triangles(device):
    batch = MeshBatch(device)
    closed = [300, 0]
    hits = device_raster.rasterise(
        batch.screen, batch.surfaces.faces, batch.character, SIDE, torch.tensor(closed, device=device)
    )  # fmt: skip
    for n, (screen, who) in enumerate(zip(batch.screens, batch.owners, strict=True)):
        expected = raster.rasterise(screen, batch.meshes[who].surface.faces, SIDE, closed[who])
        assert (hits.triangle[n].cpu().numpy() == expected.triangle).mean() >= 0.999


@every_device
def test_device_raster_is_independent_of_batching_and_chunks(device, monkeypatch):
    batch = MeshBatch(device)
    whole = batch.rasterise()
    monkeypatch.setattr(device_raster, "CHUNK_SAMPLES", {"cpu": 2000, "cuda": 2000})
    chunked = batch.rasterise()
    for n in range(5):
        own = batch.surfaces.faces[batch.owners[n]][None]
        alone = device_raster.rasterise(
            batch.screen[n : n + 1], own, torch.zeros(1, dtype=torch.long, device=device), SIDE
        )
        for one, many, bits in zip(_parts(alone), _parts(whole), _parts(chunked), strict=True):
            assert torch.equal(one[0], many[n]) and torch.equal(many, bits)


def _parts(hits: device_raster.Hits) -> list[torch.Tensor]:
    return [hits.triangle, hits.weights, hits.inverse_depth]


@every_device
def test_device_raster_of_nothing_is_background(device):
    points = torch.tensor([[[0, 0, -1], [9, 0, 1], [0, 9, 1]]], dtype=torch.float32, device=device)
    faces = torch.tensor([[[0, 1, 2]]], dtype=torch.int32, device=device)
    hits = device_raster.rasterise(points, faces, torch.zeros(1, dtype=torch.long, device=device), 8)
    assert (hits.triangle == -1).all() and (hits.inverse_depth == 0).all() and (hits.weights == 0).all()
