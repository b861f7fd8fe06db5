"""Measures the landmark map again: `python -m training.render.labels.measure --facekit PATH`.

MediaPipe detects the landmarks of plain heads from several sides, the points are projected back to the surface and
averaged, and the result is verified on other heads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.geometry.topology import INNER_LIPS, MESH
from training.render.arrays import Array
from training.render.character.act import Act
from training.render.character.bodykit import load_bodykit
from training.render.character.character import Character, Traits
from training.render.character.facekit import load_facekit
from training.render.character.parts import SKIN
from training.render.character.studio import Studio
from training.render.labels.joint_check import joint_errors
from training.render.labels.landmarks import MAP_FILE, LandmarkMap, eye_distance
from training.render.raster.shading import Light
from training.render.scene.motion_tracks import ExpressionIndex, Mood, random_track
from training.render.scene.scene import Camera, Lens, RenderedFrame, Scene


def _render_view(
    character: Character, act: Act, rng: np.random.Generator, size: int = 512
) -> tuple[RenderedFrame, Camera]:
    camera = Camera(2 * 0.55 * 70 / 22.5, 70.0, 3.0, (0.0, -0.1))
    lens = Lens(0, 0, 0, np.ones(3, np.float32), 1.0)
    light = Light(np.array([[0.2, 0.4, 0.9, 0.6, 0.6, 0.6]], np.float32), np.full(6, 0.45, np.float32))
    background = np.full((size, size, 3), 0.6, np.float32)
    return Scene(camera, light, background, lens, size).render(character, act, rng), camera


def measure_map(studio: Studio, heads: int, seed: int) -> LandmarkMap:
    """Measure the map with MediaPipe on `heads` random heads.

    First each landmark is projected back to the surface and averaged over views of a half-open mouth, which keeps the
    lips apart. Then it moves to the nearby position that follows MediaPipe's landmark best over random poses and
    expressions.
    """
    from training.render.labels.tracker import FaceReader  # noqa: PLC0415  (mediapipe takes seconds to import)

    kit = studio.kit
    names = ExpressionIndex(kit.expression_names)
    jaw = 0.5 * studio.expression[kit.expression_index("jawOpen")].reshape(-1, 3)
    base = studio.base + jaw  # with the lips apart, where positions are averaged
    sums, total = np.zeros((MESH, 3)), np.zeros((MESH, 1))
    seen, detections = [], []
    with FaceReader() as reader:
        for n in range(heads):
            rng = np.random.default_rng([seed, n])
            character = Character(studio, rng, Traits("skin", "bald", 0.0, 0.0, False, False, identity_spread=0.7))
            for yaw, pitch in ((0, 0), (0.25, 0), (-0.25, 0), (0.5, 0), (-0.5, 0), (0, 0.25), (0, -0.25)):
                act = Act()
                act.head = np.array([pitch, yaw, 0], np.float32)
                act.expression[kit.expression_index("jawOpen")] = rng.uniform(0.2, 0.7)
                shot, _ = _render_view(character, act, rng)
                detected = reader.read(shot.image)
                if detected is not None:
                    _accumulate_positions(studio, shot, detected, base, sums, total)
            track = random_track(rng, 100, names, Mood(0.9, 0.8, 0.9, 0.5, 0.5, 0.0))
            for frame in range(0, 100, 17):
                shot, _ = _render_view(character, track.act(frame), rng)
                detected = reader.read(shot.image)
                if detected is not None:
                    side = shot.hits.triangle.shape[0]
                    seen.append(shot.screen[: len(studio.used), :2] * 2 / side - 1)
                    detections.append(detected[:MESH, :2])
    return _refine(studio, base, sums / np.maximum(total, 1e-6), np.array(seen), np.array(detections))


def _refine(studio: Studio, base: Array, positions: Array, vertex_positions: Array, detections: Array) -> LandmarkMap:
    """Move landmarks to the nearby surface positions that follow MediaPipe's best.

    positions (468, 3): first estimate on `base`. vertex_positions (N, V, 2): canvas positions of the vertices in N
    views. detections (N, 468, 2): MediaPipe's landmarks there.
    """
    faces = studio.faces[studio.label == SKIN]
    points = np.unique(faces)
    point_tree, face_tree = cKDTree(base[points]), cKDTree(base[faces].mean(1))
    steps = 4
    grid = np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]) / steps
    scale = np.array([eye_distance(s) for s in detections])[:, None]

    def cost(projected: Array, i: int) -> Array:
        """Mean distance (K,) of candidates (N, K, 2) to landmark i, clipped against outliers."""
        return np.minimum(np.linalg.norm(projected - detections[:, None, i], axis=-1) / scale, 0.25).mean(0)

    vertices, weights = np.zeros((MESH, 3), np.int32), np.zeros((MESH, 3), np.float32)
    for i, position in enumerate(positions):
        radius = 0.35 if i in INNER_LIPS else 1.6  # lip landmarks stay on their side of the mouth
        candidates = points[point_tree.query_ball_point(position, radius) or [point_tree.query(position)[1]]]
        centre = base[candidates[cost(vertex_positions[:, candidates], i).argmin()]]
        triangles = faces[face_tree.query(centre, 16)[1]]
        corners = vertex_positions[:, triangles]  # (N, K, 3, 2)
        best = np.inf
        for weight in grid:
            costs = cost((corners * weight[:, None]).sum(2), i)
            k = int(costs.argmin())
            if costs[k] < best:
                best, vertices[i], weights[i] = float(costs[k]), studio.used[triangles[k]], weight
    return LandmarkMap(vertices, weights)


def _accumulate_positions(
    studio: Studio,
    shot: RenderedFrame,
    detected: Array,
    base: Array,
    sums: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add the surface position of each landmark to sums, and its weight to total, in place.

    The weight is small where the surface is seen at a grazing angle.
    """
    side = shot.hits.triangle.shape[0]
    label = np.where((shot.hits.triangle >= 0) & (shot.hits.triangle < len(studio.label)), shot.hits.triangle, -1)
    is_skin = (label >= 0) & (studio.label[label] == SKIN)
    rows, columns = np.nonzero(is_skin)
    tree = cKDTree(np.stack([columns + 0.5, rows + 0.5], 1))
    distance, nearest = tree.query((detected[:MESH, :2] + 1) * side / 2)
    triangle = shot.hits.triangle[rows[nearest], columns[nearest]]
    barycentric = shot.hits.weights[rows[nearest], columns[nearest]]
    barycentric = np.concatenate([barycentric, 1 - barycentric.sum(1, keepdims=True)], 1)
    corners = studio.faces[triangle]
    position = (base[corners] * barycentric[..., None]).sum(1)
    a, b, c = (shot.screen[corners[:, i], :2] for i in range(3))
    projected_area = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
    p, q, r = (base[corners[:, i]] for i in range(3))
    facing = projected_area / (np.linalg.norm(np.cross(q - p, r - p), axis=1) + 1e-9)
    facing = facing / np.percentile(facing, 95)
    weight = np.clip(facing, 0.02, 1) ** 2 * np.exp(-distance / 6)
    sums += position * weight[:, None]
    total += weight[:, None]


