"""Whose face is it? One character driven by several people with different faces who make the same motion.

What differs between the drawn clips is what the drivers' faces leave in them; it is told in parts of what differs when
one driver makes another motion. And since a face's shape is what would leak first, the landmarks of the drawn faces are
compared with the drivers' own: do drivers with a wide jaw give the character one?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.context import Bench
from benchmarks.evaluation.eval_pipeline import animate
from benchmarks.evaluation.rendered import rig_of
from benchmarks.evaluation.score import Face
from benchmarks.evaluation.table import Row, Rows, mean_row, table
from benchmarks.reenact import track_faces
from streamer.frames import Image
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Motion
from training.render.character.appearance import STYLES
from training.render.scene.motion_tracks import Track

DRIVERS, MOTIONS, FRAMES, PACE = 3, 2, 10, 5  # people; what each does; frames of it, and their distance at 25 fps
_MESH = 468  # without the irises
_ALIKE = 1e-4  # of the eye distance: faces that differ by less are the same

Draw = Callable[[Sequence[Motion]], list[Image]]
Read = Callable[[Sequence[Image]], list[Face | None]]


def probe(draw: Draw, read: Read, drives: Sequence[Sequence[Sequence[Motion]]]) -> Row:
    """drives: by driver and motion, a clip that begins with the driver's neutral; every driver makes the same motions.

    same: mean distance 0..255 of frames drawn for two drivers in the same motion. other: for one driver in two motions.
    leak: same / other; 0 = nothing of the driver is left. shape_corr: correlation of the drawn faces' shape with the
    drivers', both as deviations from the drivers' mean, head pose and size taken out. shape_gain: how much of a
    driver's deviation is drawn; 1 = all of it. NaN where no face is found or a figure has nothing to compare.
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
    own = np.stack([_shape(clips[0][0].face) for clips in drives])
    own = own - own.mean(0)
    made, wanted = [], []
    for clips in zip(*([read(frames) for frames in clips] for clips in drawn), strict=True):
        for faces in zip(*clips, strict=True):  # one moment of one motion, by driver
            found = [face for face in faces if face is not None]
            if len(found) == len(faces):
                shapes = np.stack([_shape(face) for face in found])
                made.append(shapes - shapes.mean(0))
                wanted.append(own)
    return {
        "same_l1": float(np.mean(same)),
        "other_l1": float(np.mean(other)),
        "leak": float(np.mean(same) / max(float(np.mean(other)), 1e-6)),
        **_likeness(np.array(made), np.array(wanted)),
    }


def _likeness(made: NDArray[np.float64], wanted: NDArray[np.float64]) -> Row:
    product, power = float((made * wanted).sum()), float((wanted**2).sum())
    alike = made.size > 0 and float(np.sqrt((made**2).mean())) < _ALIKE
    return {
        "shape_corr": 0.0 if alike else product / float(np.sqrt((made**2).sum() * power)) if power > 0 else np.nan,
        "shape_gain": product / power if power > 0 else np.nan,
    }


def _shape(face: NDArray[np.floating] | None) -> NDArray[np.float64]:
    """(468, 2) the face straight from in front, in its own size."""
    assert face is not None
    return head_pose(face.astype(np.float32)).inverse(face.astype(np.float32))[:_MESH, :2].astype(np.float64)


def _distance(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def leak(bench: Bench) -> Rows:
    """The probe on rendered characters, each driven by other rendered people."""
    film, out = bench.film, []
    for i in range(bench.options.count or 2):
        number, style = 7000 + 10 * i, list(STYLES)[i % len(STYLES)]
        character, scene = film.character(number, style), film.scene(number)
        # Even numbers begin at rest, so that all motions begin alike.
        tracks: list[Track] = [film.track(number + 2 * k, FRAMES, PACE) for k in range(MOTIONS)]
        acts = [[track.act(t) for t in range(FRAMES)] for track in tracks]
        rig = rig_of(
            film.shoot(character, scene, acts[0][:1])[0],
            film.motions(character, scene, acts[0][:1])[0],
        )
        people = [film.character(number + 500 + k, "skin") for k in range(DRIVERS)]
        drives = [
            [film.motions(person, scene, each, film.shoot(person, scene, each)) for each in acts] for person in people
        ]
        out.append({
            name: probe(partial(animate, artist, rig), track_faces, drives) for name, artist in bench.artists.items()
        })  # fmt: skip
    mean = {name: mean_row([rows[name] for rows in out]) for name in bench.artists}
    print(table(f"Identity leak: {DRIVERS} drivers, {MOTIONS} motions, {len(out)} characters", mean))
    return mean
