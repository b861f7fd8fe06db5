"""Figures of moving bodies, on synthetic joints."""

import numpy as np
import pytest

from benchmarks.evaluation.body_score import (
    CROSS_FIGURES,
    LIMBS,
    SELF_FIGURES,
    angle_figures,
    cross_figures,
    hand_figures,
    joint_figures,
    limb_angles,
    self_figures,
    shoulder_width,
    wrapped,
)
from benchmarks.evaluation.body_tracks import BodyTrack
from training.render.joints import Joint

WIDTH, HEIGHT = 640, 480
FRAMES = 20
LEFT_FOREARM = LIMBS.index((Joint.LEFT_ELBOW, Joint.LEFT_WRIST))


def standing():
    """Joints (33, 3) of somebody who stands upright with hanging arms, shoulders 100 pixels apart."""
    joints = np.zeros((33, 3))
    joints[:] = 320, 60, 1
    for side, x in ((0, 370), (1, 270)):
        for joint, y in (
            (Joint.LEFT_SHOULDER, 120), (Joint.LEFT_ELBOW, 180), (Joint.LEFT_WRIST, 240), (Joint.LEFT_HIP, 240),
            (Joint.LEFT_KNEE, 330), (Joint.LEFT_ANKLE, 420),
        ):  # fmt: skip
            joints[joint + side, :2] = x, y
    return joints


def track(joints, hands=None):
    return BodyTrack(WIDTH, HEIGHT, joints, [{}] * len(joints) if hands is None else hands)


def waving(degrees):
    """A clip in which the left forearm has these angles in the picture."""
    clip = []
    for angle in np.radians(degrees):
        joints = standing()
        joints[Joint.LEFT_WRIST, :2] = joints[Joint.LEFT_ELBOW, :2] + 60 * np.array([np.cos(angle), np.sin(angle)])
        clip.append(joints)
    return track(clip)


def test_angles_are_wrapped_to_half_a_turn_either_way():
    assert wrapped(np.array([190.0, -190.0, 180.0, -180.0, 359.0, 720.0])).tolist() == [-170, 170, -180, -180, -1, 0]


def test_limb_angles_turn_from_right_to_down():
    angles = limb_angles(waving([0, 45, 90, 180]))
    assert angles.shape == (4, 8)
    assert np.abs(wrapped(angles[:, LEFT_FOREARM] - [0, 45, 90, 180])).max() < 1e-9
    others = np.delete(angles, LEFT_FOREARM, axis=1)
    assert np.allclose(others, 90)


def test_joints_that_are_hidden_or_outside_have_no_angle():
    hidden, outside = standing(), standing()
    hidden[Joint.LEFT_WRIST, 2] = 0.5
    outside[Joint.RIGHT_ANKLE, 1] = HEIGHT + 1
    angles = limb_angles(track([hidden, outside, None]))
    assert np.isnan(angles[0]).nonzero()[0].tolist() == [LEFT_FOREARM]
    assert np.isnan(angles[1]).nonzero()[0].tolist() == [7]
    assert np.isnan(angles[2]).all()


def test_a_limb_across_the_half_turn_has_no_error_of_a_whole_one():
    truth = waving(170 + np.linspace(0, 20, FRAMES))  # from 170 over 180 to −170 degrees
    drawn = waving(168 + np.linspace(0, 20, FRAMES))
    figures = cross_figures(truth, drawn)
    assert figures["angle_err"] == pytest.approx(0, abs=1e-6)
    assert figures["limbs"] == 8 and figures["found"] == 1
    half = cross_figures(truth, waving(170 + np.linspace(0, 10, FRAMES)))
    assert half["angle_err"] == pytest.approx(5 / 8)  # of one limb in eight, 0 to 10 degrees


def test_angles_count_from_the_first_frame_in_which_both_are_seen():
    swing = 40 * np.sin(np.linspace(0, 6, FRAMES))
    truth, drawn = waving(90 + swing), waving(20 + swing)
    drawn.joints[0] = None
    figures = angle_figures(limb_angles(truth), limb_angles(drawn))
    assert figures["angle_err"] == pytest.approx(0, abs=1e-6)
    assert figures["angle_corr"] == pytest.approx(1)


