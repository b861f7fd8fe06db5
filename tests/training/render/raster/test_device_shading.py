"""`device_shading` in torch against `shading` in numba."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.devices import CUDA
from tests.support.meshes import SIDE, MeshBatch
from training.render.raster import device_raster, device_shading, raster, shading

every_device = pytest.mark.parametrize("device", ["cpu", CUDA])


@every_device
def test_device_shading_matches_numba(device):
    batch = MeshBatch(device)
    hits = batch.rasterise()
    normals = device_raster.normals(batch.vertices, batch.surfaces.faces, batch.character)
    drawn = device_shading.shade(
        hits, batch.surfaces, batch.character, batch.vertices, normals, batch.brightness, batch.eye, batch.lights
    )  # fmt: skip
    for n, (who, frame, expected) in enumerate(zip(batch.owners, batch.frames, batch.numba_hits(), strict=True)):
        mesh = batch.meshes[who]
        flat = raster.normals(mesh.moved(frame), mesh.surface.faces)
        np.testing.assert_allclose(normals[n, : len(flat)].cpu(), flat, atol=2e-3)
        canvas = np.zeros((SIDE, SIDE, 3), np.float32)
        shading.shade(expected, mesh.surface, mesh.moved(frame), mesh.brightness, mesh.eye, mesh.light, canvas)
        same = hits.triangle[n].cpu().numpy() == expected.triangle
        gap = np.abs(drawn[n].cpu().numpy() - canvas).max(-1)[same]
        assert (gap < 2 / 255).mean() > 0.999
        assert (drawn[n].cpu().numpy()[expected.triangle < 0] == 0).all()
