"""The batched torch renderer against the CPU's: the same pictures, truth and landmarks, one by one and many at once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from tests.support.kits import BODYKIT, FACEKIT, needs_bodykit, needs_facekit
from training.render.raster import (
    device_flow,
    device_raster,
    device_shading,
    device_supersampling,
    fill_kernel,
    raster,
    shading,
    supersampling,
)
from training.render.raster.flow import backward_flow
from training.render.raster.shading import Light, Surface
from training.render.scene.scene import SCALE

SIDE = 96
cuda = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
)
every_device = pytest.mark.parametrize("device", ["cpu", cuda])


class Soup:
    """A random mesh: a few large triangles, many small ones, some behind the camera, outside or without area."""

    def __init__(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        middle = rng.uniform(-1.2, 1.2, (count, 1, 3)) * [6, 6, 4]
        corners = middle + rng.normal(0, 1, (count, 3, 3)) * rng.choice(
            [0.05, 0.3, 3.0], (count, 1, 1), p=[0.6, 0.3, 0.1]
        )
        self.vertices = corners.reshape(-1, 3).astype(np.float32)
        self.dark = rng.uniform(0.3, 1, len(self.vertices)).astype(np.float32)
        faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
        faces[0] = faces[0, 0]
        self.label = rng.integers(1, 6, count).astype(np.int32)
        table = np.stack(
            [rng.uniform(0, 1, 6), rng.uniform(0, 0.3, 6), rng.uniform(8, 120, 6), rng.uniform(0, 0.5, 6)], 1
        )
        height, width = rng.integers(20, 60, 2)
        self.surface = Surface(
            faces, faces, rng.uniform(-2, 62, (3 * count, 2)).astype(np.float32),
            rng.integers(0, 256, (height, width, 3), dtype=np.uint8), rng.integers(0, 6, count).astype(np.int32),
            table.astype(np.float32), int(seed % 3),
        )  # fmt: skip
        lights = rng.normal(0, 1, (1 + seed % 3, 6))
        lights[:, :3] /= np.linalg.norm(lights[:, :3], axis=1, keepdims=True)
        lights[:, 3:] = np.abs(lights[:, 3:]) * 0.4
        self.light = Light(lights.astype(np.float32), rng.uniform(0.2, 0.6, 6).astype(np.float32))
        self.eye = np.array([0, 0, 10], np.float32)

    def screen(self, vertices: np.ndarray) -> np.ndarray:
        z = 10 - vertices[:, 2]
        safe = np.where(z > 0.1, z, 1)
        x, y = (1 + 1.4 * vertices[:, 0] / safe) * SIDE / 2, (1 - 1.4 * vertices[:, 1] / safe) * SIDE / 2
        return np.stack([x, y, np.where(z > 6.5, 1 / safe, 0)], 1).astype(np.float32)

    def moved(self, frame: int) -> np.ndarray:
        return (self.vertices + np.float32([0.2, -0.1, 0.3]) * frame).astype(np.float32)


class Crowd:
    """Two soups of different size in five pictures, on a device and as numba draws them."""

    def __init__(self, device: str) -> None:
        self.soups = [Soup(1, 700), Soup(2, 1100)]
        self.who = [0, 1, 0, 1, 1]
        self.frames = [0, 0, 1, 1, 2]
        self.surfaces = device_shading.SurfaceBatch.pack(
            [s.surface for s in self.soups], [s.label for s in self.soups], device
        )
        self.character = torch.tensor(self.who, device=device)
        self.vertices = self.padded(
            [self.soups[n].moved(f) for n, f in zip(self.who, self.frames, strict=True)], device
        )
        self.screens = [
            self.soups[n].screen(self.soups[n].moved(f)) for n, f in zip(self.who, self.frames, strict=True)
        ]
        self.screen = self.padded(self.screens, device)
        self.dark = self.padded([self.soups[n].dark[:, None] for n in self.who], device)[..., 0]
        self.eye = torch.tensor(np.stack([self.soups[n].eye for n in self.who]), device=device)
        self.lights = device_shading.LightBatch.pack([self.soups[n].light for n in self.who], device)

    @staticmethod
    def padded(rows: list[np.ndarray], device: str) -> torch.Tensor:
        out = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), np.float32)
        for row, values in zip(out, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(out).to(device)

    def fill(self) -> device_raster.Hits:
        return device_raster.rasterise(self.screen, self.surfaces.faces, self.character, SIDE)

    def numba_hits(self) -> list[raster.Hits]:
        faces = [self.soups[n].surface.faces for n in self.who]
        return [raster.rasterise(screen, own, SIDE) for screen, own in zip(self.screens, faces, strict=True)]


@every_device
def test_fill_sees_the_same_triangles_and_weights_as_numba(device):
    crowd = Crowd(device)
    hits = crowd.fill()
    for n, expected in enumerate(crowd.numba_hits()):
        same = hits.triangle[n].cpu().numpy() == expected.triangle
        assert same.mean() >= 0.999 and 0.2 < (expected.triangle >= 0).mean() < 1
        weights, depth = hits.weights[n].cpu().numpy(), hits.inverse_depth[n].cpu().numpy()
        # A triangle seen edge-on has no place to speak of.
        assert (np.abs(weights - expected.weights).max(-1)[same] < 1e-3).mean() > 0.9999
        np.testing.assert_allclose(depth[same], expected.inverse_depth[same], rtol=1e-3)


@every_device
def test_backs_of_closed_surfaces_are_not_drawn(device):
    crowd = Crowd(device)
    closed = [300, 0]
    hits = device_raster.rasterise(
        crowd.screen, crowd.surfaces.faces, crowd.character, SIDE, torch.tensor(closed, device=device)
    )  # fmt: skip
    for n, (screen, who) in enumerate(zip(crowd.screens, crowd.who, strict=True)):
        expected = raster.rasterise(screen, crowd.soups[who].surface.faces, SIDE, closed[who])
        assert (hits.triangle[n].cpu().numpy() == expected.triangle).mean() >= 0.999


@every_device
def test_shading_is_numbas(device):
    crowd = Crowd(device)
    hits = crowd.fill()
    normals = device_raster.normals(crowd.vertices, crowd.surfaces.faces, crowd.character)
    drawn = device_shading.shade(
        hits, crowd.surfaces, crowd.character, crowd.vertices, normals, crowd.dark, crowd.eye, crowd.lights
    )  # fmt: skip
    for n, (who, frame, expected) in enumerate(zip(crowd.who, crowd.frames, crowd.numba_hits(), strict=True)):
        soup = crowd.soups[who]
        flat = raster.normals(soup.moved(frame), soup.surface.faces)
        np.testing.assert_allclose(normals[n, : len(flat)].cpu(), flat, atol=2e-3)
        canvas = np.zeros((SIDE, SIDE, 3), np.float32)
        shading.shade(expected, soup.surface, soup.moved(frame), soup.dark, soup.eye, soup.light, canvas)
        same = hits.triangle[n].cpu().numpy() == expected.triangle
        gap = np.abs(drawn[n].cpu().numpy() - canvas).max(-1)[same]
        assert (gap < 2 / 255).mean() > 0.999
        assert (drawn[n].cpu().numpy()[expected.triangle < 0] == 0).all()


@every_device
def test_labels_coverage_flow_and_visibility_are_numbas(device):
    crowd = Crowd(device)
    hits, exact = crowd.fill(), crowd.numba_hits()
    label = device_supersampling.labels(hits, crowd.surfaces.label, crowd.character, SCALE)
    matte = device_supersampling.coverage(hits, SCALE)
    first = [supersampling.labels(one, crowd.soups[n].label, SCALE) for one, n in zip(exact, crowd.who, strict=True)]
    for n in range(5):
        assert (label[n].cpu().numpy() == first[n]).mean() >= 0.998
        assert (matte[n].cpu().numpy() == supersampling.coverage(exact[n], SCALE)).mean() >= 0.998
    target, reference = [2, 3, 4, 1], [0, 1, 3, 1]
    flow, visible, majority = device_flow.backward_flow(
        hits, crowd.surfaces, crowd.character, crowd.screen, torch.tensor(target, device=device),
        torch.tensor(reference, device=device), SCALE,
    )  # fmt: skip
    assert torch.equal(majority, label)
    for n, (t, r) in enumerate(zip(target, reference, strict=True)):
        soup = crowd.soups[crowd.who[t]]
        wanted, seen, _ = backward_flow(
            exact[t], soup.surface.faces, soup.label, crowd.screens[t], crowd.screens[r], exact[r], first[r], SCALE
        )
        known = _in_front(exact[t], soup, crowd.screens[r])
        gap = np.abs(flow[n].cpu().numpy() - wanted).max(0)[known]
        assert (gap < 1e-3).mean() >= 0.998
        assert (np.abs(visible[n].cpu().numpy() - seen)[known] < 0.01).mean() >= 0.998
        assert (t == r) or 0.02 < seen[known].mean() < 1


def _in_front(hits: raster.Hits, soup: Soup, reference: np.ndarray) -> np.ndarray:
    """Pixels whose surface stands before the reference's camera too; elsewhere there is no truth."""
    behind = (reference[soup.surface.faces, 2] <= 0).any(1)
    bad = (hits.triangle >= 0) & behind[hits.triangle]
    return ~bad.reshape(SIDE // SCALE, SCALE, -1, SCALE).any((1, 3))


@every_device
def test_many_pictures_are_the_single_ones_and_chunks_do_not_show(device, monkeypatch):
    crowd = Crowd(device)
    whole = crowd.fill()
    monkeypatch.setattr(device_raster, "CHUNK_SAMPLES", {"cpu": 2000, "cuda": 2000})
    chunked = crowd.fill()
    for n in range(5):
        own = crowd.surfaces.faces[crowd.who[n]][None]
        alone = device_raster.rasterise(
            crowd.screen[n : n + 1], own, torch.zeros(1, dtype=torch.long, device=device), SIDE
        )
        for one, many, bits in zip(_parts(alone), _parts(whole), _parts(chunked), strict=True):
            assert torch.equal(one[0], many[n]) and torch.equal(many, bits)


def _parts(hits: device_raster.Hits) -> list[torch.Tensor]:
    return [hits.triangle, hits.weights, hits.inverse_depth]


@every_device
def test_nothing_to_draw_is_an_empty_picture(device):
    points = torch.tensor([[[0, 0, -1], [9, 0, 1], [0, 9, 1]]], dtype=torch.float32, device=device)
    faces = torch.tensor([[[0, 1, 2]]], dtype=torch.int32, device=device)
    hits = device_raster.rasterise(points, faces, torch.zeros(1, dtype=torch.long, device=device), 8)
    assert (hits.triangle == -1).all() and (hits.inverse_depth == 0).all() and (hits.weights == 0).all()


def test_an_unknown_or_impossible_backend_is_refused():
    with pytest.raises(ValueError, match="backend must be one of auto, reference, triton, got 'magic'"):
        fill_kernel.choose_backend(torch.device("cpu"), "magic")
    if os.environ.get("TRITON_INTERPRET") != "1":
        with pytest.raises(ValueError, match="Triton cannot draw on cpu"):
            fill_kernel.choose_backend(torch.device("cpu"), "triton")


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed (extra `cuda`)")
def test_the_triton_kernel_interpreted_draws_what_torch_draws():
    """In its own process, because the interpreter is chosen when triton is imported."""
    if os.environ.get("TRITON_INTERPRET") != "1":
        environment = os.environ | {"TRITON_INTERPRET": "1"}
        name = "test_the_triton_kernel_interpreted_draws_what_torch_draws"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::{name}"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr
        return
    _compare_backends("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available() or find_spec("triton") is None, reason="no CUDA device or no triton")
def test_the_triton_kernel_draws_what_torch_draws():
    _compare_backends("cuda")


def _compare_backends(device: str) -> None:
    crowd = Crowd(device)
    assert fill_kernel.choose_backend(torch.device(device), "triton") == "triton"
    reference, triton = (
        device_raster.rasterise(crowd.screen, crowd.surfaces.faces, crowd.character, SIDE, backend=backend)
        for backend in ("reference", "triton")
    )
    same = reference.triangle == triton.triangle
    assert same.float().mean() > 0.9995
    torch.testing.assert_close(reference.inverse_depth[same], triton.inverse_depth[same], rtol=1e-4, atol=0)
    # A triangle seen edge-on has no place to speak of.
    assert ((reference.weights - triton.weights).abs().amax(-1)[same] < 1e-3).float().mean() > 0.9999
    normals = device_raster.normals(crowd.vertices, crowd.surfaces.faces, crowd.character)
    drawn = [
        device_shading.shade(
            reference, crowd.surfaces, crowd.character, crowd.vertices, normals, crowd.dark, crowd.eye, crowd.lights,
            backend,
        )
        for backend in ("reference", "triton")
    ]  # fmt: skip
    assert ((drawn[0] - drawn[1]).abs().amax(-1) < 1e-3).float().mean() > 0.9999
    target, other = torch.tensor([[2, 0], [3, 1], [4, 3], [1, 1]], device=device).unbind(1)  # columns: not contiguous
    moved = [
        device_flow.backward_flow(
            reference, crowd.surfaces, crowd.character, crowd.screen, target, other, SCALE, backend=backend
        )
        for backend in ("reference", "triton")
    ]
    for by_torch, by_kernel in zip(*moved, strict=True):
        gap = (by_torch.float() - by_kernel.float()).abs()
        assert ((gap < 1e-3) | (gap < 1e-3 * by_torch.abs())).float().mean() > 0.999


@pytest.fixture(scope="module")
def people():
    """Two characters, one drawn with outlines, and a scene and acts for each."""
    from training.render.character.character import Character, Traits  # noqa: PLC0415
    from training.render.character.facekit import load_facekit  # noqa: PLC0415
    from training.render.character.studio import Studio  # noqa: PLC0415
    from training.render.scene.motion_tracks import ExpressionIndex, random_track  # noqa: PLC0415
    from training.render.scene.scene import random_scene  # noqa: PLC0415

    studio = Studio(load_facekit(FACEKIT))
    names = ExpressionIndex(studio.kit.expression_names)
    rows = []
    for n, style in enumerate(("skin", "line")):
        rng = np.random.default_rng([3, n])
        character = Character(studio, rng, Traits(style, "long" if n else "short", beard=n == 0, glasses=True))
        scene = random_scene(rng, 128)
        lens = replace(scene.lens, noise=0.0, jpeg_quality=0, blur=0.6 * n, saturation=1.0 - 0.3 * n, haze=0.1 * n)
        scene = replace(scene, lens=lens, shadow=0.5)
        track = random_track(rng, 40, names)
        rows += [(character, scene, track.act(frame)) for frame in (0, 39)]
    return rows


@needs_facekit
@pytest.mark.timeout(600)  # on a machine that does something else besides
@every_device
def test_real_characters_are_shot_as_the_cpu_shoots_them(people, device):
    from training.render.device.device_scene import render_many  # noqa: PLC0415
    from training.render.labels.landmarks import LandmarkMap  # noqa: PLC0415

    characters, scenes, acts = (list(column) for column in zip(*people, strict=True))
    shots = render_many(characters, acts, scenes, device)
    assert {one.device.type for one in (shots.image, shots.matte, shots.label, shots.face, shots.body)} == {device}
    rng, landmarks = np.random.default_rng(0), LandmarkMap.load()
    for n, (character, scene, act) in enumerate(people):
        shot = scene.render(character, act, rng)
        same = shots.hits.triangle[n].cpu().numpy() == shot.hits.triangle
        assert same.mean() >= 0.999
        np.testing.assert_allclose(shots.screen[n, : len(shot.screen)].cpu(), shot.screen, atol=5e-3)
        assert (np.abs(shots.hits.weights[n].cpu().numpy() - shot.hits.weights).max(-1)[same] < 5e-3).mean() > 0.999
        gap = np.abs(shots.image[n].permute(1, 2, 0).cpu().numpy().astype(int) - shot.image).max(-1)
        assert (gap <= 2).mean() >= 0.997
        assert (shots.label[n].cpu().numpy() == shot.label).mean() >= 0.998
        assert (np.abs(shots.matte[n].cpu().numpy() - shot.matte) < 1e-3).mean() >= 0.998
        face = landmarks.face(character, act, scene.camera)
        np.testing.assert_allclose(shots.face[n].cpu(), face, atol=1e-4)
        np.testing.assert_allclose(shots.body[n].cpu(), landmarks.body(character, act, scene.camera, face), atol=2e-4)


@needs_facekit
def test_one_scene_serves_all_acts_and_wrong_lengths_are_refused(people):
    from training.render.device.device_scene import render_many  # noqa: PLC0415

    character, scene, act = people[0]
    both = render_many(character, [act, act], scene, "cpu")
    assert torch.equal(both.image[0], both.image[1])
    with pytest.raises(ValueError, match="3 characters and 2 scenes do not go with 2 acts"):
        render_many([character] * 3, [act, act], scene, "cpu")


@needs_facekit
@needs_bodykit
@pytest.mark.timeout(600)
@every_device
def test_a_whole_body_and_its_hands_are_where_the_cpu_has_them(device):
    from training.render.character.bodykit import load_bodykit  # noqa: PLC0415
    from training.render.character.character import Character, Traits  # noqa: PLC0415
    from training.render.character.facekit import load_facekit  # noqa: PLC0415
    from training.render.character.studio import Studio  # noqa: PLC0415
    from training.render.device.device_scene import render_many  # noqa: PLC0415
    from training.render.labels.landmarks import LandmarkMap  # noqa: PLC0415
    from training.render.scene.motion_tracks import ExpressionIndex, random_track  # noqa: PLC0415
    from training.render.scene.scene import body_camera, random_scene  # noqa: PLC0415

    studio = Studio(load_facekit(FACEKIT), load_bodykit(BODYKIT))
    rng, landmarks = np.random.default_rng(9), LandmarkMap.load()
    character = Character(studio, rng, Traits("skin", "short"))
    scene = replace(random_scene(rng, 128), camera=body_camera(rng, 14.5 - character.body.floor, whole=True))
    track = random_track(rng, 50, ExpressionIndex(studio.kit.expression_names))
    acts = [track.act(frame) for frame in (0, 30)]
    shots = render_many(character, acts, scene, device)
    for n, act in enumerate(acts):
        shot = scene.render(character, act, rng)
        np.testing.assert_allclose(shots.screen[n].cpu(), shot.screen, atol=5e-3)
        assert (shots.hits.triangle[n].cpu().numpy() == shot.hits.triangle).mean() >= 0.999
        face = landmarks.face(character, act, scene.camera)
        np.testing.assert_allclose(shots.body[n].cpu(), landmarks.body(character, act, scene.camera, face), atol=2e-4)
        hands = landmarks.hands(character, act, scene.camera, shot.hits)
        np.testing.assert_allclose(shots.hands[n].cpu(), hands, atol=2e-4)
