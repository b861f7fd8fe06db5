"""From pictures to rigs: faces, margins, alpha, hand-placed points."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.points import Points, PointsError
from streamer.rigging.rigger import NoFaceError, find_face, make_rig, place

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"
CAT = {"left_eye": [135, 120], "right_eye": [225, 120], "nose": [180, 165], "mouth_left": [155, 190],
       "mouth_right": [205, 190], "chin": [180, 215]}  # fmt: skip


@pytest.fixture(scope="module")
def avatar() -> Picture:
    return load_picture(AVATAR)


def opaque(rgb: np.ndarray, name: str = "test.png") -> Picture:
    return Picture(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]), name)


def cat() -> Picture:
    """A drawn cat, 360 x 260, in which no tracker finds a face."""
    rgb = np.full((260, 360, 3), (120, 170, 200), np.uint8)
    for x in (115, 245):
        cv2.fillPoly(rgb, [np.array([[x - 25, 100], [x + 25, 100], [x, 30]])], (200, 120, 40))
    cv2.ellipse(rgb, (180, 145), (95, 80), 0, 0, 360, (220, 140, 50), -1)
    for x in (135, 225):
        cv2.ellipse(rgb, (x, 120), (18, 14), 0, 0, 360, (240, 240, 120), -1)
        cv2.ellipse(rgb, (x, 120), (5, 13), 0, 0, 360, (20, 20, 20), -1)
    cv2.fillPoly(rgb, [np.array([[170, 158], [190, 158], [180, 170]])], (230, 110, 120))
    cv2.ellipse(rgb, (168, 180), (13, 9), 0, 0, 180, (60, 30, 20), 2)
    cv2.ellipse(rgb, (192, 180), (13, 9), 0, 0, 180, (60, 30, 20), 2)
    return opaque(rgb, "cat.png")


def test_the_projects_own_avatar(avatar: Picture) -> None:
    made = make_rig(avatar, 256, None, "cpu")
    rig = made.rig
    assert (made.width, made.height, made.notes) == (256, 256, [])
    assert rig.image.shape == (1, 3, 256, 256)
    left, right = rig.face[0, 33, 0], rig.face[0, 263, 0]
    assert left < 0 < right
    nose = ((rig.face[0, 1, :2] + 1) * 128).long().tolist()
    assert rig.matte[0, 0, nose[1], nose[0]] == 1
    assert rig.matte[0, 0, 2, 2] < 0.05


def test_a_small_face_in_a_large_picture_is_found(avatar: Picture) -> None:
    head = cv2.resize(avatar.rgba[..., :3], (150, 150), interpolation=cv2.INTER_AREA)
    wide = np.full((700, 1200, 3), 150, np.uint8)
    wide[300:450, 500:650] = head
    made = make_rig(opaque(wide), 256, None, "cpu")
    assert (made.width, made.height) == (256, 149)
    x, y = ((made.rig.face[0, 1, :2] + 1) * 600).tolist()  # pixels of the square of side 1200
    assert abs(x - 575) < 25
    assert abs(y - 250 - 375) < 40


def test_the_largest_of_several_faces_is_taken_and_said_so(avatar: Picture) -> None:
    rgb = avatar.rgba[..., :3]
    scene = np.full((512, 900, 3), 150, np.uint8)
    scene[:, :512] = cv2.resize(rgb, (512, 512))
    scene[200:500, 570:870] = cv2.resize(rgb, (300, 300))
    notes: list[str] = []
    face = find_face(place(opaque(scene), 512), notes)
    assert notes == ["2 faces found; the largest is animated"]
    assert face is not None
    assert face[1, 0] < 0


def test_no_face_names_the_points_option() -> None:
    with pytest.raises(NoFaceError) as caught:
        make_rig(cat(), 256, None, "cpu")
    assert str(caught.value) == (
        "No face was found in cat.png: use a picture that shows one, or name the places of eyes, nose, mouth and chin "
        "yourself with --points points.json."
    )


def test_points_make_a_rig_of_a_cat() -> None:
    made = make_rig(cat(), 256, Points.parse(CAT), "cpu")
    assert (made.width, made.height) == (256, 185)
    scale, top = 256 / 360, (256 - 185) // 2

    def pixel(landmark: int) -> np.ndarray:
        return ((made.rig.face[0, landmark, :2].numpy() + 1) * 128 - (0, top)) / scale

    assert np.linalg.norm(pixel(152) - CAT["chin"]) < 4
    assert np.linalg.norm(pixel(61) - CAT["mouth_left"]) < 4
    assert np.linalg.norm((pixel(1) + pixel(4)) / 2 - CAT["nose"]) < 4
    assert pixel(33)[0] < 135 < pixel(133)[0] < 180
    matte = made.rig.matte[0, 0].numpy()
    assert matte[top + round(145 * scale), round(180 * scale)] > 0.95
    assert matte[top + 4, 4] < 0.05


def test_points_may_be_named_from_the_characters_side() -> None:
    own = {name.replace("left", "#").replace("right", "left").replace("#", "right"): at for name, at in CAT.items()}
    seen, theirs = (Points.parse(p).landmarks(1.0, (0, 0), 180.0) for p in (CAT, own))
    assert np.allclose(seen, theirs, atol=1e-5)


def test_points_of_a_scaled_down_picture_are_in_its_own_pixels() -> None:
    small = cat()
    half = Picture(cv2.resize(small.rgba, (180, 130), interpolation=cv2.INTER_AREA), "cat.png", scale=0.5)
    whole, shrunk = (make_rig(p, 256, Points.parse(CAT), "cpu").rig.face for p in (small, half))
    assert (whole - shrunk).abs().max() < 0.02


def test_an_outline_is_the_matte() -> None:
    box = [[60, 20], [300, 20], [300, 240], [60, 240]]
    matte = make_rig(cat(), 256, Points.parse({**CAT, "outline": box}), "cpu").rig.matte[0, 0]
    assert matte[128, 128] > 0.95
    assert matte[128, 20] < 0.05


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chin": None}, "The point chin must be two numbers [x, y] in pixels of the picture."),
        ({"nose": [1]}, "The point nose must be two numbers [x, y] in pixels of the picture."),
        ({"nose": [float("nan"), 1]}, "The point nose must be two numbers [x, y] in pixels of the picture."),
        ({"tail": [1, 2]}, "tail is not the name of a point: use "),
        ({"right_eye": [135, 120]}, "The points do not form a face: "),
        ({"outline": [[1, 2]]}, "The outline needs at least three points: add more or leave it out."),
    ],
)
def test_wrong_points_are_told(change: dict, words: str) -> None:
    with pytest.raises(PointsError) as caught:
        Points.parse({**CAT, **change})
    assert str(caught.value).startswith(words)


def test_missing_points_are_named() -> None:
    few = {name: at for name, at in CAT.items() if name not in ("nose", "chin")}
    with pytest.raises(PointsError, match=r"^The points lack nose, chin: add them as \[x, y\]\.$"):
        Points.parse(few)


def test_points_outside_of_the_picture_are_told() -> None:
    with pytest.raises(
        PointsError, match=r"^The point chin \[180, 300\] lies outside of the picture, which has 360 x 260"
    ):
        make_rig(cat(), 256, Points.parse({**CAT, "chin": [180, 300]}), "cpu")


def test_points_files(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    path.write_text(json.dumps(CAT))
    assert Points.load(path).places["nose"] == (180.0, 165.0)
    path.write_text("{")
    with pytest.raises(PointsError, match="cannot be read as JSON"):
        Points.load(path)
    with pytest.raises(PointsError, match="cannot be read as JSON"):
        Points.load(tmp_path / "none.json")


def test_transparent_pictures_bring_their_own_matte(avatar: Picture) -> None:
    rgba = avatar.rgba.copy()
    rgba[: rgba.shape[0] // 3, : rgba.shape[1] // 4] = 0
    rig = make_rig(Picture(rgba, "cut.png"), 256, None, "cpu").rig
    assert rig.matte[0, 0, 10, 10] == 0
    assert rig.matte[0, 0, 200, 200] == 1
    assert rig.image[0, :, 10, 10].min() == 1  # on white


def test_margins_continue_the_picture_and_are_told() -> None:
    made = place(opaque(np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 100, 3))), 128)
    assert (made.left, made.top, made.width, made.height) == (32, 0, 64, 128)
    assert np.allclose(made.rgb[:, 0], made.rgb[:, 64], atol=1e-3)
