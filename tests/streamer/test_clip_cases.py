"""Clips as people have them: cuts, damage, absences, noise and beginnings that are no neutral."""

import numpy as np
import pytest
import torch

from models.geometry.openings import lid_aspect
from models.geometry.topology import LEFT_EYE_INNER, LEFT_EYE_OUTER, MESH, RIGHT_EYE_INNER, RIGHT_EYE_OUTER, RIGHT_LID
from streamer.tracking.head_pose import head_pose
from streamer.tracking.lips import lip_opening, lip_width
from tests.support import clip_cases

GROWTH, SHIFT = 3, slice(4, 7)  # columns of `relations`
EYE_CORNERS = [LEFT_EYE_INNER, LEFT_EYE_OUTER], [RIGHT_EYE_INNER, RIGHT_EYE_OUTER]


@pytest.fixture(scope="module")
def calm():
    """What is shown of the undisturbed clip."""
    return clip_cases.relations(clip_cases.resolved(clip_cases.tracked(clip_cases.plain())))


def steps(relations):
    """Largest shift and turn from frame to frame."""
    change = np.abs(np.diff(relations, axis=0))
    return float(change[:, SHIFT].max()), float(change[:, :GROWTH].max())


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        (clip_cases.cut_to_another_place, "first"),
        (clip_cases.cut_to_another_place, "auto"),
        (clip_cases.cut_to_another_person, "first"),
    ],
)
def test_a_cut_has_a_new_neutral_within_ten_frames_eased_and_in_frame(calm, frames, kind):
    pairs = clip_cases.resolved(clip_cases.tracked(frames()), kind)
    assert [neutral.scene for _, neutral in pairs] == [0] * 20 + [1] * 20
    shown = clip_cases.relations(pairs)
    assert np.abs(shown[30:, SHIFT]).max() < np.abs(calm[:, SHIFT]).max() + 0.05  # in place
    assert np.abs(shown[30:, GROWTH]).max() < 0.06  # of its size; without a new neutral .36
    assert np.abs(shown[30:, :GROWTH]).max() < np.abs(calm[:, :GROWTH]).max() + 0.1
    shift, turn = steps(shown)
    assert shift < 0.06 and turn < 0.1


def test_bad_frames_give_no_kick(calm):
    pairs = clip_cases.resolved(clip_cases.tracked(clip_cases.two_bad_frames()))
    shown = clip_cases.relations(pairs)
    shift, turn = steps(shown)
    calm_shift, calm_turn = steps(calm)
    assert shift < 1.3 * calm_shift + 0.01 and turn < 1.3 * calm_turn + 0.01
    assert np.abs(shown - calm)[:, SHIFT].max() < 0.05
    assert min(motion.face_confidence for motion, _ in pairs) > 0.5


def test_who_walks_out_rests_and_is_back_within_half_a_second_with_the_same_neutral():
    pairs = clip_cases.resolved(clip_cases.tracked(clip_cases.walks_out_and_back()))
    stays = clip_cases.resolved(clip_cases.tracked(clip_cases.plain(0, len(pairs))))
    assert len({neutral.captured for _, neutral in pairs}) == 1 and pairs[-1][1].scene == 0
    shown = clip_cases.relations(pairs)
    assert steps(shown)[0] < 0.06
    away = slice(12, 46)  # the motion is eased from two frames before the return on
    assert np.abs(shown[away]).max() < 0.05  # radians, log, sizes of the face: it idles about the neutral
    openings = np.array([lip_opening(shape(motion)) for motion, _ in pairs])
    assert np.ptp(openings[away]) < 0.01
    back = slice(48 + 12, None)
    np.testing.assert_allclose(shown[back], clip_cases.relations(stays)[back], atol=0.01)
    assert np.abs(shown[back]).max() > 0.05  # the driver moves


