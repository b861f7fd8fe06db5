"""The errors that MediaPipe makes on faces, as a random process fitted to MediaPipe on renders.

Error / eye distance = M · (1, blink, jaw, yaw, pitch, …) + a few principal components, a part of which belongs to the
character and stays over its frames while the rest jitters, of which smoothing lets little pass.
`python -m training.render.labels.landmark_noise --facekit PATH` measures it again.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.render.arrays import Array
from training.render.character.character import Act, Character, Studio
from training.render.character.facekit import load_facekit
from training.render.character.noise import Rng
from training.render.labels.landmarks import POINTS, LandmarkMap, eye_distance
from training.render.scene.motion_tracks import Names, random_track
from training.render.scene.scene import random_scene

NOISE_FILE = Path(__file__).with_name("landmark_noise.npz")
COMPONENTS = 40
PASSING = 0.15  # share of the jitter that is left: drawn anew for each frame, all of it would teach to move less
SHAPES = ("eyeBlink_R", "eyeBlink_L", "jawOpen", "mouthPucker", "mouthSmile_L", "mouthSmile_R")


def features(act: Act, names: Names) -> Array:
    """What the mean error depends on (F,)."""
    shape = [act.expression[names.columns(name)[0]] for name in SHAPES]
    pitch, yaw, roll = act.head
    return np.array([1, *shape, yaw, pitch, roll, yaw * yaw, pitch * pitch, *act.gaze], np.float32)


@dataclass(frozen=True)
class NoiseModel:
    """mean (F, 1434), components (K, 1434) scaled to one standard deviation; steady: part of the variance that
    stays.
    """

    mean: Array
    components: Array
    steady: float

    @classmethod
    def load(cls, path: Path = NOISE_FILE) -> NoiseModel:
        with np.load(path, allow_pickle=False) as file:
            return cls(file["mean"].astype(np.float32), file["components"].astype(np.float32), float(file["steady"]))

    def disturb(self, rng: Rng, true: Array, acts: list[Act], names: Names) -> Array:
        """True landmarks (T, 478, 3) of one character's frames → what a tracker would say, smoothed."""
        count = len(self.components)
        bias = rng.normal(0, np.sqrt(self.steady), count)
        out = true.copy()
        for i, act in enumerate(acts):
            code = bias + PASSING * rng.normal(0, np.sqrt(1 - self.steady), count)
            error = features(act, names) @ self.mean + code.astype(np.float32) @ self.components
            out[i] += error.reshape(POINTS, 3) * eye_distance(true[i])
        return out


def fit(studio: Studio, characters: int, seed: int) -> tuple[NoiseModel, float]:
    """Measure on `characters` random characters, six frames each; returns the model and the part of misses."""
    from training.render.labels.tracker import FaceReader  # noqa: PLC0415  (mediapipe takes seconds to import)

    names = Names(studio.kit.expression_names)
    landmarks = LandmarkMap.load()
    rows, inputs, owner = [], [], []
    total = 0
    with FaceReader() as reader:
        for n in range(characters):
            rng = np.random.default_rng([seed, n])
            character, scene = Character(studio, rng), random_scene(rng, 256)
            track = random_track(rng, 72, names)
            for frame in range(0, 72, 12):
                act = track.act(frame)
                total += 1
                found = reader.read(scene.shoot(character, act, rng).image)
                if found is None:
                    continue
                true = landmarks.face(character, act, scene.camera)
                found[:, 2] -= found[:468, 2].mean()
                error = (found - true) / eye_distance(true)
                if np.abs(error[:, :2]).mean() > 0.2:
                    continue  # another thing than the face was found
                rows.append(error.ravel())
                inputs.append(features(act, names))
                owner.append(n)
    errors, known, owners = np.array(rows), np.array(inputs), np.array(owner)
    ridge = known.T @ known + 1e-2 * len(known) * np.diag(known.var(0) + 1e-4)
    mean = np.linalg.solve(ridge, known.T @ errors)
    rest = errors - known @ mean
    _, strength, axes = np.linalg.svd(rest - rest.mean(0), full_matrices=False)
    components = axes[:COMPONENTS] * strength[:COMPONENTS, None] / np.sqrt(len(rest))
    within = np.concatenate([rest[owners == n] - rest[owners == n].mean(0) for n in np.unique(owners)])
    steady = float(np.clip(1 - (within**2).mean() / (rest**2).mean(), 0, 1))
    return NoiseModel(mean.astype(np.float32), components.astype(np.float32), steady), 1 - len(rows) / total


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the model of the face tracker's errors.")
    parser.add_argument("--facekit", required=True, type=Path, help="ict_facekit.npz")
    parser.add_argument("--characters", type=int, default=160, help="random characters (default 160)")
    arguments = parser.parse_args()
    model, misses = fit(Studio(load_facekit(arguments.facekit)), arguments.characters, 3)
    np.savez_compressed(
        NOISE_FILE, mean=model.mean.astype(np.float16), components=model.components.astype(np.float16),
        steady=np.float32(model.steady),
    )  # fmt: skip
    print(f"misses {misses:.3f}, steady part of the variance {model.steady:.2f}")


if __name__ == "__main__":
    main()
