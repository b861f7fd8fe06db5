"""Labels, coverage and flow in torch against numba."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.devices import CUDA
from tests.support.meshes import SIDE, MeshBatch, RandomMesh
from training.render.raster import device_flow, device_supersampling, raster, supersampling
from training.render.raster.flow import backward_flow
from training.render.scene.scene import SCALE

every_device = pytest.mark.parametrize("device", ["cpu", CUDA])


@every_device
def test_device_labels_coverage_and_flow_match_numba(device):
    batch = MeshBatch(device)
    hits, exact = batch.rasterise(), batch.numba_hits()
    label = device_supersampling.labels(hits, batch.surfaces.label, batch.character, SCALE)
    matte = device_supersampling.coverage(hits, SCALE)
    first = [
        supersampling.labels(one, batch.meshes[n].label, SCALE) for one, n in zip(exact, batch.owners, strict=True)
    ]
    for n in range(5):
        assert (label[n].cpu().numpy() == first[n]).mean() >= 0.998
        assert (matte[n].cpu().numpy() == supersampling.coverage(exact[n], SCALE)).mean() >= 0.998
    target, reference = [2, 3, 4, 1], [0, 1, 3, 1]
    flow, visible, majority = device_flow.backward_flow(
        hits, batch.surfaces, batch.character, batch.screen, torch.tensor(target, device=device),
        torch.tensor(reference, device=device), SCALE,
    )  # fmt: skip
    assert torch.equal(majority, label)
    for n, (t, r) in enumerate(zip(target, reference, strict=True)):
        mesh = batch.meshes[batch.owners[t]]
        wanted, seen, _ = backward_flow(
            exact[t], mesh.surface.faces, mesh.label, batch.screens[t], batch.screens[r], exact[r], first[r], SCALE
        )
        known = _in_front(exact[t], mesh, batch.screens[r])
        gap = np.abs(flow[n].cpu().numpy() - wanted).max(0)[known]
        assert (gap < 1e-3).mean() >= 0.998
        assert (np.abs(visible[n].cpu().numpy() - seen)[known] < 0.01).mean() >= 0.998
        assert (t == r) or 0.02 < seen[known].mean() < 1


def _in_front(hits: raster.Hits, mesh: RandomMesh, reference: np.ndarray) -> np.ndarray:
    """Pixels whose surface stands before the reference's camera too; elsewhere there is no truth."""
    behind = (reference[mesh.surface.faces, 2] <= 0).any(1)
    bad = (hits.triangle >= 0) & behind[hits.triangle]
    return ~bad.reshape(SIDE // SCALE, SCALE, -1, SCALE).any((1, 3))
