"""Pictures with several people: each is cut out, and together they are the picture."""

import cv2
import numpy as np
import pytest

from models.geometry.body import LEFT_HIP, LEFT_KNEE, RIGHT_HIP, RIGHT_KNEE
from models.geometry.openings import EYES
from streamer.rigging.canvas import place_on_canvas
from streamer.rigging.cutout import Cutout, fine_alpha
from streamer.rigging.framing import Framing
from streamer.rigging.hidden_people import MirrorAxis
from streamer.rigging.matting import CoarseMatte
from streamer.rigging.person_search import Person
from streamer.rigging.picture import Picture
from streamer.rigging.picture_search import PictureSearch
from streamer.rigging.rigger import NoFaceError
from streamer.rigging.scene import FoundScene, cut_all_out, find_scene, layered, owner_of_each_pixel, seeds
from streamer.rigging.skeleton import Skeleton
from streamer.tracking.motion import VISIBILITY
from tests.streamer.rigging.test_drawn_eyes import SIDE, drawing, height
from tests.support.bodies import drawn_figure, figure_joints, wide_arms
from tests.support.people import person
from tests.support.pictures import opaque
from tests.support.two_people import two_in_a_picture

SIZE = 192


@pytest.fixture(scope="module")
def picture() -> Picture:
    return two_in_a_picture()


@pytest.fixture(scope="module")
def scene(picture: Picture) -> FoundScene:
    return find_scene(picture, SIZE)


def composed(scene: FoundScene) -> np.ndarray:
    frame = scene.characters[0].plate
    for number in scene.order:
        one = scene.characters[number]
        frame = one.rgb + (1 - one.alpha[..., None]) * (frame - one.plate)
    return frame


def test_find_scene_finds_both_from_left_to_right_with_their_own_bodies(scene: FoundScene) -> None:
    left, right = scene.characters
    assert left.face[:, 0].max() < 0 < right.face[:, 0].min()
    assert left.body is not None and right.body is not None
    assert left.body[11:13, 0].max() < 0.1 and right.body[11:13, 0].min() > -0.1
    assert left.people == right.people == 2 and "2 people found" in left.notes[0]


def test_find_scene_gives_each_their_own_pixels(scene: FoundScene) -> None:
    left, right = (one.alpha for one in scene.characters)
    half = SIZE // 2
    assert left[:, :half].sum() > 0.95 * left.sum()
    assert right[:, half:].sum() > 0.95 * right.sum()
    assert min(left.sum(), right.sum()) > 0.7 * max(left.sum(), right.sum())


def test_find_scene_layers_together_are_the_picture(scene: FoundScene, picture: Picture) -> None:
    canvas = place_on_canvas(picture, SIZE)
    error = np.abs(composed(scene) - canvas.rgb)[canvas.inside]
    assert error.mean() < 0.1 / 255
    assert np.quantile(error, 0.999) < 2 / 255


def test_find_scene_frames_all_heads(picture: Picture) -> None:
    scene = find_scene(picture, SIZE, Framing(kind="bust"))
    for one in scene.characters:
        assert np.abs(one.face[:, :2]).max() < 1
        assert one.layout.rect == scene.characters[0].layout.rect


def test_find_scene_puts_landmarks_on_the_eyes_of_everybody_who_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, face = drawing(11)
    heads = np.zeros((SIDE, SIDE), np.float32)
    x, y = ((face[:, :2].min(0) + face[:, :2].max(0)) / 2 + 1) * SIDE / 2
    cv2.ellipse(heads, (round(float(x)), round(float(y))), (60, 75), 0, 0, 360, 1, -1)
    rgb[heads == 0] = 0.3
    two = opaque((np.concatenate([rgb, rgb], 1) * 255).astype(np.uint8))
    matte = np.zeros((2 * SIDE, 2 * SIDE), np.float32)
    matte[place_on_canvas(two, 2 * SIDE).inside] = np.concatenate([heads, heads], 1)
    faces = [face * np.float32(0.5) + np.float32([middle, 0, 0]) for middle in (-0.5, 0.5)]
    monkeypatch.setattr("streamer.rigging.matting.segment_person", lambda *_: matte)
    monkeypatch.setattr(
        "streamer.rigging.scene.search_picture", lambda *_: PictureSearch(two, [Person(each) for each in faces])
    )
    monkeypatch.setattr("streamer.rigging.scene.find_skeleton", lambda *_: Skeleton(None, None))
    for one in find_scene(two, 2 * SIDE).characters:
        for ring, _ in EYES:
            assert height(one.face, ring) * 2 == pytest.approx(22, abs=2)


def test_find_scene_needs_a_face() -> None:
    with pytest.raises(NoFaceError):
        find_scene(opaque(np.full((96, 96, 3), 90, np.uint8), "grey.png"), 128)


