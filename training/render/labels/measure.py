"""Measures the landmark map again: `python -m training.render.labels.measure --facekit PATH`.

MediaPipe detects the landmarks of plain heads from several sides, its points are carried back to the surface and
averaged, and the result is verified on other heads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.render.arrays import Array
from training.render.character.bodykit import load_bodykit
from training.render.character.character import Act, Character, Studio, Traits
from training.render.character.facekit import load_facekit
from training.render.character.parts import SKIN
from training.render.labels.joint_check import verify_bodies
from training.render.labels.landmarks import INNER_LIPS, MAP_FILE, MESH_POINTS, LandmarkMap, eye_distance
from training.render.raster.shading import Light
from training.render.scene.motion_tracks import Mood, Names, random_track
from training.render.scene.scene import Camera, Lens, Scene, Shot


def _view(character: Character, act: Act, rng: np.random.Generator, size: int = 512) -> tuple[Shot, Camera]:
    camera = Camera(2 * 0.55 * 70 / 22.5, 70.0, 3.0, (0.0, -0.1))
    lens = Lens(0, 0, 0, np.ones(3, np.float32), 1.0)
    light = Light(np.array([[0.2, 0.4, 0.9, 0.6, 0.6, 0.6]], np.float32), np.full(6, 0.45, np.float32))
    background = np.full((size, size, 3), 0.6, np.float32)
    return Scene(camera, light, background, lens, size).shoot(character, act, rng), camera


def measure(studio: Studio, heads: int, seed: int) -> LandmarkMap:
    """Measure the map with MediaPipe on `heads` random heads.

    First each point is carried back to the surface and averaged over views of a half-open mouth (which keeps the lips
    apart); then it moves to the place nearby that follows MediaPipe's point best over random poses and expressions.
    """
    from training.render.labels.tracker import FaceReader  # noqa: PLC0415  (mediapipe takes seconds to import)

    kit = studio.kit
    names = Names(kit.expression_names)
    jaw = 0.5 * studio.expression[kit.expression_index("jawOpen")].reshape(-1, 3)
    space = studio.base + jaw  # lips apart: where places are averaged
    sums, total = np.zeros((MESH_POINTS, 3)), np.zeros((MESH_POINTS, 1))
    seen, said = [], []
    with FaceReader() as reader:
        for n in range(heads):
            rng = np.random.default_rng([seed, n])
            character = Character(studio, rng, Traits("skin", "bald", 0.0, 0.0, False, False, spread=0.7))
            for yaw, pitch in ((0, 0), (0.25, 0), (-0.25, 0), (0.5, 0), (-0.5, 0), (0, 0.25), (0, -0.25)):
                act = Act()
                act.head = np.array([pitch, yaw, 0], np.float32)
                act.expression[kit.expression_index("jawOpen")] = rng.uniform(0.2, 0.7)
                shot, _ = _view(character, act, rng)
                found = reader.read(shot.image)
                if found is not None:
                    _carry_back(studio, shot, found, space, sums, total)
            track = random_track(rng, 100, names, Mood(0.9, 0.8, 0.9, 0.5, 0.5, 0.0))
            for frame in range(0, 100, 17):
                shot, _ = _view(character, track.act(frame), rng)
                found = reader.read(shot.image)
                if found is not None:
                    side = shot.hits.triangle.shape[0]
                    seen.append(shot.screen[: len(studio.used), :2] * 2 / side - 1)
                    said.append(found[:MESH_POINTS, :2])
    return _refine(studio, space, sums / np.maximum(total, 1e-6), np.array(seen), np.array(said))


def _refine(studio: Studio, space: Array, places: Array, seen: Array, said: Array) -> LandmarkMap:
    """places (468, 3) first guesses in `space`; seen (N, V, 2) canvas places of the vertices, said (N, 468, 2)."""
    faces = studio.faces[studio.label == SKIN]
    points = np.unique(faces)
    point_tree, face_tree = cKDTree(space[points]), cKDTree(space[faces].mean(1))
    steps = 4
    grid = np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]) / steps
    scale = np.array([eye_distance(s) for s in said])[:, None]

    def cost(where: Array, i: int) -> Array:
        """Mean gap (K,) of candidates (N, K, 2) to point i; a few wild views must not decide."""
        return np.minimum(np.linalg.norm(where - said[:, None, i], axis=-1) / scale, 0.25).mean(0)

    vertices, weights = np.zeros((MESH_POINTS, 3), np.int32), np.zeros((MESH_POINTS, 3), np.float32)
    for i, place in enumerate(places):
        reach = 0.35 if i in INNER_LIPS else 1.6  # lips stay on their side of the mouth
        near = points[point_tree.query_ball_point(place, reach) or [point_tree.query(place)[1]]]
        centre = space[near[cost(seen[:, near], i).argmin()]]
        around = faces[face_tree.query(centre, 16)[1]]
        corners = seen[:, around]  # (N, K, 3, 2)
        best = np.inf
        for weight in grid:
            costs = cost((corners * weight[:, None]).sum(2), i)
            k = int(costs.argmin())
            if costs[k] < best:
                best, vertices[i], weights[i] = float(costs[k]), studio.used[around[k]], weight
    return LandmarkMap(vertices, weights)


def _carry_back(
    studio: Studio, shot: Shot, found: Array, space: Array, sums: NDArray[np.float64], total: NDArray[np.float64]
) -> None:
    """Add each point's place on the surface to its sum; what the view shows at a grazing angle weighs little."""
    side = shot.hits.triangle.shape[0]
    label = np.where((shot.hits.triangle >= 0) & (shot.hits.triangle < len(studio.label)), shot.hits.triangle, -1)
    is_skin = (label >= 0) & (studio.label[label] == SKIN)
    rows, columns = np.nonzero(is_skin)
    tree = cKDTree(np.stack([columns + 0.5, rows + 0.5], 1))
    gap, nearest = tree.query((found[:MESH_POINTS, :2] + 1) * side / 2)
    triangle = shot.hits.triangle[rows[nearest], columns[nearest]]
    weight = shot.hits.weights[rows[nearest], columns[nearest]]
    weight = np.concatenate([weight, 1 - weight.sum(1, keepdims=True)], 1)
    corners = studio.faces[triangle]
    place = (space[corners] * weight[..., None]).sum(1)
    a, b, c = (shot.screen[corners[:, i], :2] for i in range(3))
    seen = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
    p, q, r = (space[corners[:, i]] for i in range(3))
    facing = seen / (np.linalg.norm(np.cross(q - p, r - p), axis=1) + 1e-9)
    facing = facing / np.percentile(facing, 95)
    trust = np.clip(facing, 0.02, 1) ** 2 * np.exp(-gap / 6)
    sums += place * trust[:, None]
    total += trust[:, None]