def verify_map(studio: Studio, landmark_map: LandmarkMap, heads: int, seed: int) -> dict[str, float]:
    """Mean errors on other heads, poses and lights, % of the eye distance, and the share of faces not detected."""
    from training.render.labels.tracker import FaceReader  # noqa: PLC0415

    names = ExpressionIndex(studio.kit.expression_names)
    errors, misses, depth = [], 0, []
    with FaceReader() as reader:
        for n in range(heads):
            rng = np.random.default_rng([seed, n])
            character = Character(studio, rng, Traits("skin", None, 0.0, 0.0, False, False))
            act = random_track(rng, 1, names).act(0)
            shot, camera = _render_view(character, act, rng)
            detected = reader.read(shot.image)
            if detected is None:
                misses += 1
                continue
            true = landmark_map.face(character, act, camera)
            scale = 100 / eye_distance(true)
            errors.append(np.linalg.norm(detected[:, :2] - true[:, :2], axis=1) * scale)
            depth.append(np.abs(detected[:, 2] - detected[:MESH, 2].mean() - true[:, 2]) * scale)
    table = np.array(errors)
    return {
        "mean": float(table[:, :MESH].mean()),
        "iris": float(table[:, MESH:].mean()),
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
        result = measure_map(studio, arguments.heads, 1)
        np.savez_compressed(MAP_FILE, vertices=result.vertices.astype(np.uint16), weights=result.weights)
    for name, value in verify_map(studio, LandmarkMap.load(), 40, 2).items():
        print(f"{name:12s} {value:.3f}")
    if arguments.bodykit is not None:
        studio = Studio(studio.kit, load_bodykit(arguments.bodykit))
        for name, value in joint_errors(studio, LandmarkMap.load(), 40, 3).items():
            print(f"{name:12s} {value:.3f}")


if __name__ == "__main__":
    main()
