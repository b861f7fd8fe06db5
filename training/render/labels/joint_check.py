"""MediaPipe's pose and hands against the true joints of rendered bodies."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array
from training.render.character.character import Character, Studio, Traits
from training.render.labels.landmarks import LandmarkMap
from training.render.scene.motion_tracks import Names, random_track
from training.render.scene.scene import Lens, Scene, body_camera, random_scene

SIZE = 512
GROUPS = {"shoulders": (11, 12), "elbows": (13, 14), "wrists": (15, 16), "fingers": tuple(range(17, 23)),
          "hips": (23, 24), "knees": (25, 26), "feet": tuple(range(27, 33))}  # fmt: skip


def verify_bodies(studio: Studio, landmarks: LandmarkMap, bodies: int, seed: int) -> dict[str, float]:
    """Median errors over random bodies, poses and framings in % of the shoulders' width, and the part not found."""
    from training.render.labels.tracker import BodyReader  # noqa: PLC0415  (mediapipe takes seconds to import)

    names = Names(studio.kit.expression_names)
    gaps, fingers = [], []
    missed, hands, found_hands = 0, 0, 0
    with BodyReader() as reader:
        for n in range(bodies):
            rng = np.random.default_rng([seed, n])
            character = Character(studio, rng, Traits(style="skin"))
            if character.body is None:
                raise ValueError("bodies need a bodykit")
            scene = random_scene(rng, SIZE, None, character.body)
            camera = body_camera(rng, 14.5 - character.body.floor, whole=n % 3 == 0)
            lens = Lens(0, 0, 0, np.ones(3, np.float32), 1.0)
            act = random_track(rng, 60, names).act(30)
            shot = Scene(camera, scene.light, scene.background, lens, SIZE).shoot(character, act, rng)
            body = landmarks.body(character, act, camera, landmarks.face(character, act, camera))
            true_hands = landmarks.hands(character, act, camera, shot.hits)
            width = float(np.linalg.norm(body[11, :2] - body[12, :2]))
            pose, said = reader.read(shot.image)
            if pose is None:
                missed += 1
            else:
                gap = np.linalg.norm(pose[:, :2] - body[:, :2], axis=1) / width
                gaps.append(np.where((pose[:, 3] > 0.6) & (body[:, 3] > 0.5), gap, np.nan))
            for hand in true_hands[true_hands[:, 0, 3] > 0]:
                hands += 1
                nearest = min((_gap(hand, other, width) for other in said), key=np.mean, default=np.ones(1))
                if nearest.mean() < 0.3:
                    found_hands += 1
                    fingers.append(nearest)
    table = np.array(gaps)
    out = {name: 100 * float(np.nanmedian(table[:, list(joints)])) for name, joints in GROUPS.items()}
    out["hand points"] = 100 * float(np.median(fingers))
    return out | {"poses missed": missed / bodies, "hands missed": 1 - found_hands / max(hands, 1)}


def _gap(true: Array, said: Array, width: float) -> Array:
    return np.linalg.norm(true[:, :2] - said[:, :2], axis=1) / width
