"""A random model of MediaPipe's landmark errors, fitted on renders.

Error / eye distance = M · (1, blink, jaw, yaw, pitch and others) + principal components. A share of their variance is a
bias that the character keeps in all frames; the rest is jitter, most of which the tracker's smoothing removes.
`python -m training.render.labels.landmark_noise --facekit PATH` fits it again.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.geometry.topology import LANDMARKS, MESH
from training.render.arrays import Array
from training.render.character.act import Act
from training.render.character.character import Character
from training.render.character.facekit import load_facekit
from training.render.character.noise import Rng
from training.render.character.studio import Studio
from training.render.labels.landmarks import LandmarkMap, eye_distance
from training.render.scene.motion_tracks import ExpressionIndex, random_track
from training.render.scene.scene import random_scene

NOISE_FILE = Path(__file__).with_name("landmark_noise.npz")
COMPONENT_COUNT = 40
JITTER_SHARE = 0.15  # amplitude of the jitter that smoothing leaves; all of it would train the network to move less
BLENDSHAPES = ("eyeBlink_R", "eyeBlink_L", "jawOpen", "mouthPucker", "mouthSmile_L", "mouthSmile_R")


def features(act: Act, names: ExpressionIndex) -> Array:
    """Regressors (F,) of the mean error."""
    weights = [act.expression[names.columns(name)[0]] for name in BLENDSHAPES]
    pitch, yaw, roll = act.head
    return np.array([1, *weights, yaw, pitch, roll, yaw * yaw, pitch * pitch, *act.gaze], np.float32)


@dataclass(frozen=True)
class NoiseModel:
    """mean (F, 1434): regression of the error. components (K, 1434): one standard deviation each.

    bias_share: share of the variance that a character keeps in all frames, 0..1.
    """

    mean: Array
    components: Array
    bias_share: float

    @classmethod
    def load(cls, path: Path = NOISE_FILE) -> NoiseModel:
        """Read the measured values from a file."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["mean"].astype(np.float32), file["components"].astype(np.float32), float(file["steady"]))

    def perturb(self, rng: Rng, true: Array, acts: list[Act], names: ExpressionIndex) -> Array:
        """Landmarks (T, 478, 3) as a smoothed tracker reports them, from the true ones (T, 478, 3) of one character."""
        count = len(self.components)
        bias = rng.normal(0, np.sqrt(self.bias_share), count)
        out = true.copy()
        for i, act in enumerate(acts):
            code = bias + JITTER_SHARE * rng.normal(0, np.sqrt(1 - self.bias_share), count)
            error = features(act, names) @ self.mean + code.astype(np.float32) @ self.components
            out[i] += error.reshape(LANDMARKS, 3) * eye_distance(true[i])
        return out


def fit_noise(studio: Studio, characters: int, seed: int) -> tuple[NoiseModel, float]:
    """Fit the model on random characters, six frames each: the model, and the share of frames without a detection."""
    from training.render.labels.tracker import FaceReader  # noqa: PLC0415  (mediapipe takes seconds to import)

    names = ExpressionIndex(studio.kit.expression_names)
    landmarks = LandmarkMap.load()
    rows, inputs, character_of_row = [], [], []
    total = 0
    with FaceReader() as reader:
        for n in range(characters):
            rng = np.random.default_rng([seed, n])
            character, scene = Character(studio, rng), random_scene(rng, 256)
            track = random_track(rng, 72, names)
            for frame in range(0, 72, 12):
                act = track.act(frame)
                total += 1
                detected = reader.read(scene.render(character, act, rng).image)
                if detected is None:
                    continue
                true = landmarks.face(character, act, scene.camera)
                detected[:, 2] -= detected[:MESH, 2].mean()
                error = (detected - true) / eye_distance(true)
                if np.abs(error[:, :2]).mean() > 0.2:
                    continue  # a false detection
                rows.append(error.ravel())
                inputs.append(features(act, names))
                character_of_row.append(n)
    errors, features_of_row, character_index = np.array(rows), np.array(inputs), np.array(character_of_row)
    ridge = features_of_row.T @ features_of_row + 1e-2 * len(features_of_row) * np.diag(features_of_row.var(0) + 1e-4)
    mean = np.linalg.solve(ridge, features_of_row.T @ errors)
    residuals = errors - features_of_row @ mean
    _, singular_values, axes = np.linalg.svd(residuals - residuals.mean(0), full_matrices=False)
    components = axes[:COMPONENT_COUNT] * singular_values[:COMPONENT_COUNT, None] / np.sqrt(len(residuals))
    within_character = np.concatenate(
        [residuals[character_index == n] - residuals[character_index == n].mean(0) for n in np.unique(character_index)]
    )
    steady = float(np.clip(1 - (within_character**2).mean() / (residuals**2).mean(), 0, 1))
    return NoiseModel(mean.astype(np.float32), components.astype(np.float32), steady), 1 - len(rows) / total


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the model of the face tracker's errors.")
    parser.add_argument("--facekit", required=True, type=Path, help="ict_facekit.npz")
    parser.add_argument("--characters", type=int, default=160, help="random characters (default 160)")
    arguments = parser.parse_args()
    model, misses = fit_noise(Studio(load_facekit(arguments.facekit)), arguments.characters, 3)
    np.savez_compressed(
        NOISE_FILE, mean=model.mean.astype(np.float16), components=model.components.astype(np.float16),
        steady=np.float32(model.bias_share),
    )  # fmt: skip
    print(f"misses {misses:.3f}, steady part of the variance {model.bias_share:.2f}")


if __name__ == "__main__":
    main()
