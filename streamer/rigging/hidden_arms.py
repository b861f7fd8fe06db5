"""Arms that a person seen from the side hides behind the torso: put there, so that a driver can bring them out. Their
texture is that of the other arm (`models/geometry/limb_textures.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.geometry.body import HANGING, HIPS, LEFT_SHOULDER, RIGHT_SHOULDER, SHOULDERS
from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS
from streamer.rigging.canvas import Array
from streamer.rigging.limb_outline import LimbOutlines
from streamer.tracking.limb_gate import body_size
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

FROM_THE_SIDE = 0.6  # distance of the shoulders over the body's size, below which one arm hides behind the torso
# Along the spine, from the shoulders to the hips, where an arm that hangs behind the torso has its joints:
ELBOW_AT, WRIST_AT, TIPS_AT = 0.5, 0.92, 1.05
# Sizes of the body by which it is further away than the torso; the depths that are tracked are twice the true ones.
BEHIND_SIZES = 1.0


def add_hidden_arms(body: Array, limbs: LimbOutlines) -> tuple[Array, LimbOutlines, Array] | None:
    """Joints (33, 4), canvas units, and outlines with an arm behind the torso of a person seen from the side; and (2,)
    float32, 1 for the left and for the right arm if it was added. None where there is none.

    The other arm, the shoulders and the hips must be seen.
    """
    shown, size = limbs.shown.astype(bool), body_size(body)
    top, hips = body[SHOULDERS, :2].mean(0), body[HIPS, :2].mean(0)
    width = float(np.linalg.norm(body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2]))
    if body[list(FIRST_JOINTS), VISIBILITY].min() < MIN_VISIBILITY or width > FROM_THE_SIDE * size:
        return None
    for side in (0, 1):
        elbow, wrist = SECOND_JOINTS[side], THIRD_JOINTS[side]
        is_hidden = body[[elbow, wrist], VISIBILITY].max() < MIN_VISIBILITY
        if not is_hidden or shown[side].any() or not shown[1 - side].all():
            continue
        body, radii, pieces = body.copy(), limbs.radii.copy(), limbs.shown.copy()
        for joint, at in ((elbow, ELBOW_AT), (wrist, WRIST_AT), *((tip, TIPS_AT) for tip in HANGING[wrist])):
            body[joint, :2] = top + at * (hips - top)
            body[joint, 2] = body[SHOULDERS, 2].mean() + BEHIND_SIZES * size
            body[joint, VISIBILITY] = 0
        radii[side], pieces[side] = radii[1 - side][:, ::-1], 1
        added = np.zeros(2, np.float32)
        added[side] = 1
        return body, replace(limbs, radii=radii, shown=pieces), added
    return None
