"""Several characters of one picture: drawn over one another, each after its own driver."""

from dataclasses import replace

import numpy as np
import pytest

from streamer.film.performance import perform_all
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline, SceneError
from streamer.generation.scene import over_background, over_plate
from streamer.generation.stream import FrameRequest
from streamer.rigging.backdrop import Backdrop
from streamer.rigging.canvas import place_on_canvas
from streamer.rigging.points import Points
from streamer.tracking.motion import Motion
from tests.support.people import STEP, nobody, person
from tests.support.pictures import CAT_POINTS
from tests.support.two_people import two_in_a_picture

SIZE = 128
BESIDE = Controls(mirror=False, keep_in_frame=False)


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return make_pipeline("geometry", size=SIZE)


@pytest.fixture(scope="module")
def avatar(pipeline: AvatarPipeline) -> Avatar:
    return pipeline.prepare(two_in_a_picture(), person="all")


def rest_of(avatar: Avatar) -> list[Motion]:
    return [Motion.still(one.rig.face[0].numpy(), one.rig.body[0].numpy()) for one in avatar.cast]


def draw(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    motions: list[Motion],
    controls: Controls = BESIDE,
    backdrop: Backdrop | None = None,
) -> AvatarFrame:
    first, *others = zip(motions, rest_of(avatar), strict=True)
    stream = pipeline.open(avatar)
    frame = pipeline.draw([FrameRequest(stream, *first, controls, tuple(others), backdrop=backdrop)])[0]
    pipeline.close(stream)
    return frame


def turned(motion: Motion) -> Motion:
    face = motion.face
    assert face is not None
    return replace(motion, face=face + np.array([0.06, 0.0, 0.0], np.float32))


def test_scene_at_rest_is_the_picture(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    canvas = place_on_canvas(two_in_a_picture(), SIZE)
    frame = draw(pipeline, avatar, rest_of(avatar))
    error = np.abs(frame.rgb - 255 * canvas.rgb[canvas.inside])
    assert frame.rgb.shape[:2] == (avatar.height, avatar.width)
    assert error.mean() < 1 and np.quantile(error, 0.99) <= 3
    assert frame.alpha is None and frame.stages["scene"] > 0


@pytest.mark.parametrize("moving", [0, 1])
def test_scene_each_character_follows_its_own_driver(pipeline: AvatarPipeline, avatar: Avatar, moving: int) -> None:
    rest = rest_of(avatar)
    motions = [turned(motion) if slot == moving else motion for slot, motion in enumerate(rest)]
    change = np.abs(draw(pipeline, avatar, motions).rgb.astype(int) - draw(pipeline, avatar, rest).rgb).sum(-1)
    half = avatar.width // 2
    own, other = (change[:, :half], change[:, half:]) if moving == 0 else (change[:, half:], change[:, :half])
    assert own.mean() > 20 * other.mean()


def test_scene_backgrounds_apply_to_all(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    rest = rest_of(avatar)
    green = draw(pipeline, avatar, rest, replace(BESIDE, background="colour", colour=(0, 255, 0)))
    corner = green.rgb[2, [2, avatar.width // 2, -3]]
    assert (np.abs(corner.astype(int) - (0, 255, 0)) < 12).all()
    backdrop = Backdrop(np.full((1, 40, 40, 3), (0, 0, 255), np.uint8), np.zeros(1), 0.0)
    own = draw(pipeline, avatar, rest, replace(BESIDE, background="picture"), backdrop)
    corner = own.rgb[2, [2, avatar.width // 2, -3]]
    assert (np.abs(corner.astype(int) - (0, 0, 255)) < 12).all()
    clear = draw(pipeline, avatar, rest, replace(BESIDE, background="transparent"))
    assert clear.alpha is not None
    half = avatar.width // 2
    covered = [part.mean() for part in (clear.alpha[:, :half], clear.alpha[:, half:])]
    assert min(covered) > 60 and (clear.rgb.max(-1) <= clear.alpha.astype(int) + 2).all()


def test_scene_a_character_without_a_driver_idles(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    driver = [person(i * STEP, mouth=0.02 * i) for i in range(8)]
    alone = [nobody(i * STEP) for i in range(8)]
    frames = [frame.rgb for frame in perform_all(pipeline, avatar, [driver, alone], BESIDE)]
    half = avatar.width // 2
    change = np.abs(frames[-1].astype(int) - frames[0]).sum(-1)
    assert len(frames) == 8 and change[:, :half].any() and change[:, half:].any()


def test_scene_takes_no_points(pipeline: AvatarPipeline) -> None:
    with pytest.raises(SceneError):
        pipeline.prepare(
            two_in_a_picture(),
            Points({name: (float(x), float(y)) for name, (x, y) in CAT_POINTS.items()}),
            person="all",
        )


def frame(value: int, alpha: float) -> AvatarFrame:
    rgb = np.full((4, 4, 3), value, np.uint8)
    return AvatarFrame(rgb, 0.0, np.full((4, 4), round(255 * alpha), np.uint8))


def test_over_plate_of_one_frame_is_that_frame_and_nearer_ones_cover() -> None:
    plate = np.full((4, 4, 3), 100, np.uint8)
    far, near = frame(200, 1.0), frame(50, 1.0)
    assert (over_plate([far], plate) == 200).all()
    assert (over_plate([far, near], plate) == 50).all()
    assert (over_plate([far, frame(100, 0.0)], plate) == 200).all()
    assert (over_plate([frame(200, 1.0), frame(75, 0.5)], plate) == 125).all()  # 75 = 0.5 · 50 + 0.5 · 100


def test_over_background_joins_alphas() -> None:
    rgb, alpha = over_background([frame(100, 0.5), frame(60, 0.5)], np.zeros((4, 4, 3), np.uint8))
    assert (np.abs(rgb.astype(int) - 110) <= 1).all() and (np.abs(alpha.astype(int) - 191) <= 1).all()
