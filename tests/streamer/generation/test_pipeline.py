"""The path from motion to frame: identity, framing, swapping, batching, backgrounds."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from kernels.sampling import packed_texels
from models.checkpoint import save
from models.config import ModelConfig
from models.dit import CausalDiT
from models.geometry.inpaint import dilate
from models.geometry.openings import EYES, LOWER_LIP_EDGE, lid_pairs
from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.geometry.topology import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from models.geometry.views import View
from streamer.effort import FULL
from streamer.errors import DeviceMemoryError
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.eager_frame import EagerFrame, still_batch
from streamer.generation.factory import make_pipeline
from streamer.generation.generator import GeometryGenerator, Reference
from streamer.generation.onnx_generator import OnnxGenerator
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.recorded_function import RecordedFunction
from streamer.generation.renderer import FrameBatch
from streamer.generation.stream import FrameRequest
from streamer.options import Background
from streamer.rigging.backdrop import Backdrop, cover_canvas
from streamer.rigging.picture import Picture, load_picture
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.motion import Motion
from tests.support.bodies import drawn_figure
from tests.support.devices import needs_cuda
from tests.support.networks import small_network

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"
SIDE_BY_SIDE = Controls(mirror=False)


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return make_pipeline("geometry", size=256)


@pytest.fixture(scope="module")
def avatar(pipeline: AvatarPipeline) -> Avatar:
    return pipeline.prepare(load_picture(AVATAR))


@pytest.fixture(scope="module")
def wide(pipeline: AvatarPipeline) -> Avatar:
    """The same picture with half its height again on either side."""
    rgba = load_picture(AVATAR).rgba
    margin = rgba.shape[1] // 4
    return pipeline.prepare(Picture(np.pad(rgba, ((0, 0), (margin, margin), (0, 0)), mode="edge"), "wide.png"))


def still_of(avatar: Avatar, move: float = 0.0) -> Motion:
    """The picture's own face as a driver, `move` canvas units to the right."""
    face = avatar.rig.face[0].numpy() + np.array([move, 0, 0], np.float32)
    return Motion.still(face, avatar.rig.body[0].numpy())


