"""Several guesses of a skeleton become one; other people's are left out."""

from pathlib import Path

import numpy as np
import pytest

from models.geometry.body import LEFT_ANKLE, LEFT_ELBOW, LEFT_SHOULDER, LEFT_WRIST, RIGHT_SHOULDER, RIGHT_WRIST
from streamer.rigging import skeleton
from streamer.rigging.canvas import Canvas, place_on_canvas
from streamer.rigging.face_search import find_faces
from streamer.rigging.picture import load_picture
from streamer.rigging.skeleton import agreed, find_skeleton, is_head_of, score
from streamer.tracking.motion import MIRRORED_JOINTS, VISIBILITY
from tests.support.skeletons import WIDTH, face_of_standing, grey_canvas, standing

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"
FACE = face_of_standing()


def shifted(joint: int, by: float) -> np.ndarray:
    joints = standing()
    joints[joint, 0] += by
    return joints


def test_agreed_leaves_out_a_guess_that_stands_alone() -> None:
    guesses = [shifted(LEFT_WRIST, by) for by in (0.0, 0.01, 0.02, 0.3)]
    joints = agreed(guesses, FACE, grey_canvas())
    assert joints[LEFT_WRIST, 0] == pytest.approx(standing()[LEFT_WRIST, 0] + 0.01, abs=1e-5)
    assert joints[LEFT_WRIST, VISIBILITY] == 1
    np.testing.assert_allclose(joints[LEFT_ELBOW], standing()[LEFT_ELBOW], atol=1e-6)


def test_agreed_doubts_a_joint_on_which_all_guesses_differ() -> None:
    guesses = [shifted(LEFT_WRIST, by) for by in (-0.4, -0.2, 0.0, 0.2)]
    assert agreed(guesses, FACE, grey_canvas())[LEFT_WRIST, VISIBILITY] < 0.5


def test_agreed_does_not_count_crops_that_do_not_show_a_joint() -> None:
    beyond = shifted(LEFT_ANKLE, 0.5)
    beyond[LEFT_ANKLE, VISIBILITY] = 0
    joints = agreed([standing(), beyond, beyond], FACE, grey_canvas())
    np.testing.assert_allclose(joints[LEFT_ANKLE], standing()[LEFT_ANKLE], atol=1e-6)


def test_agreed_counts_guesses_beyond_the_picture() -> None:
    beyond = shifted(LEFT_WRIST, 2.0)
    beyond[LEFT_WRIST, VISIBILITY] = 0
    assert agreed([standing(), beyond, beyond], FACE, grey_canvas())[LEFT_WRIST, VISIBILITY] < 0.5


def test_agreed_takes_guesses_of_another_pose_for_no_opinion() -> None:
    other = standing()
    other[11:, :2] += (0.5, 0.2)
    other[11:, VISIBILITY] = 0.6
    np.testing.assert_allclose(agreed([other, standing()], FACE, grey_canvas()), standing(), atol=1e-6)


def test_score_prefers_visible_limbs_of_equal_length() -> None:
    uneven, dim = shifted(LEFT_WRIST, 0.3), standing()
    dim[:, VISIBILITY] = 0.6
    assert score(standing(), FACE) > max(score(uneven, FACE), score(dim, FACE))


@pytest.mark.parametrize(
    "change",
    [
        lambda joints: joints + np.array([0.4, 0, 0, 0], np.float32),  # beside the face
        lambda joints: joints[MIRRORED_JOINTS],  # back to front
        lambda joints: (joints - joints[0]) * np.array([0.4, 0.4, 0.4, 1], np.float32) + joints[0],  # in the face
    ],
)
def test_is_head_of_refuses_the_head_of_somebody_else(change) -> None:
    assert is_head_of(standing(), FACE)
    assert not is_head_of(change(standing()), FACE)


def test_find_skeleton_starts_no_hand_model_for_a_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hand model was started")

    monkeypatch.setattr("streamer.rigging.hand_search.hands.Hands", refuse)
    canvas = place_on_canvas(load_picture(AVATAR), 256)
    face = find_faces(canvas)[0]
    found = find_skeleton(canvas, face)
    assert found.body is not None and found.hands is not None and found.notes == []
    assert found.body[[LEFT_SHOULDER, RIGHT_SHOULDER], VISIBILITY].min() > 0.5
    assert found.body[LEFT_SHOULDER, 0] > face[1, 0] > found.body[RIGHT_SHOULDER, 0]
    assert not found.body[[LEFT_WRIST, RIGHT_WRIST], VISIBILITY].any() and not found.hands.any()


def test_find_skeleton_without_a_person_has_neither_body_nor_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton, "detect_person", lambda *_: [standing() + np.float32(0.5)])
    found = find_skeleton(grey_canvas(), FACE)
    assert (found.body, found.hands, found.notes) == (None, None, [])


def test_find_skeleton_completes_what_lies_beyond_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_hands(_canvas: Canvas, _body: np.ndarray, size: float) -> np.ndarray:
        assert size == pytest.approx(WIDTH, rel=1e-3)
        return np.zeros((2, 21, 4), np.float32)

    monkeypatch.setattr(skeleton, "detect_person", lambda *_: [standing()])
    monkeypatch.setattr(skeleton, "find_hands", no_hands)
    body = find_skeleton(grey_canvas(64, 48), FACE).body
    assert body is not None and body[LEFT_ANKLE, VISIBILITY] == 0
    np.testing.assert_allclose(body[LEFT_ANKLE, :2], standing()[LEFT_ANKLE, :2], atol=1e-5)


def test_find_skeleton_notes_a_limb_that_cannot_be_unless_points_put_it_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton, "detect_person", lambda *_: [shifted(LEFT_WRIST, -0.95)])
    monkeypatch.setattr(skeleton, "find_hands", lambda *_: np.zeros((2, 21, 4), np.float32))
    assert find_skeleton(grey_canvas(), FACE).notes == [
        "The right arm does not lie where a limb can be, and rests: name its joints with --points points.json."
    ]
    place = standing()[LEFT_WRIST, :2]
    found = find_skeleton(grey_canvas(), FACE, {"right_wrist": (float(place[0]), float(place[1]))})
    assert found.notes == [] and found.body is not None
    np.testing.assert_allclose(found.body[LEFT_WRIST], standing()[LEFT_WRIST], atol=1e-6)


def test_find_skeleton_of_points_alone_needs_the_shoulders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton, "detect_person", lambda *_: [])
    monkeypatch.setattr(skeleton, "find_hands", lambda *_: np.zeros((2, 21, 4), np.float32))
    places = {"left_shoulder": (-0.15, -0.35), "left_elbow": (-0.2, -0.1)}
    assert find_skeleton(grey_canvas(), FACE, places).body is None
    body = find_skeleton(grey_canvas(), FACE, {**places, "right_shoulder": (0.15, -0.35)}).body
    assert body is not None and body[RIGHT_WRIST, VISIBILITY] == 0
    assert body[LEFT_SHOULDER].tolist() == pytest.approx([0.15, -0.35, body[0, 2], 1], abs=0.1)
