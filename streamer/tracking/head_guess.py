"""A face where only the head of a body is seen: the canonical face in the place and pose of the body's head joints."""

from __future__ import annotations

import numpy as np

from models.geometry.body import LEFT_EAR, LEFT_EYE, LEFT_MOUTH, NOSE, RIGHT_EAR, RIGHT_EYE, RIGHT_MOUTH
from models.geometry.topology import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_FACE_EDGE,
    LEFT_MOUTH_CORNER,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_FACE_EDGE,
    RIGHT_MOUTH_CORNER,
)
from streamer.tracking.head_pose import CANONICAL, Array, HeadTransform

# Joints of the head beside landmarks of the face whose mean shows the same. Left is the person's own.
HEAD_LANDMARKS: dict[int, tuple[int, ...]] = {
    NOSE: (NOSE_TIP,),
    LEFT_EYE: (LEFT_EYE_INNER, LEFT_EYE_OUTER),
    RIGHT_EYE: (RIGHT_EYE_INNER, RIGHT_EYE_OUTER),
    LEFT_EAR: (LEFT_FACE_EDGE,),
    RIGHT_EAR: (RIGHT_FACE_EDGE,),
    LEFT_MOUTH: (LEFT_MOUTH_CORNER,),
    RIGHT_MOUTH: (RIGHT_MOUTH_CORNER,),
}
EAR_BEHIND_EDGE = 0.2  # canonical units from the face's border back to the ear


def face_of_head(joints: Array) -> Array:
    """(478, 3) landmarks of a neutral face on the head of joints (33, ≥2), in the joints' units.

    The pose is the scaled orthographic one (Horaud et al., "Object pose: the link between weak perspective,
    paraperspective, and full perspective", IJCV 1997) that fits nose, eyes, ears and corners of the mouth in the
    picture's plane; the depths of MediaPipe's joints are too coarse on a head.
    """
    model = np.stack([CANONICAL[list(landmarks)].mean(0) for landmarks in HEAD_LANDMARKS.values()]).astype(np.float64)
    for row, joint in enumerate(HEAD_LANDMARKS):
        model[row, 2] += EAR_BEHIND_EDGE * (joint in (LEFT_EAR, RIGHT_EAR))
    seen = joints[list(HEAD_LANDMARKS), :2].astype(np.float64)
    centre, middle = model.mean(0), seen.mean(0)
    affine = np.linalg.lstsq(model - centre, seen - middle, rcond=None)[0].T  # (2, 3)
    u, stretch, vt = np.linalg.svd(affine, full_matrices=False)
    plane = u @ vt
    rotation = np.stack([*plane, np.cross(*plane)])
    scale = max(float(stretch.mean()), 1e-6)
    shift = np.append(middle, 0) - scale * rotation @ centre
    return HeadTransform(scale, rotation.astype(np.float32), shift.astype(np.float32)).apply(CANONICAL)