def test_still_driver_returns_the_picture(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    still = still_of(avatar)
    frame = pipeline.draw([FrameRequest(pipeline.open(avatar), still, still, SIDE_BY_SIDE)])[0]
    picture = (avatar.rig.image[0].permute(1, 2, 0).numpy() * 255).round().astype(int)
    assert frame.rgb.shape == (256, 256, 3)
    error = np.abs(frame.rgb.astype(int) - picture).max(2)
    # At the soft edge the plate, which is filled there, stands in for the background that shines through.
    matte = avatar.rig.matte
    edge = ((dilate((matte > 0).float(), 2) > 0) & (matte < 1))[0, 0].numpy()
    assert error[~edge].max() <= 2
    assert error[edge].mean() <= 3
    assert set(frame.stages) == {"retarget", "guide", "generate", "compose"}


@pytest.mark.parametrize("live", [True, False])
@torch.inference_mode()
def test_first_frame_of_a_body_with_the_network_finds_all_recorded_too(
    live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = EagerFrame(OnnxGenerator(small_network(), torch.device("cpu"), 1, live=live), torch.device("cpu"))
    rig = drawn_figure(96)
    reference = renderer.encode_reference(rig)
    monkeypatch.setattr(RecordedFunction, "_record", lambda *_: pytest.fail("a frame waits for a recording"))
    batch = FrameBatch([renderer.open(reference)], [rig], [rig], still_batch(rig), [None], False)
    assert renderer.draw(batch, Stopwatch(renderer.device))[0].shape == (1, 96, 96, 3)


@pytest.mark.parametrize("background", ["original", "colour", "transparent"])
def test_smaller_canvas_makes_frames_of_the_same_size_and_place(
    pipeline: AvatarPipeline, wide: Avatar, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as wide as the canvas of a portrait, so that frame and canvas differ."""
    monkeypatch.setattr(Rig, "stack", lambda rigs: pytest.fail("a single canvas is not copied"))
    stream, still, moved = pipeline.open(wide), still_of(wide), still_of(wide, 0.05)
    frames = []
    for effort in (FULL, replace(FULL, canvas_share=0.75), FULL):
        stream.set_effort(effort)
        stream.canvases.wait()
        stream.set_effort(effort)
        request = FrameRequest(stream, moved, still, replace(SIDE_BY_SIDE, background=background))
        frames.append(pipeline.draw([request])[0])
    whole, coarse, again = frames
    np.testing.assert_array_equal(again.rgb, whole.rgb)
    assert coarse.rgb.shape == whole.rgb.shape and (coarse.alpha is None) == (whole.alpha is None)
    blurred = [cv2.GaussianBlur(frame.rgb, (0, 0), 3).astype(int) for frame in (whole, coarse)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 1 and np.abs(blurred[0] - blurred[1]).max() < 40
    sharp = [cv2.Laplacian(frame.rgb[..., 1], cv2.CV_32F).std() for frame in (whole, coarse)]
    assert sharp[1] < 0.9 * sharp[0], "it was drawn with as many pixels"


def test_first_frame_of_a_picture_finds_all_recorded_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the engine's thread, and with it every session, would wait for recordings and for numba."""
    made = make_pipeline("geometry", size=96)
    avatar = made.prepare(load_picture(AVATAR))
    monkeypatch.setattr(RecordedFunction, "_record", lambda *_: pytest.fail("a frame waits for a recording"))
    still = still_of(avatar)
    assert still.face is not None
    opened, shut = still.face.copy(), still.face.copy()
    opened[list(LOWER_LIP_EDGE), 1] += 0.1
    for ring, _ in EYES:
        upper, lower = (list(lid) for lid in lid_pairs(ring))
        shut[upper] = shut[lower]
    faces, tongue = (still.face, opened, shut, opened + shut - still.face), np.array([1, 0], np.float32)
    stream, packed, frames = made.open(avatar), set(packed_texels._packed.data), set()  # holds references, not textures
    for face in faces:
        for extras in (still.extras, tongue):
            for controls in (SIDE_BY_SIDE, replace(SIDE_BY_SIDE, background="colour")):
                request = FrameRequest(stream, replace(still, face=face, extras=extras), still, controls)
                frames.add(made.draw([request])[0].rgb.tobytes())
    assert len(frames) == 2 * 2 * len(faces) and not set(packed_texels._packed.data) - packed


def test_mirror_reverses_the_motion(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    neutral, right = still_of(avatar), still_of(avatar, 0.1)

    corners = [RIGHT_EYE_OUTER, LEFT_EYE_OUTER]

    def eyes(controls: Controls) -> float:
        drivers = pipeline.batch([FrameRequest(pipeline.open(avatar), right, neutral, controls)]).drivers
        pose = retarget(avatar.rig, drivers.current, drivers.neutral, drivers.strength)
        return float(pose.face[0, corners, 0].mean() - avatar.rig.face[0, corners, 0].mean())

    assert eyes(SIDE_BY_SIDE) == pytest.approx(0.1, abs=0.01)
    assert eyes(Controls(mirror=True)) == pytest.approx(-0.1, abs=0.01)


def test_frame_keeps_the_framing_of_the_picture(pipeline: AvatarPipeline, wide: Avatar) -> None:
    assert (wide.width, wide.height) == (256, 171)
    still = still_of(wide)
    frame = pipeline.draw([FrameRequest(pipeline.open(wide), still, still, SIDE_BY_SIDE)])[0]
    assert frame.rgb.shape == (171, 256, 3)


def test_a_frame_beyond_the_picture_has_its_size_and_the_heads_bounds(pipeline: AvatarPipeline) -> None:
    controls = Controls(mirror=False, frame="face", aspect="16:9")
    wide = pipeline.prepare(load_picture(AVATAR), None, controls.framing)
    assert (wide.width, wide.height) == (256, 144)
    still = still_of(wide)
    requests = [FrameRequest(pipeline.open(wide), one, still, controls) for one in (still, still_of(wide, 1.5))]
    frames = [pipeline.draw([request])[0] for request in requests]
    picture = (wide.rig.image[0].permute(1, 2, 0).numpy() * 255).round().astype(int)
    assert frames[0].rgb.shape == (144, 256, 3)
    assert np.abs(frames[0].rgb - picture[56:200]).mean() < 2
    drivers = pipeline.batch(requests[1:]).drivers
    kept = retarget(wide.rig, drivers.current, drivers.neutral, drivers.strength, drivers.bounds)
    assert drivers.bounds is not None
    right = kept.head.apply(drivers.bounds.head[:, None, :3])[0, 0, 0] + drivers.bounds.head[0, 3] * kept.head.scale
    assert 0.9 < float(right) <= 1
    assert np.abs(frames[1].rgb.astype(int) - frames[0].rgb).mean() > 5


def test_batch_draws_what_each_session_draws_alone(pipeline: AvatarPipeline, avatar: Avatar, wide: Avatar) -> None:
    requests = [
        FrameRequest(pipeline.open(avatar), still_of(avatar, 0.05), still_of(avatar), SIDE_BY_SIDE),
        FrameRequest(pipeline.open(wide), still_of(wide, -0.05), still_of(wide), SIDE_BY_SIDE),
    ]
    together = pipeline.draw(requests)
    for request, frame in zip(requests, together, strict=True):
        alone = pipeline.draw([request])[0]
        assert np.abs(frame.rgb.astype(int) - alone.rgb).max() <= 2


@needs_cuda
def test_geometry_on_cuda_equals_the_cpu(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    on_cuda = make_pipeline("geometry", "cuda", size=256)
    moved = on_cuda.prepare(load_picture(AVATAR))
    still, turned = still_of(avatar), still_of(avatar, 0.05)
    for background in ("original", "colour", "transparent"):
        controls = Controls(mirror=False, background=background)
        wanted = pipeline.draw([FrameRequest(pipeline.open(avatar), turned, still, controls)])[0]
        drawn = on_cuda.draw([FrameRequest(on_cuda.open(moved), turned, still, controls) for _ in range(2)])
        for frame in drawn:
            assert np.abs(frame.rgb.astype(int) - wanted.rgb).mean() < 1
            assert (frame.alpha is None) == (wanted.alpha is None)
            assert all(milliseconds >= 0 for milliseconds in frame.stages.values())


@needs_cuda
def test_sessions_on_cuda_open_swap_and_close_while_a_picture_is_prepared(tmp_path: Path) -> None:
    save(small_network(), tmp_path / "small.safetensors")
    pipeline = make_pipeline("dit", "cuda", 256, tmp_path / "small.safetensors", sessions=3)
    mine = pipeline.prepare(load_picture(AVATAR))
    pipeline.warm_up(mine)
    still = Motion.still(mine.rig.face[0].cpu().numpy(), mine.rig.body[0].cpu().numpy())
    streams = [pipeline.open(mine) for _ in range(3)]
    with pytest.raises(DeviceMemoryError):
        pipeline.open(mine)
    requests = [FrameRequest(stream, still, still, SIDE_BY_SIDE) for stream in streams]
    first = pipeline.draw(requests)
    assert all(np.abs(frame.rgb.astype(int) - first[0].rgb).max() <= 2 for frame in first)
    with ThreadPoolExecutor(1) as background:
        coming = background.submit(pipeline.prepare, load_picture(AVATAR))
        while not coming.done():
            pipeline.draw(requests[:2])
        pipeline.swap(streams[2], coming.result())
    again = pipeline.draw(requests)
    assert np.abs(again[2].rgb.astype(int) - first[2].rgb).max() <= 2  # without past frames, and of the same picture
    pipeline.close(streams[0])
    pipeline.draw([FrameRequest(pipeline.open(mine), still, still, SIDE_BY_SIDE), *requests[1:]])


def test_backgrounds_replace_the_corner_of_the_picture(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    still = still_of(avatar)

    def corner(controls: Controls) -> tuple[np.ndarray, np.ndarray | None]:
        frame = pipeline.draw([FrameRequest(pipeline.open(avatar), still, still, controls)])[0]
        return frame.rgb[2, 2], None if frame.alpha is None else frame.alpha[2, 2]

    assert corner(Controls(background="original"))[1] is None
    colour, alpha = corner(Controls(background="colour", colour=(10, 200, 30)))
    assert np.abs(colour.astype(int) - (10, 200, 30)).max() <= 3
    assert alpha is None
    colour, alpha = corner(Controls(background="transparent"))
    assert alpha is not None
    assert alpha < 10
    assert colour.max() < 10


def test_swap_and_reset_drop_the_past_frames(avatar: Avatar, tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = CausalDiT(ModelConfig(width=64, depth=1, heads=4, keyed=1, stem=(8, 16, 16)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    path = tmp_path / "small.safetensors"
    save(network, path)
    pipeline = make_pipeline("dit", size=256, checkpoint=path)
    mine = pipeline.prepare(load_picture(AVATAR))
    stream = pipeline.open(mine)
    still = still_of(mine)
    request = FrameRequest(stream, still, still, SIDE_BY_SIDE)
    first, second = pipeline.draw([request])[0].rgb, pipeline.draw([request])[0].rgb
    assert not np.array_equal(first, second)
    pipeline.swap(stream, mine)
    assert np.array_equal(first, pipeline.draw([request])[0].rgb)
    pipeline.swap(stream, pipeline.prepare(load_picture(AVATAR)))
    assert np.array_equal(first, pipeline.draw([request])[0].rgb)


class Slow(GeometryGenerator):
    """Encodes a reference only after `allowed` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.allowed = threading.Event(), threading.Event()
        self.encoded = 0

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        self.started.set()
        assert self.allowed.wait(60)
        self.encoded += 1
        return super().encode_reference(rig, views)


def test_draw_never_waits_for_a_picture_in_preparation(avatar: Avatar) -> None:
    slow = Slow()
    pipeline = AvatarPipeline(EagerFrame(slow, torch.device("cpu")), size=256)
    stream, still = pipeline.open(avatar), still_of(avatar)
    with ThreadPoolExecutor(1) as background:
        coming = background.submit(pipeline.prepare, load_picture(AVATAR))
        assert slow.started.wait(60)
        for _ in range(3):
            pipeline.draw([FrameRequest(stream, still, still)])
        assert not coming.done()
        slow.allowed.set()
        pipeline.swap(stream, coming.result(60))
    pipeline.draw([FrameRequest(stream, still, still)])
    assert slow.encoded == 1  # a swap encodes nothing again


def test_a_backdrop_is_seen_behind_the_character_and_nowhere_in_front(
    pipeline: AvatarPipeline, avatar: Avatar, wide: Avatar
) -> None:
    """Of a frame with alpha, over the backdrop by hand: at rest and moved, also where the frame is not square."""
    rows, columns = np.mgrid[:90, :160]
    checks = np.where(((rows // 10 + columns // 10) % 2 > 0)[..., None], (250, 20, 200), (10, 240, 30)).astype(np.uint8)
    backdrop = Backdrop(checks[None], np.zeros(1), 0.0)
    for each in (avatar, wide):
        stream = pipeline.open(each)
        for move in (0.0, 0.15):
            motion, neutral = still_of(each, move), still_of(each)
            clear, shown = (
                pipeline.draw(
                    [FrameRequest(stream, motion, neutral, Controls(mirror=False, background=kind), backdrop=backdrop)]
                )[0]
                for kind in ("transparent", "picture")
            )
            assert clear.alpha is not None and shown.alpha is None
            alpha = clear.alpha[..., None] / 255
            height, width = alpha.shape[:2]
            canvas = cover_canvas(checks, (width, height), 256)
            top, left = (256 - height) // 2, (256 - width) // 2
            behind = canvas[top : top + height, left : left + width]
            assert np.abs(clear.rgb + (1 - alpha) * behind - shown.rgb).max() < 3
            assert (alpha > 0.99).mean() > 0.15 and (alpha < 0.01).mean() > 0.15  # there is something to see of both


def test_without_a_backdrop_the_pictures_own_background_stays(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    still = still_of(avatar)
    stream, chosen = pipeline.open(avatar), Controls(mirror=False, background="picture")
    own, plain = (pipeline.draw([FrameRequest(stream, still, still, c)])[0].rgb for c in (chosen, SIDE_BY_SIDE))
    assert np.array_equal(own, plain)


def test_a_clip_is_played_by_the_time_of_the_motion(pipeline: AvatarPipeline, avatar: Avatar) -> None:
    levels = np.array([50, 120, 220], np.uint8)
    clip = Backdrop(np.broadcast_to(levels[:, None, None, None], (3, 8, 8, 3)), np.array([0.0, 0.1, 0.2]), 0.3)
    stream, chosen, corners = pipeline.open(avatar), Controls(mirror=False, background="picture"), []
    for seconds in (0.05, 0.15, 0.25, 0.35, 300.15):
        motion = replace(still_of(avatar), captured=seconds)
        frame = pipeline.draw([FrameRequest(stream, motion, still_of(avatar), chosen, backdrop=clip)])[0]
        corners.append(int(frame.rgb[2, 2, 0]))
    assert corners == pytest.approx([50, 120, 220, 50, 120], abs=2)
