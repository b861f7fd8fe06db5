"""From the mesh to MediaPipe's 478 face points and 33 body joints: a fixed map, measured on renders.

`python -m training.render.labels.landmarks --facekit PATH` measures the map again: MediaPipe looks at plain heads from
several
sides, its points are carried back to the surface and averaged, and the result is verified on other heads.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.render.character.body import HAND_POINTS
from training.render.character.bodykit import load_bodykit
from training.render.character.character import Act, Character, Studio, Traits
from training.render.character.facekit import load_facekit
from training.render.character.parts import ELBOW, SHOULDER, SKIN
from training.render.raster.raster import Array, Hits, Ints
from training.render.scene.motion_tracks import Mood, Names, random_track
from training.render.scene.scene import Camera, Lens, Light, Scene, Shot

MAP_FILE = Path(__file__).with_name("landmarks.npz")
MESH_POINTS = 468
POINTS = 478
JOINTS = 33
HAND_THICK = 3.5  # cm: what is nearer than this before a point of the hand is the hand itself
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)  # corners
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
# Body joints that are face points: nose, eyes (inner, centre, outer), ears, mouth corners (left before right).
FACE_JOINTS = {0: 1, 1: 362, 2: 473, 3: 263, 4: 133, 5: 468, 6: 33, 9: 308, 10: 78}


def eye_distance(face: Array) -> float:
    """Distance between the middles of the eye corners of face points (478, ≥2)."""
    right = (face[RIGHT_EYE[0], :2] + face[RIGHT_EYE[1], :2]) / 2
    left = (face[LEFT_EYE[0], :2] + face[LEFT_EYE[1], :2]) / 2
    return float(np.linalg.norm(left - right))


def ears_at_rest(character: Character) -> Array:
    """Left and right ear (2, 3) at rest."""
    ear = character.neutral[np.abs(character.studio.base[:, 0]).argmax()]
    return np.stack([ear * [sign * np.sign(ear[0]), 1, 1] for sign in (1, -1)]).astype(np.float32)


def joints_at_rest(character: Character) -> Array:
    """Joints (33, 3) of a bust in the rest frame; the first eleven move with the head, the others with the bust."""
    wide = np.array([character.wide, 1, 1])
    joints = np.zeros((JOINTS, 3))
    mirror = np.array([-1, 1, 1])
    joints[7:9] = ears_at_rest(character)
    joints[11], joints[13] = SHOULDER * wide, ELBOW * wide
    joints[15] = joints[13] + [2, -22, 8]
    joints[17], joints[19], joints[21] = joints[15] + [0, -7, 2], joints[15] + [0, -8, 2], joints[15] + [-2, -4, 2]
    joints[23], joints[25], joints[27] = (10, -68, -1), (10, -110, 0), (10, -150, -2)
    joints[29], joints[31] = (10, -154, -6), (10, -156, 8)
    for left in (11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31):
        joints[left + 1] = joints[left] * mirror
    return joints.astype(np.float32)


@dataclass(frozen=True)
class LandmarkMap:
    """Places of MediaPipe's first 468 points on the model: vertices and their weights."""

    vertices: Ints  # (468, 3) face-model vertices
    weights: Array  # (468, 3)

    @classmethod
    def load(cls, path: Path = MAP_FILE) -> LandmarkMap:
        with np.load(path, allow_pickle=False) as file:
            return cls(file["vertices"].astype(np.int32), file["weights"].astype(np.float32))

    def face(self, character: Character, act: Act, camera: Camera) -> Array:
        """True landmarks (478, 3), canvas units, z zero-mean over the first 468."""
        studio = character.studio
        corners = studio.compact[self.vertices]
        rest = character.expressed(act)
        points = (rest[corners] * self.weights[..., None]).sum(1)
        irises = []
        for centre, turn, radius in character.eye_axes(act):
            angle = character.look.iris
            around = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]]) * np.sin(angle)
            depth = np.r_[1.0, np.full(4, np.cos(angle))]
            ring = np.concatenate([around, depth[:, None]], 1) @ turn.T
            irises.append(centre + ring * radius)
        points = np.concatenate([points, *irises]).astype(np.float32)
        face = camera.canvas(character.carry(points, np.ones((len(points), 1), np.float32), act))
        # MediaPipe gives an iris the depth of the corners of its eye.
        face[468:473, 2] = face[list(RIGHT_EYE), 2].mean()
        face[473:478, 2] = face[list(LEFT_EYE), 2].mean()
        face[:, 2] -= face[:MESH_POINTS, 2].mean()
        return face

    def body(self, character: Character, act: Act, camera: Camera, face: Array) -> Array:
        """True body joints (33, 4): canvas x, y, z (0 at the hips' depth), visibility.

        A bust's arms end at the elbows; what lies below has visibility 0 and a plausible place.
        """
        weight = np.zeros((JOINTS, 1), np.float32)
        weight[:11] = 1
        if character.body is None:
            world = character.carry(joints_at_rest(character), weight, act)
        else:
            joints, _, lean = character.body.marks(character.body.moves(act.arms, act.fingers, act.shrug))
            joints[7:9] = ears_at_rest(character)
            world = character.carry(joints, weight, act, lean)
        out = np.zeros((JOINTS, 4), np.float32)
        out[:, :3] = camera.canvas(world)
        out[:, 2] -= out[[23, 24], 2].mean()
        nearer = float(out[[7, 8], 2].mean()) - camera.focal / camera.distance * 8
        for joint, point in FACE_JOINTS.items():
            out[joint, :2] = face[point, :2]
            out[joint, 2] = nearer + face[point, 2]
        inside = (np.abs(out[:, :2]) < 1).all(1)
        shown = 15 if character.body is None else JOINTS
        out[:shown, 3] = np.where(inside[:shown], 0.98, 0.1)
        return out

    def hands(self, character: Character, act: Act, camera: Camera, hits: Hits | None = None) -> Array:
        """True points of left and right hand (2, 21, 4): canvas x, y, z (0 at the wrist), confidence 0 or 1.

        A hand counts as seen when most of it stands inside the picture and, where `hits` of it are given, nothing
        hides it. A bust has no hands: all zero.
        """
        out = np.zeros((2, HAND_POINTS, 4), np.float32)
        if character.body is None:
            return out
        _, points, _ = character.body.marks(character.body.moves(act.arms, act.fingers, act.shrug))
        flat = points.reshape(-1, 3)
        world = character.carry(flat, np.zeros((len(flat), 1), np.float32), act)
        canvas = camera.canvas(world).reshape(2, HAND_POINTS, 3)
        seen = (np.abs(canvas[..., :2]) < 1).all(-1)
        if hits is not None:
            side = len(hits.inverse_depth)
            at = np.clip(((canvas[..., :2] + 1) * side / 2).astype(int), 0, side - 1)
            before = 1 / np.maximum(hits.inverse_depth[at[..., 1], at[..., 0]], 1e-4)
            seen &= before > camera.distance - world[:, 2].reshape(2, HAND_POINTS) - HAND_THICK
        out[..., :3] = canvas
        out[..., 2] -= out[:, :1, 2]
        out[..., 3] = (seen.mean(1) > 0.6)[:, None]
        return out


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
        from training.render.labels.joint_check import verify_bodies  # noqa: PLC0415  (it needs this module)

        studio = Studio(studio.kit, load_bodykit(arguments.bodykit))
        for name, value in verify_bodies(studio, LandmarkMap.load(), 40, 3).items():
            print(f"{name:12s} {value:.3f}")


if __name__ == "__main__":
    main()
