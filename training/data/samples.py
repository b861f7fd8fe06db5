"""Training samples: a reference frame and some target frames of one character, with their ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.render.character.act import Act
from training.render.character.appearance import STYLES
from training.render.character.bodykit import load_bodykit
from training.render.character.character import Character
from training.render.character.facekit import load_facekit
from training.render.character.studio import Studio
from training.render.labels.landmark_noise import NoiseModel
from training.render.labels.landmarks import LandmarkMap
from training.render.labels.limb_labels import LimbLabels, limb_places
from training.render.raster import supersampling
from training.render.raster.flow import backward_flow
from training.render.scene.motion_tracks import KINDS, ExpressionIndex, pair_tracks
from training.render.scene.scene import SCALE, Camera, RenderedFrame, random_scene

Sample = dict[str, NDArray]
SAMPLES_PER_CHARACTER = 5  # building a character takes as long as rendering six frames
HEAD_SIZE, BODY_SIZE = 256, 384  # pixels along a side of the pictures of heads alone, and of whole bodies
FRAME_SPACINGS = (1, 1, 2, 3, 6)  # frames at 25 fps between two targets


class SampleStream(IterableDataset):
    """An endless, reproducible stream of samples (see `sample` for their contents).

    With torch's DataLoader each worker renders its own characters; (seed, index) determines the sample.
    """

    def __init__(
        self,
        facekit: Path | str | Studio,
        seed: int,
        frames: int = 2,
        size: int = HEAD_SIZE,
        noise_share: float = 0.5,
        start: int = 0,
        bodykit: Path | str | None = None,
        full: bool = False,
    ) -> None:
        """facekit: file, or a Studio to share. frames: targets T. size: side S of the pictures. noise_share: share of
        samples with simulated tracking errors. start: index of the first sample. bodykit: whole bodies with hands
        instead of busts. full: also the arrays that `sample` lists last.

        Raises FacekitError, BodykitError where a file cannot be used.
        """
        self.full = full
        self.seed, self.frames, self.size, self.noise_share, self.start = seed, frames, size, noise_share, start
        self.studio = open_studio(facekit, bodykit)
        self.landmarks = LandmarkMap.load()
        self.noise = NoiseModel.load()
        self.names = ExpressionIndex(self.studio.kit.expression_names)
        self._cached: tuple[int, Character] | None = None
        self._rest: tuple[int, NDArray[np.float32]] | None = None

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        character = self.start // SAMPLES_PER_CHARACTER + first
        while True:
            for k in range(SAMPLES_PER_CHARACTER):
                yield self.sample(character * SAMPLES_PER_CHARACTER + k)
            character += step

    def _character(self, number: int) -> Character:
        if self._cached is None or self._cached[0] != number:
            self._cached = (number, Character(self.studio, np.random.default_rng([self.seed, number])))
        return self._cached[1]

    def sample(self, index: int) -> Sample:
        """The sample with this index, a dict of arrays; ref_ of the reference, target_ of the targets.

        ref_image: (3, S, S) uint8.
        ref_matte: (1, S, S) uint8.
        ref_label: (1, S, S) uint8, as in `loss.LABELS`.
        ref_face: (478, 3) landmarks in canvas units, as a tracker reports them.
        ref_face_true: (478, 3) without tracking errors.
        ref_body: (33, 4) joints in canvas units, visibility last.
        target_image and so on: the same with a leading axis T.
        flow: (T, 2, S, S) from target to reference, canvas units.
        visible: (T, 1, S, S) uint8, 255 where the reference shows the surface point, or both show background.
        kind: 0 still, 1 small, 2 large motion.
        style: index of the character's style in STYLES.
        With a bodykit also ref_hands, (2, 21, 4) left and right, confidence 0 or 1 last, and target_hands;
        ref_limb_shown, (4,) 0 or 1, which limbs the reference shows well enough to become layers, and ref_limb_radii,
        (4, `LIMB_SAMPLES`, 2) their half widths as in `Outlines`. The targets show the body without these limbs: what
        is behind them, as the network draws it.
        If `full` also ref_expression, (57,) blendshape weights 0..1; ref_pose, (6,) pitch, yaw, roll of the head in
        radians and the translation in cm; ref_place, (3, S, S) rest-pose position of each pixel's surface point, cm, 0
        on the background; and target_expression, target_pose, target_place.
        """
        number, _ = divmod(index, SAMPLES_PER_CHARACTER)
        character = self._character(number)
        rng = np.random.default_rng([self.seed, number, index, 1])
        scene = random_scene(rng, self.size, body=character.body)
        spacing = int(rng.choice(FRAME_SPACINGS))
        reference, track, kind = pair_tracks(rng, (self.frames - 1) * spacing + 1, self.names)
        acts = [reference] + [track.act(i * spacing) for i in range(self.frames)]
        true = np.stack([self.landmarks.face(character, act, scene.camera) for act in acts])
        body = np.stack([
            self.landmarks.body(character, act, scene.camera, face) for act, face in zip(acts, true, strict=True)
        ])  # fmt: skip
        limbs, left_out = None, None
        if character.body is not None:
            limbs = self._limbs(character, acts[0], scene.camera, body[0])
            left_out = limbs.vertices[0].numpy()
        shots = [
            scene.render(character, acts[0], rng),
            *(scene.render(character, act, rng, left_out) for act in acts[1:]),
        ]
        face = self.noise.perturb(rng, true, acts, self.names) if rng.random() < self.noise_share else true
        flows, visibilities = [], []
        first = shots[0]
        for shot in shots[1:]:
            flow, visible, _ = backward_flow(
                shot.hits, character.surface.faces, character.label, shot.screen, first.screen, first.hits, first.label,
                SCALE,
            )  # fmt: skip
            flows.append(flow)
            visibilities.append(visible[None])
        images = [np.ascontiguousarray(shot.image.transpose(2, 0, 1)) for shot in shots]
        mattes = [_to_uint8(shot.matte[None]) for shot in shots]
        labels = [shot.label[None] for shot in shots]
        sample = {
            "ref_image": images[0],
            "ref_matte": mattes[0],
            "ref_label": labels[0],
            "ref_face": face[0],
            "ref_face_true": true[0],
            "ref_body": body[0],
            "target_image": np.stack(images[1:]),
            "target_matte": np.stack(mattes[1:]),
            "target_label": np.stack(labels[1:]),
            "target_face": face[1:],
            "target_face_true": true[1:],
            "target_body": body[1:],
            "flow": np.stack(flows),
            "visible": _to_uint8(np.stack(visibilities)),
            "kind": np.array(KINDS.index(kind), np.uint8),
            "style": np.array(style_index(character.appearance.style), np.uint8),
        }
        if limbs is not None:
            hands = np.stack([
                self.landmarks.hands(character, act, scene.camera, shot.hits)
                for act, shot in zip(acts, shots, strict=True)
            ])  # fmt: skip
            sample |= {"ref_hands": hands[0], "target_hands": hands[1:]}
            sample |= {"ref_limb_radii": limbs.radii[0].numpy(), "ref_limb_shown": limbs.shown[0].numpy()}
        if self.full:
            sample |= self._extra_labels(number, character, acts, shots)
        return sample

    def _limbs(self, character: Character, act: Act, camera: Camera, body: NDArray[np.float32]) -> LimbLabels:
        """Those of a character in a reference with joints body (33, 4)."""
        vertices, joints = camera.canvas(character.pose(act)[0]), torch.from_numpy(body)[None]
        places = torch.from_numpy(limb_places(character))[None]
        return LimbLabels.of(places, torch.from_numpy(vertices)[None], joints)

    def _extra_labels(self, number: int, character: Character, acts: list[Act], shots: list[RenderedFrame]) -> Sample:
        """The arrays that only `full` samples have."""
        if self._rest is None or self._rest[0] != number:
            self._rest = (number, character.pose(Act())[0])
        faces, rest = character.surface.faces, self._rest[1]
        places = [
            supersampling.surface_positions(shot.hits, faces, character.label, shot.label, rest, SCALE)
            for shot in shots
        ]
        values = {
            "expression": np.stack([act.expression for act in acts]),
            "pose": np.stack([np.concatenate([act.head, act.translation]) for act in acts]),
            "place": np.stack(places),
        }
        parts = [{f"ref_{name}": value[0], f"target_{name}": value[1:]} for name, value in values.items()]
        return parts[0] | parts[1] | parts[2]


def open_studio(facekit: Path | str | Studio, bodykit: Path | str | None) -> Studio:
    """The given studio, or one for the models in these files. Raises FacekitError, BodykitError."""
    if isinstance(facekit, Studio):
        return facekit
    return Studio(load_facekit(facekit), None if bodykit is None else load_bodykit(bodykit))


def picture_size(bodykit: Path | str | None) -> int:
    """Side of the pictures, pixels, with or without a body model: focus boxes of small heads stay sharp."""
    return HEAD_SIZE if bodykit is None else BODY_SIZE


def style_index(style: str) -> int:
    """Index of a style in STYLES."""
    return list(STYLES).index(style)


def style_indices(styles: Sequence[str]) -> Tensor:
    """Indices of styles in STYLES (K,) uint8, as in samples."""
    return torch.tensor([style_index(style) for style in styles], dtype=torch.uint8)


def _to_uint8(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values 0..1 as 0..255."""
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
