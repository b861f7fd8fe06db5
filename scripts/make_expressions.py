"""Make models/geometry/expressions.safetensors: how each of ARKit's blendshapes moves the landmarks of a face.

    python -m scripts.make_expressions path/to/ict_facekit.npz

The offsets of ICT-FaceKit's expressions (MIT) at weight 1, at the places of its surface where MediaPipe sees its
landmarks, carried into canonical units by the pose of the mean head. That model has no landmarks on irises: these move
with the eyeball.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from models.geometry.expressions import FILE, NAMES
from models.geometry.offsets import EYEBALL_RADIUS
from models.geometry.topology import (
    LANDMARKS,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_IRIS,
    LEFT_LID,
    MESH,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_IRIS,
    RIGHT_LID,
)
from streamer.tracking.head_pose import CANONICAL, head_pose
from streamer.tracking.motion import MIRRORED_LANDMARKS
from training.render.character.facekit import load_facekit
from training.render.labels.landmarks import LandmarkMap

LOOK_ANGLE = math.radians(28)  # of the eyeball where a shape `eyeLook…` has weight 1
# Of each eye: its iris, the corners, and which way on the image's x axis is outward.
EYES = {
    "L": (slice(LEFT_IRIS, LANDMARKS), (LEFT_EYE_INNER, LEFT_EYE_OUTER), 1),
    "R": (slice(RIGHT_IRIS, LEFT_IRIS), (RIGHT_EYE_OUTER, RIGHT_EYE_INNER), -1),
}


def landmark_offsets(kit_path: Path) -> np.ndarray:
    """(len(NAMES), 478, 3) float32 offsets by name, canonical units."""
    kit, places = load_facekit(kit_path), LandmarkMap.load()
    turned = np.array([1, -1, -1], np.float32)  # the model's y is up, its z towards the camera
    rest = (kit.base[places.vertices] * places.weights[..., None]).sum(1) * turned
    pose = head_pose(np.concatenate([rest, CANONICAL[MESH:]]))  # fitted to landmarks of the mesh alone
    offsets = np.zeros((len(NAMES), LANDMARKS, 3), np.float32)
    for number, name in enumerate(NAMES):
        moved = kit.expression[kit.expression_index(name)].astype(np.float32)[places.vertices]
        moved = (moved * places.weights[..., None]).sum(1) * turned
        offsets[number, :MESH] = moved @ pose.rotation / pose.scale
        side = name[-1]
        if name.startswith("eyeLook"):
            iris, corners, outward = EYES[side]
            width = np.linalg.norm(CANONICAL[corners[0]] - CANONICAL[corners[1]])
            way = {"Up": (0, -1), "Down": (0, 1), "Out": (outward, 0), "In": (-outward, 0)}[name[7:-2]]
            offsets[number, iris, :2] = np.array(way) * EYEBALL_RADIUS * width * math.sin(LOOK_ANGLE)
        if name.startswith("eyeBlink"):  # lids meet wherever they are at rest, see `close_lids`
            offsets[number, list({"L": LEFT_LID, "R": RIGHT_LID}[side])] = 0
    return symmetric(offsets)


def symmetric(offsets: np.ndarray) -> np.ndarray:
    """The offsets (len(NAMES), 478, 3), each averaged with the mirror image of its other side's."""
    flip = np.array([-1, 1, 1], np.float32)
    others = [NAMES.index(other_side(name)) for name in NAMES]
    return (offsets + offsets[others][:, MIRRORED_LANDMARKS] * flip) / 2


def other_side(name: str) -> str:
    """The name of the same expression on the other side; of one without sides the name itself."""
    for left, right in (("_L", "_R"), ("Left", "Right")):
        for one, other in ((left, right), (right, left)):
            if name.endswith(one):
                return name.removesuffix(one) + other
    return name


def main() -> None:
    """Write models/geometry/expressions.safetensors."""
    offsets = landmark_offsets(Path(sys.argv[1]))
    save_file({"offsets": np.ascontiguousarray(offsets, np.float16)}, FILE)
    for name, moved in zip(NAMES, np.linalg.norm(offsets, axis=-1).max(-1), strict=True):
        print(f"{name:18} {moved:.3f}")


if __name__ == "__main__":
    main()