def test_noise_moves_the_avatar_by_less_than_4_in_10000_of_the_eye_distance():
    motions = [motion for motion, _ in clip_cases.resolved(clip_cases.tracked(clip_cases.held_still_noisy()))]
    faces = np.array([motion.face[:MESH, :2] for motion in motions])
    left, right = (faces[0, corners].mean(0) for corners in EYE_CORNERS)
    moved = np.linalg.norm(np.diff(faces, axis=0), axis=-1).mean()
    assert moved < 0.0004 * np.linalg.norm(left - right)


def test_a_dark_room_is_followed_calmly(calm):
    pairs = clip_cases.resolved(clip_cases.tracked(clip_cases.dark_room()))
    assert min(motion.face_confidence for motion, _ in pairs) > 0.9  # not lost
    shown = clip_cases.relations(pairs)
    shift, turn = steps(shown)
    calm_shift, calm_turn = steps(calm)
    assert shift < 2 * calm_shift and turn < 3 * calm_turn
    assert np.abs(shown - calm).max() < 0.1  # radians, log, sizes of the face
    lit = clip_cases.resolved(clip_cases.tracked(clip_cases.plain()))
    opening, wanted = ([lip_opening(shape(motion)) for motion, _ in each] for each in (pairs, lit))
    assert np.corrcoef(opening, wanted)[0, 1] > 0.85


@pytest.fixture(scope="module")
def speech():
    """The whole clip at half its rate, tracked once."""
    return clip_cases.tracked(clip_cases.plain(0, 150)[::2])


def shape(motion):
    return head_pose(motion.face).inverse(motion.face)


def driven(pairs):
    """Of each frame: the mouth's opening that a picture with shut lips shows, and its width over that at rest."""
    at_rest = [shape(neutral) + neutral.correction for _, neutral in pairs]
    opening = [lip_opening(shape(motion)) - lip_opening(rest) for (motion, _), rest in zip(pairs, at_rest, strict=True)]
    width = [lip_width(shape(motion)) / lip_width(rest) for (motion, _), rest in zip(pairs, at_rest, strict=True)]
    return np.array(opening), np.array(width)


@pytest.mark.parametrize("kind", ["first", "auto"])
@pytest.mark.parametrize(
    "begin", ["in the middle of a word", "with the widest frame put first", "shortly before its end"]
)
def test_a_clip_that_begins_with_an_open_mouth_moves_the_mouth(speech, kind, begin):
    openings = np.array([lip_opening(shape(motion)) for motion in speech])
    widest = int(openings[: len(speech) * 2 // 3].argmax())
    motions = speech[widest:]
    if begin == "with the widest frame put first":
        motions = clip_cases.retimed([speech[widest], *speech])
    elif begin == "shortly before its end":
        motions = speech[widest : widest + 15]
    pairs = clip_cases.resolved(motions, kind)
    opening, _ = driven(pairs)
    wanted = np.array([lip_opening(shape(motion)) for motion, _ in pairs])
    assert np.corrcoef(np.maximum(opening, 0), wanted)[0, 1] > 0.9
    assert opening.max() > 0.7 * wanted.max()  # as far as the driver does


def test_who_smiles_at_the_start_does_not_look_sad_afterwards(speech):
    widths = np.array([lip_width(shape(motion)) for motion in speech])
    smiling = speech[int(widths.argmax())]
    pairs = clip_cases.resolved(clip_cases.retimed([smiling] * 6 + speech))
    _, width = driven(pairs)
    assert width[0] > 1.1 and np.median(width[6:]) > 0.95


def test_who_squints_at_the_start_does_not_stare_or_sleep_afterwards(speech):
    aspects = [float(lid_aspect(torch.from_numpy(shape(motion))[None], RIGHT_LID)) for motion in speech]
    squinting = speech[int(np.argmin(aspects))]
    pairs = clip_cases.resolved(clip_cases.retimed([squinting] * 6 + speech))
    lids = np.array([motion.lids[:, 0].mean() for motion, _ in pairs])
    assert lids[0] < 0.6 and 0.85 < np.median(lids[6:]) < 1.15
    assert pairs[0][1].lids[:, 0].mean() < 0.6  # the neutral is known to squint
