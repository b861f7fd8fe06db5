"""Identity leak: how much of the driver's face appears in the avatar's.

One character is driven by several people with different faces who make the same motion. The difference between the
drawn clips is the leak; it is given relative to the difference between two motions of one driver. Since the shape of a
face leaks most easily, the landmarks of the drawn faces are also compared with the drivers' own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.context import EvalContext
from benchmarks.evaluation.eval_pipeline import animate
from benchmarks.evaluation.face_tracks import track_faces
from benchmarks.evaluation.rendered_clips import OTHER_CHARACTER, rig_from_render
from benchmarks.evaluation.score import Face
from benchmarks.evaluation.table import Row, Rows, mean_row, table
from models.geometry.topology import MESH
from streamer.frames import Image
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Motion
from training.render.character.appearance import STYLES
from training.render.scene.motion_tracks import Track

DRIVER_COUNT = 3  # people who drive each character
MOTION_COUNT = 2  # of each driver
MOTION_FRAMES = 10  # of each motion
MOTION_FRAME_STEP = 5  # frames at 25 fps from one of these to the next
LEAK_CHARACTERS = 7000  # number of the first character; even numbers begin at rest
_SAME_SHAPE = 1e-4  # of the eye distance: faces that differ by less have the same shape

DrawClip = Callable[[Sequence[Motion]], list[Image]]
FindFaces = Callable[[Sequence[Image]], list[Face | None]]


def leak_figures(draw: DrawClip, find_faces: FindFaces, drives: Sequence[Sequence[Sequence[Motion]]]) -> Row:
    """The figures of one character.

    drives: by driver and motion, a clip that begins with the driver's neutral; every driver makes the same motions.

    same_l1: mean difference 0..255 of frames drawn for two drivers in the same motion. other_l1: for one driver in two
    motions. leak: same_l1 / other_l1; 0 = nothing of the driver. shape_corr: correlation of the drawn faces' shape with
    the drivers', both as deviations from their mean, without head pose and size. shape_gain: the drawn share of a
    driver's deviation; 1 = all of it. NaN where no face is found or a figure has nothing to compare.
    """
    drawn = [[draw(clip)[1:] for clip in clips] for clips in drives]
    same = [
        _distance(a, b) for clips in zip(*drawn, strict=True) for one, other in combinations(clips, 2)
        for a, b in zip(one, other, strict=True)
    ]  # fmt: skip
    other = [
        _distance(a, b) for clips in drawn for one, other in combinations(clips, 2)
        for a, b in zip(one, other, strict=True)
    ]  # fmt: skip
    driver_shapes = np.stack([_shape(clips[0][0].face) for clips in drives])
    driver_shapes = driver_shapes - driver_shapes.mean(0)
    drawn_deviations, driver_deviations = [], []
    for clips in zip(*([find_faces(frames) for frames in clips] for clips in drawn), strict=True):
        for faces in zip(*clips, strict=True):  # one moment of one motion, by driver
            found = [face for face in faces if face is not None]
            if len(found) == len(faces):
                shapes = np.stack([_shape(face) for face in found])
                drawn_deviations.append(shapes - shapes.mean(0))
                driver_deviations.append(driver_shapes)
    return {
        "same_l1": float(np.mean(same)),
        "other_l1": float(np.mean(other)),
        "leak": float(np.mean(same) / max(float(np.mean(other)), 1e-6)),
        **_shape_figures(np.array(drawn_deviations), np.array(driver_deviations)),
    }


def _shape_figures(drawn: NDArray[np.float64], drivers: NDArray[np.float64]) -> Row:
    """Correlation and gain of deviations (N, drivers, 468, 2) of drawn faces with those of their drivers."""
    product, power = float((drawn * drivers).sum()), float((drivers**2).sum())
    is_same = drawn.size > 0 and float(np.sqrt((drawn**2).mean())) < _SAME_SHAPE
    return {
        "shape_corr": 0.0 if is_same else product / float(np.sqrt((drawn**2).sum() * power)) if power > 0 else np.nan,
        "shape_gain": product / power if power > 0 else np.nan,
    }


def _shape(face: NDArray[np.floating] | None) -> NDArray[np.float64]:
    """(468, 2) landmarks of a face without its head pose and size."""
    assert face is not None
    return head_pose(face.astype(np.float32)).inverse(face.astype(np.float32))[:MESH, :2].astype(np.float64)


def _distance(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def leak(context: EvalContext) -> Rows:
    """The figures of rendered characters, each driven by other rendered people."""
    renderer, out = context.renderer, []
    for i in range(context.options.count or 2):
        number, style = LEAK_CHARACTERS + 10 * i, list(STYLES)[i % len(STYLES)]
        character, scene = renderer.character(number, style), renderer.scene(number)
        # Even numbers begin at rest, so that all motions begin with the same pose.
        tracks: list[Track] = [
            renderer.track(number + 2 * k, MOTION_FRAMES, MOTION_FRAME_STEP) for k in range(MOTION_COUNT)
        ]
        acts = [[track.act(t) for t in range(MOTION_FRAMES)] for track in tracks]
        rig = rig_from_render(
            renderer.render(character, scene, acts[0][:1])[0],
            renderer.motions(character, scene, acts[0][:1])[0],
        )
        people = [renderer.character(number + OTHER_CHARACTER + k, "skin") for k in range(DRIVER_COUNT)]
        drives = [
            [renderer.motions(person, scene, each, renderer.render(person, scene, each)) for each in acts]
            for person in people
        ]
        out.append({
            name: leak_figures(partial(animate, pipeline, rig), track_faces, drives)
            for name, pipeline in context.eval_pipelines.items()
        })  # fmt: skip
    mean = {name: mean_row([rows[name] for rows in out]) for name in context.eval_pipelines}
    print(table(f"Identity leak: {DRIVER_COUNT} drivers, {MOTION_COUNT} motions, {len(out)} characters", mean))
    return mean
