"""From the neutral of one scene to that of the next, without a jump of the avatar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamer.tracking.head_pose import HeadTransform, head_pose
from streamer.tracking.motion import VISIBILITY, Array, Motion


def carried_over(shown: Motion, old: Motion, new: Motion) -> Motion:
    """The motion that relates to the neutral `new` as `shown` does to the neutral `old`; all with a face.

    Related are the head's rotation, size and place, the shape of the face, and the joints. Unchanged without a face.
    """
    if shown.face is None or old.face is None or new.face is None:
        return shown
    head, before, after = head_pose(shown.face), head_pose(old.face), head_pose(new.face)
    growth = after.scale / before.scale
    moved = HeadTransform(
        head.scale * growth,
        (head.rotation @ before.rotation.T @ after.rotation).astype(np.float32),
        after.shift + growth * (head.shift - before.shift),
    )
    change = head.inverse(shown.face) - before.inverse(old.face) - old.correction
    face = moved.apply(after.inverse(new.face) + new.correction + change)
    body = _moved_body(shown.body, before, after)
    return replace(shown, face=face, head=moved.rotation, body=body, lids=np.zeros_like(shown.lids))


def neutral_for(found: Motion, shown: Motion, old: Motion) -> Motion:
    """A neutral to which the first motion of a scene relates as `shown`, the last one before, did to the neutral `old`;
    all with a face. The avatar continues from there, and a neutral of the scene's own can fade in.
    """
    if found.face is None or shown.face is None or old.face is None:
        raise ValueError("a neutral needs a face")
    head, last, before = head_pose(found.face), head_pose(shown.face), head_pose(old.face)
    growth = head.scale / last.scale
    pose = HeadTransform(
        before.scale * growth,
        (before.rotation @ last.rotation.T @ head.rotation).astype(np.float32),
        head.shift + growth * (before.shift - last.shift),
    )
    change = last.inverse(shown.face) - before.inverse(old.face) - old.correction
    face = pose.apply(head.inverse(found.face) - change)
    still = Motion.still(face, _moved_body(old.body, last, head), found.captured)
    return replace(still, scene=found.scene, shade=found.shade)


def _moved_body(body: Array | None, before: HeadTransform, after: HeadTransform) -> Array | None:
    """A body (33, 4) that stands to the head `after` as it stood to the head `before`, without its rotation."""
    if body is None:
        return None
    moved = body.copy()
    places = body[:, :VISIBILITY] - before.shift
    moved[:, :VISIBILITY] = after.shift + np.float32(after.scale / before.scale) * places
    return moved