def test_correlation_is_that_of_the_limbs_that_move():
    swing = 40 * np.sin(np.linspace(0, 6, FRAMES))
    truth = waving(90 + swing)
    assert cross_figures(truth, waving(90 - swing))["angle_corr"] == pytest.approx(-1)
    assert cross_figures(truth, waving(90 + swing / 2))["angle_corr"] == pytest.approx(1)
    assert cross_figures(truth, waving(np.full(FRAMES, 90.0)))["angle_corr"] == 0  # a limb that stands still
    assert np.isnan(cross_figures(waving(np.full(FRAMES, 90.0)), truth)["angle_corr"])


def test_a_limb_that_is_seen_too_rarely_is_not_measured():
    truth = waving(np.linspace(0, 90, FRAMES))
    drawn = waving(np.linspace(90, 0, FRAMES))
    for joints in drawn.joints[7:]:
        joints[Joint.LEFT_WRIST, 2] = 0
    figures = cross_figures(truth, drawn)
    assert figures["limbs"] == 7 and figures["angle_err"] == pytest.approx(0, abs=1e-6)
    nobody = cross_figures(truth, track([None] * FRAMES))
    assert nobody["limbs"] == 0 and nobody["found"] == 0 and np.isnan(nobody["angle_err"])


def test_joint_errors_are_shares_of_the_shoulder_width():
    moved = standing()
    moved[Joint.LEFT_WRIST, :2] += 30, 40  # half of the shoulder width, one joint in ten
    figures = joint_figures(track([standing()]), track([moved]))
    assert figures["joints_err"] == pytest.approx(5)
    assert figures["pck20"] == pytest.approx(0.9) and figures["joints_found"] == 1


def test_joints_that_the_drawn_frame_does_not_show_are_missing_but_no_error():
    hidden = standing()
    hidden[[Joint.LEFT_WRIST, Joint.LEFT_KNEE], 2] = 0
    hidden[Joint.LEFT_WRIST, :2] = 0
    figures = joint_figures(track([standing(), standing(), None]), track([hidden, None, standing()]))
    assert figures["joints_err"] == 0 and figures["pck20"] == 1
    assert figures["joints_found"] == pytest.approx(8 / 20)


def test_shoulders_that_are_no_unit_are_left_out():
    sideways = standing()
    sideways[Joint.RIGHT_SHOULDER] = sideways[Joint.LEFT_SHOULDER] + [3, 0, 0]
    assert shoulder_width(None) is None and shoulder_width(sideways) is None
    assert shoulder_width(standing()) == 100
    figures = joint_figures(track([sideways]), track([standing()]))
    assert all(np.isnan(value) for value in figures.values())


def test_hands_are_compared_side_by_side():
    hand = np.full((21, 2), 200.0)
    truth = track([standing()] * 4, [{"Left": hand}, {"Left": hand, "Right": hand}, {"Right": hand}, {}])
    near = hand + np.array([6, 8])
    drawn = track([standing()] * 4, [{"Left": near}, {"Right": hand}, {"Left": hand}, {"Left": hand}])
    figures = hand_figures(truth, drawn)
    assert figures["hands_err"] == pytest.approx(5)  # 10 and 0 pixels of 100
    assert figures["hands_found"] == pytest.approx(2 / 4)
    assert figures["hands_first"] == 1
    assert figures["hands_kept"] == pytest.approx(1 / 2)  # of the left hand alone, which the first frame shows


def test_every_figure_is_given_and_the_truth_itself_is_perfect():
    clip = waving(90 + 40 * np.sin(np.linspace(0, 6, FRAMES)))
    frames = [np.full((HEIGHT, WIDTH, 3), 100 + i, np.uint8) for i in range(FRAMES)]
    person = np.zeros((HEIGHT, WIDTH), bool)
    person[:, :200] = True
    spoilt = [frame.copy() for frame in frames]
    for frame in spoilt:
        frame[:, 200:] = 0  # outside of the person
    figures = self_figures(clip, clip, frames, spoilt, [person] * FRAMES)
    assert set(figures) == set(SELF_FIGURES) and set(CROSS_FIGURES) < set(SELF_FIGURES)
    assert figures["joints_err"] == 0 and figures["angle_err"] == 0 and figures["angle_corr"] == pytest.approx(1)
    assert figures["person_psnr"] > 70 and np.isnan(figures["hands_err"]) and figures["hands_first"] == 0
