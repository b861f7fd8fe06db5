"""How well a body moves: the limbs of drawn frames against those of the driver.

`SELF_FIGURES`, where a picture is animated by the clip that it was taken from, so that joints and pixels are known:

* joints_err: mean distance of elbows, wrists, hips, knees and ankles that both show, % of the true shoulder width
* pck20: share of those within 20 % of it
* joints_found: share of those that the truth shows which the drawn frames show as well
* hands_err: mean distance of the landmarks of hands that both show, % of the true shoulder width
* hands_found: share of the truth's hands that were found
* hands_first: number of hands that the first frame of the truth shows
* hands_kept: hands_found for the sides that the first frame shows
* person_psnr: dB, within the truth's person

`CROSS_FIGURES`, all that can be told where another character was drawn:

* angle_err: mean error of the angles of limbs in the picture, against the first frame in which both are seen, degrees
* angle_corr: their correlation over time, mean over the limbs that move
* limbs: number of limbs that were measured, of 8
* found: share of frames in which a person was found

Hands are compared by the side that MediaPipe names, which it often swaps, so that hands_err is an upper bound. A limb
that is not found is not measured: angle_err and joints_err are to be read beside limbs and joints_found.

All but joints_found, hands_first, hands_kept and limbs agree with the figures of the same names in the evaluation
material's own script, so that both can be compared. Figures without a single measurement are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.evaluation.body_tracks import VISIBILITY, BodyTrack, Points
from benchmarks.evaluation.regions import Mask, mask_psnr
from benchmarks.evaluation.table import Row
from streamer.frames import Image
from training.render.joints import Joint

LIMBS = (
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW),
    (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.LEFT_HIP, Joint.LEFT_KNEE),
    (Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
    (Joint.RIGHT_HIP, Joint.RIGHT_KNEE),
    (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
)
STARTS, ENDS = ([limb[end] for limb in LIMBS] for end in (0, 1))
MEASURED_JOINTS = [*range(Joint.LEFT_ELBOW, Joint.LEFT_PINKY), *range(Joint.LEFT_HIP, Joint.LEFT_HEEL)]
MIN_FRAMES, MIN_FRAMES_SHARE = 8, 5  # a limb is measured if both show it in 8 frames and in a fifth of them
MOVES, STANDS_STILL = 8.0, 0.5  # degrees, standard deviation: above it a limb moves; below it, it is not correlated
MIN_SHOULDER_WIDTH = 4.0  # pixels; with less there is no unit for distances
NEAR = 0.2  # shoulder widths, of pck20

CROSS_FIGURES = ("angle_err", "angle_corr", "limbs", "found")
SELF_FIGURES = (
    "joints_err", "pck20", "joints_found", "hands_err", "hands_found", "hands_first", "hands_kept", "person_psnr",
    *CROSS_FIGURES,
)  # fmt: skip


def wrapped(degrees: Points) -> Points:
    """Angles brought to −180 (included) to 180 degrees (not included)."""
    return (degrees + 180) % 360 - 180


def limb_angles(track: BodyTrack) -> Points:
    """(T, 8) angle of each of LIMBS in the picture, degrees, 0 = to the right, 90 = down; NaN where it is not seen."""
    out = np.full((len(track.joints), len(LIMBS)), np.nan)
    for i, joints in enumerate(track.joints):
        if joints is None:
            continue
        across, down = (joints[ENDS] - joints[STARTS])[:, :2].T
        visible = track.visible(i)
        out[i] = np.where(visible[STARTS] & visible[ENDS], np.degrees(np.arctan2(down, across)), np.nan)
    return out


def angle_figures(truth: Points, drawn: Points) -> Row:
    """angle_err, angle_corr and limbs of angles (T, K) in degrees, NaN where a limb is not seen."""
    errors, correlations = [], []
    for true, own in zip(truth.T, drawn.T, strict=True):
        both = ~np.isnan(true) & ~np.isnan(own)
        if both.sum() < max(MIN_FRAMES, len(truth) // MIN_FRAMES_SHARE):
            continue
        a, b = (wrapped(angles[both] - angles[both][0]) for angles in (true, own))
        errors.append(float(np.abs(wrapped(a - b)).mean()))
        if np.std(a) > MOVES:
            correlations.append(float(np.corrcoef(a, b)[0, 1]) if np.std(b) > STANDS_STILL else 0.0)
    return {"angle_err": _mean(errors), "angle_corr": _mean(correlations), "limbs": float(len(errors))}


def joint_figures(truth: BodyTrack, drawn: BodyTrack) -> Row:
    """joints_err, pck20 and joints_found of two clips of one size."""
    distances: list[float] = []
    expected = 0
    for i, (true, own) in enumerate(zip(truth.joints, drawn.joints, strict=True)):
        width = shoulder_width(true)
        if true is None or width is None:
            continue
        shown = truth.visible(i)[MEASURED_JOINTS]
        expected += int(shown.sum())
        if own is not None:
            apart = np.linalg.norm((true - own)[MEASURED_JOINTS, :VISIBILITY], axis=1) / width
            distances += apart[shown & drawn.visible(i)[MEASURED_JOINTS]].tolist()
    return {
        "joints_err": 100 * _mean(distances),
        "pck20": _mean([float(distance < NEAR) for distance in distances]),
        "joints_found": len(distances) / expected if expected else np.nan,
    }


def hand_figures(truth: BodyTrack, drawn: BodyTrack) -> Row:
    """hands_err, hands_found, hands_first and hands_kept of two clips of one size."""
    distances: list[float] = []
    found: list[float] = []
    kept: list[float] = []
    for joints, true, own in zip(truth.joints, truth.hands, drawn.hands, strict=True):
        width = shoulder_width(joints)
        if width is None:
            continue
        for side, points in true.items():
            found.append(float(side in own))
            if side in truth.hands[0]:
                kept.append(found[-1])
            if side in own:
                distances.append(float(np.linalg.norm(points - own[side], axis=1).mean()) / width)
    return {
        "hands_err": 100 * _mean(distances),
        "hands_found": _mean(found),
        "hands_first": float(len(truth.hands[0])),
        "hands_kept": _mean(kept),
    }


def cross_figures(driver: BodyTrack, drawn: BodyTrack) -> Row:
    """CROSS_FIGURES."""
    found = float(np.mean([joints is not None for joints in drawn.joints]))
    return {**angle_figures(limb_angles(driver), limb_angles(drawn)), "found": found}


def self_figures(
    truth: BodyTrack, drawn: BodyTrack, frames: Sequence[Image], drawn_frames: Sequence[Image], persons: Sequence[Mask]
) -> Row:
    """SELF_FIGURES. frames, drawn_frames: (H, W, 3) each. persons: (H, W) each, of the truth."""
    decibels = [mask_psnr(*each) for each in zip(frames, drawn_frames, persons, strict=True)]
    return {
        **joint_figures(truth, drawn),
        **hand_figures(truth, drawn),
        "person_psnr": _mean([decibel for decibel in decibels if not np.isnan(decibel)]),
        **cross_figures(truth, drawn),
    }


def shoulder_width(joints: Points | None) -> float | None:
    """The distance of the shoulders in pixels; None where nobody was found or they are too near to be a unit."""
    if joints is None:
        return None
    width = float(np.linalg.norm((joints[Joint.LEFT_SHOULDER] - joints[Joint.RIGHT_SHOULDER])[:VISIBILITY]))
    return width if width >= MIN_SHOULDER_WIDTH else None


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else np.nan
