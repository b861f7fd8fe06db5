"""Compares MediaPipe's body joints and hand points with the true ones of rendered bodies."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array
from training.render.character.character import Character, Traits
from training.render.character.studio import Studio
from training.render.joints import JOINT_COUNT, Joint
from training.render.labels.landmarks import LandmarkMap
from training.render.scene.motion_tracks import ExpressionIndex, random_track
from training.render.scene.scene import Lens, Scene, body_camera, random_scene

PICTURE_SIDE = 512
JOINT_GROUPS = {
    "shoulders": (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    "elbows": (Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW),
    "wrists": (Joint.LEFT_WRIST, Joint.RIGHT_WRIST),
    "fingers": tuple(range(Joint.LEFT_PINKY, Joint.LEFT_HIP)),
    "hips": (Joint.LEFT_HIP, Joint.RIGHT_HIP),
    "knees": (Joint.LEFT_KNEE, Joint.RIGHT_KNEE),
    "feet": tuple(range(Joint.LEFT_ANKLE, JOINT_COUNT)),
}


def joint_errors(studio: Studio, landmarks: LandmarkMap, bodies: int, seed: int) -> dict[str, float]:
    """Median errors over random bodies, poses and framings, % of the shoulder width, and the shares not detected."""
    from training.render.labels.tracker import BodyReader  # noqa: PLC0415  (mediapipe takes seconds to import)

    names = ExpressionIndex(studio.kit.expression_names)
    pose_errors, hand_errors = [], []
    missed_poses, hands, detected = 0, 0, 0
    with BodyReader() as reader:
        for n in range(bodies):
            rng = np.random.default_rng([seed, n])
            character = Character(studio, rng, Traits(style="skin"))
            if character.body is None:
                raise ValueError("bodies need a bodykit")
            scene = random_scene(rng, PICTURE_SIDE, None, character.body)
            camera = body_camera(rng, 14.5 - character.body.floor, whole=n % 3 == 0)
            lens = Lens(0, 0, 0, np.ones(3, np.float32), 1.0)
            act = random_track(rng, 60, names).act(30)
            shot = Scene(camera, scene.light, scene.background, lens, PICTURE_SIDE).render(character, act, rng)
            body = landmarks.body(character, act, camera, landmarks.face(character, act, camera))
            true_hands = landmarks.hands(character, act, camera, shot.hits)
            width = float(np.linalg.norm(body[Joint.LEFT_SHOULDER, :2] - body[Joint.RIGHT_SHOULDER, :2]))
            pose, detected_hands = reader.read(shot.image)
            if pose is None:
                missed_poses += 1
            else:
                error = np.linalg.norm(pose[:, :2] - body[:, :2], axis=1) / width
                pose_errors.append(np.where((pose[:, 3] > 0.6) & (body[:, 3] > 0.5), error, np.nan))
            for hand in true_hands[true_hands[:, 0, 3] > 0]:
                hands += 1
                nearest = min(
                    (_hand_error(hand, other, width) for other in detected_hands), key=np.mean, default=np.ones(1)
                )
                if nearest.mean() < 0.3:
                    detected += 1
                    hand_errors.append(nearest)
    table = np.array(pose_errors)
    out = {name: 100 * float(np.nanmedian(table[:, list(joints)])) for name, joints in JOINT_GROUPS.items()}
    out["hand points"] = 100 * float(np.median(hand_errors))
    return out | {"poses missed": missed_poses / bodies, "hands missed": 1 - detected / max(hands, 1)}


def _hand_error(true: Array, detected: Array, width: float) -> Array:
    """Distances (21,) between hand points, in shoulder widths."""
    return np.linalg.norm(true[:, :2] - detected[:, :2], axis=1) / width