def test_layered_gives_the_picture_and_goes_on_behind_a_nearer_person() -> None:
    size = 64
    rows, columns = np.mgrid[:size, :size]
    rgb = np.random.default_rng(0).uniform(0, 255, (size, size, 3)).astype(np.uint8)
    canvas = place_on_canvas(opaque(rgb), size)
    near = (np.hypot(columns - 24, rows - 32) < 14).astype(np.float32)
    far = (np.hypot(columns - 40, rows - 32) < 14).astype(np.float32) * (1 - near)
    plate = np.zeros((size, size, 3), np.float32)
    cutouts = [Cutout(alpha, canvas.rgb, plate) for alpha in (near, far)]
    made = layered(canvas, cutouts, [0.5, 0.5], [MirrorAxis(24, 32, 0, 1), MirrorAxis(40, 32, 0, 1)], (1, 0))
    frame = made[0][1].plate
    for number in (1, 0):
        alpha = made[number][1].alpha[..., None]
        frame = made[number][0] + (1 - alpha) * (frame - made[number][1].plate)
    assert np.abs(frame - canvas.rgb).max() < 1e-5
    whole = np.hypot(columns - 40, rows - 32) < 12
    assert (made[1][1].alpha[whole] > 0.9).mean() > 0.9  # behind the nearer one the farther one is a disc, too
    assert (made[0][1].alpha == near).all()


def test_owner_of_each_pixel_ends_where_colours_do() -> None:
    rgb = np.full((48, 96, 3), 0.9, np.float32)
    rgb[:, 30:60], rgb[:, 60:] = (0.8, 0.2, 0.2), (0.2, 0.2, 0.8)
    everybody = np.zeros((48, 96), np.float32)
    everybody[:, 30:90] = 1
    sure = [np.zeros((48, 96), bool) for _ in range(2)]
    sure[0][20:28, 36:40], sure[1][20:28, 80:84] = True, True
    owners = owner_of_each_pixel(rgb, everybody, sure)
    assert (owners[:, 33:57] == 0).all() and (owners[:, 67:88] == 1).all()
    assert (owners[:, :28] == -1).all()


def test_seeds_reach_into_thighs_whose_knees_are_not_seen() -> None:
    body = figure_joints()[0].numpy().copy()
    body[LEFT_KNEE:, VISIBILITY] = 0
    face = person().face * np.float32(0.5) + np.float32([0, -0.7, 0])
    (mask,) = seeds([(face, Skeleton(body, None))], SIZE)
    for hip, knee in ((LEFT_HIP, LEFT_KNEE), (RIGHT_HIP, RIGHT_KNEE)):
        x, y = np.round((body[hip, :2] + 0.25 * (body[knee, :2] - body[hip, :2]) + 1) * SIZE / 2 - 0.5).astype(int)
        assert mask[y, x]


def test_cut_all_out_leaves_the_gaps_beside_everybodys_limbs_open(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn_figure(SIZE, joints=wide_arms())
    rgb, alpha = (part[0].permute(1, 2, 0).numpy() for part in (figure.image, figure.matte))
    closed = alpha[..., 0].copy()
    across, down = np.meshgrid(*[np.linspace(-1, 1, SIZE, dtype=np.float32)] * 2)
    between = (np.abs(across) < 0.4) & (down > -0.3) & (down < 0.1)
    closed[between] = 1  # as networks do, which see all people in one matte
    picture = opaque((np.concatenate([rgb, rgb], 1) * 255).astype(np.uint8))
    canvas = place_on_canvas(picture, 2 * SIZE)
    matte = np.zeros((2 * SIZE, 2 * SIZE), np.float32)
    matte[canvas.inside] = np.concatenate([closed, closed], 1)
    monkeypatch.setattr("streamer.rigging.matting.segment_person", lambda *_: matte)
    people = []
    for middle in (-0.5, 0.5):
        face, body = (part[0].numpy() * np.float32(0.5) for part in (figure.face, figure.body))
        face[:, 0], body[:, 0], body[:, VISIBILITY] = face[:, 0] + middle, body[:, 0] + middle, 1
        people.append((face, Skeleton(body, None)))
    gaps = []

    def noted(rgb: np.ndarray, face: np.ndarray, coarse: CoarseMatte) -> tuple[np.ndarray, int]:
        assert coarse.gaps is not None
        gaps.append(coarse.gaps)
        return fine_alpha(rgb, face, coarse)

    monkeypatch.setattr("streamer.rigging.scene.fine_alpha", noted)
    left, right = (each.alpha[canvas.inside] for each in cut_all_out(canvas, picture, people))
    wall = between & (alpha[..., 0] < 0.5)
    for own, other in ((left[:, :SIZE], right[:, :SIZE]), (right[:, SIZE:], left[:, SIZE:])):
        assert wall.sum() > 300
        assert (own[wall] < 0.5).mean() > 0.5
        assert own[alpha[..., 0] > 0.5].mean() > 0.95
        assert other.max() < 0.05
    for own, sign in zip(gaps, (1, -1), strict=True):
        assert own[:, ::sign][:, :SIZE].sum() > 300 and not own[:, ::sign][:, SIZE:].any()
