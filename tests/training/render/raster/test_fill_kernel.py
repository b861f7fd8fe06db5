"""The depth test's backends, and all Triton twins of the rasteriser against torch."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from tests.support.meshes import SIDE, MeshBatch
from training.render.raster import device_flow, device_raster, device_shading, fill_kernel
from training.render.scene.scene import SCALE

# What a program of each kernel draws. The interpreter, which runs one program after the other, takes as long for an
# operation on few numbers as on many.
INTERPRETED_BLOCKS = {
    "fill_kernel._BLOCK_SIZE": 16384,
    "flow_triton.BLOCK": 4096,
    "raster_triton.BLOCK": 4096,
    "shading_triton.BLOCK": 4096,
}


def test_unknown_or_unavailable_backend_is_refused():
    with pytest.raises(ValueError, match="backend must be one of auto, reference, triton, got 'magic'"):
        fill_kernel.choose_backend(torch.device("cpu"), "magic")
    if os.environ.get("TRITON_INTERPRET") != "1":
        with pytest.raises(ValueError, match="Triton cannot draw on cpu"):
            fill_kernel.choose_backend(torch.device("cpu"), "triton")


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed (extra `cuda`)")
def test_triton_interpreted_matches_torch(monkeypatch: pytest.MonkeyPatch):
    """In its own process, because the interpreter is chosen when triton is imported."""
    if os.environ.get("TRITON_INTERPRET") != "1":
        environment = os.environ | {"TRITON_INTERPRET": "1"}
        name = "test_triton_interpreted_matches_torch"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::{name}"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr
        return
    for name, size in INTERPRETED_BLOCKS.items():
        monkeypatch.setattr(f"training.render.raster.{name}", size)
    _compare_backends("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available() or find_spec("triton") is None, reason="no CUDA device or no triton")
def test_triton_matches_torch():
    _compare_backends("cuda")


def _compare_backends(device: str) -> None:
    batch = MeshBatch(device)
    assert fill_kernel.choose_backend(torch.device(device), "triton") == "triton"
    reference, triton = (
        device_raster.rasterise(batch.screen, batch.surfaces.faces, batch.character, SIDE, backend=backend)
        for backend in ("reference", "triton")
    )
    same = reference.triangle == triton.triangle
    assert same.float().mean() > 0.9995
    torch.testing.assert_close(reference.inverse_depth[same], triton.inverse_depth[same], rtol=1e-4, atol=0)
    # The position on a triangle that is seen edge-on is ill-defined.
    assert ((reference.weights - triton.weights).abs().amax(-1)[same] < 1e-3).float().mean() > 0.9999
    normals = device_raster.normals(batch.vertices, batch.surfaces.faces, batch.character)
    drawn = [
        device_shading.shade(
            reference, batch.surfaces, batch.character, batch.vertices, normals, batch.brightness, batch.eye,
            batch.lights, backend,
        )
        for backend in ("reference", "triton")
    ]  # fmt: skip
    assert ((drawn[0] - drawn[1]).abs().amax(-1) < 1e-3).float().mean() > 0.9999
    target, other = torch.tensor([[2, 0], [3, 1], [4, 3], [1, 1]], device=device).unbind(1)  # columns: not contiguous
    moved = [
        device_flow.backward_flow(
            reference, batch.surfaces, batch.character, batch.screen, target, other, SCALE, backend=backend
        )
        for backend in ("reference", "triton")
    ]
    for by_torch, by_kernel in zip(*moved, strict=True):
        gap = (by_torch.float() - by_kernel.float()).abs()
        assert ((gap < 1e-3) | (gap < 1e-3 * by_torch.abs())).float().mean() > 0.999