def verify(studio: Studio, landmark_map: LandmarkMap, heads: int, seed: int) -> dict[str, float]:
    """Mean error on other heads, poses and lights, in % of the eye distance, and how often MediaPipe finds no face."""
    from training.render.labels.tracker import FaceReader  # noqa: PLC0415

    names = Names(studio.kit.expression_names)
    errors, misses, depth = [], 0, []
    with FaceReader() as reader:
        for n in range(heads):
            rng = np.random.default_rng([seed, n])
            character = Character(studio, rng, Traits("skin", None, 0.0, 0.0, False, False))
            act = random_track(rng, 1, names).act(0)
            shot, camera = _view(character, act, rng)
            found = reader.read(shot.image)
            if found is None:
                misses += 1
                continue
            true = landmark_map.face(character, act, camera)
            scale = 100 / eye_distance(true)
            errors.append(np.linalg.norm(found[:, :2] - true[:, :2], axis=1) * scale)
            depth.append(np.abs(found[:, 2] - found[:MESH_POINTS, 2].mean() - true[:, 2]) * scale)
    table = np.array(errors)
    return {
        "mean": float(table[:, :MESH_POINTS].mean()),
        "iris": float(table[:, MESH_POINTS:].mean()),
        "lips": float(table[:, list(INNER_LIPS)].mean()),
        "depth": float(np.mean(depth)),
        "misses": misses / heads,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure where MediaPipe's face points lie on the face model.")
    parser.add_argument("--facekit", required=True, type=Path, help="ict_facekit.npz")
    parser.add_argument("--heads", type=int, default=24, help="heads to measure on (default 24)")
    parser.add_argument("--verify-only", action="store_true", help="only verify the stored map")
    parser.add_argument("--bodykit", type=Path, help="also verify joints and hands on bodies: makehuman_base.npz")
    arguments = parser.parse_args()
    studio = Studio(load_facekit(arguments.facekit))
    if not arguments.verify_only:
        result = measure(studio, arguments.heads, 1)
        np.savez_compressed(MAP_FILE, vertices=result.vertices.astype(np.uint16), weights=result.weights)
    for name, value in verify(studio, LandmarkMap.load(), 40, 2).items():
        print(f"{name:12s} {value:.3f}")
    if arguments.bodykit is not None:
        studio = Studio(studio.kit, load_bodykit(arguments.bodykit))
        for name, value in verify_bodies(studio, LandmarkMap.load(), 40, 3).items():
            print(f"{name:12s} {value:.3f}")


if __name__ == "__main__":
    main()
