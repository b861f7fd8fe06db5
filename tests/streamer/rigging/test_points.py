"""Hand-placed points are read, checked and made into landmarks."""

import json
from pathlib import Path

import numpy as np
import pytest

from streamer.rigging.points import Points, PointsError
from tests.support.pictures import CAT_POINTS


def test_points_accept_left_and_right_of_the_character() -> None:
    own = {
        name.replace("left", "#").replace("right", "left").replace("#", "right"): at for name, at in CAT_POINTS.items()
    }
    from_picture, from_character = (Points.parse(p).landmarks(1.0, (0, 0), 180.0) for p in (CAT_POINTS, own))
    assert np.allclose(from_picture, from_character, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chin": None}, "The point chin must be two numbers [x, y] in pixels of the picture."),
        ({"nose": [1]}, "The point nose must be two numbers [x, y] in pixels of the picture."),
        ({"nose": [float("nan"), 1]}, "The point nose must be two numbers [x, y] in pixels of the picture."),
        ({"tail": [1, 2]}, "tail is not the name of a point: use "),
        ({"right_eye": [135, 120]}, "The points do not form a face: "),
        ({"left_knee": [1]}, "The point left_knee must be two numbers [x, y] in pixels of the picture."),
        (
            {"left_elbow": [1, 2], "left_wrist": [1, 2]},
            "The points left_elbow and left_wrist lie on one place: move one of them.",
        ),
        ({"outline": [[1, 2]]}, "The outline needs at least three points: add more or leave it out."),
    ],
)
def test_points_refuse_what_is_no_face_in_one_sentence(change: dict, sentence: str) -> None:
    with pytest.raises(PointsError) as caught:
        Points.parse({**CAT_POINTS, **change})
    assert str(caught.value).startswith(sentence)


def test_points_name_the_ones_that_are_missing() -> None:
    few = {name: at for name, at in CAT_POINTS.items() if name not in ("nose", "chin")}
    with pytest.raises(PointsError, match=r"^The points lack nose, chin: add them as \[x, y\]\.$"):
        Points.parse(few)


def test_points_load_reads_json_and_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    path.write_text(json.dumps(CAT_POINTS))
    assert Points.load(path).positions["nose"] == (180.0, 165.0)
    path.write_text("{")
    with pytest.raises(PointsError, match="cannot be read as JSON"):
        Points.load(path)
    with pytest.raises(PointsError, match="cannot be read as JSON"):
        Points.load(tmp_path / "none.json")


def test_points_of_a_body_alone_need_no_face() -> None:
    points = Points.parse({"left_wrist": [10, 20], "outline": [[0, 0], [1, 0], [0, 1]]})
    assert not points.has_face and points.body == ["left_wrist"]
    assert points.body_places(2.0, (4.0, 0.0), 32.0) == {"left_wrist": (25 / 32 - 1, 41 / 32 - 1)}
    with pytest.raises(PointsError, match=r"^The points lack right_eye, nose, mouth_left, mouth_right, chin: add them"):
        Points.parse({"left_wrist": [10, 20], "left_eye": [1, 2]})


@pytest.mark.parametrize(
    "body",
    [
        {"left_shoulder": [200, 40], "right_shoulder": [100, 40], "left_elbow": [220, 80]},
        {"left_hip": [200, 40], "right_hip": [100, 40], "left_elbow": [220, 80]},
        {**CAT_POINTS, "left_eye": [225, 120], "right_eye": [135, 120], "left_elbow": [220, 80]},
    ],
)
def test_body_points_named_from_the_character_are_swapped(body: dict) -> None:
    assert Points.parse(body).body_places(1.0, (0.0, 0.0), 180.0)["right_elbow"][0] == pytest.approx(220.5 / 180 - 1)


def test_points_of_face_and_body_give_the_same_landmarks_as_those_of_the_face() -> None:
    both = Points.parse({**CAT_POINTS, "left_elbow": [10, 250]})
    np.testing.assert_array_equal(
        both.landmarks(1.0, (0, 0), 180.0), Points.parse(CAT_POINTS).landmarks(1.0, (0, 0), 180.0)
    )
