"""Backgrounds of one's own: stills and short clips, whatever is in the file."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamer.rigging import backdrop as backdrop_module
from streamer.rigging.backdrop import MAX_CLIP_MEMORY, Backdrop, BackdropError, cover_canvas, load_backdrop
from streamer.rigging.picture import PictureError
from streamer.rigging.picture_process import PictureProcess
from tests.support.clips import make_sound, make_video

LEVELS = (40, 90, 140, 190, 240)


def png(rgba: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(rgba).save(data, "PNG")
    return data.getvalue()


def clip_file(
    folder: Path, levels: tuple[int, ...] = LEVELS, step: int = 100, size: tuple[int, int] = (48, 96)
) -> Path:
    """A clip whose frames are grey of these levels, one every `step` ms."""
    frames = [np.full((48, 96, 3), level, np.uint8) for level in levels]
    return make_video(folder / "clip.mp4", frames, [step * i for i in range(len(frames))])


def test_a_still_is_one_frame_and_black_where_it_is_transparent() -> None:
    rgba = np.full((80, 120, 4), (200, 100, 50, 255), np.uint8)
    rgba[:, :60, 3] = 0
    still = load_backdrop(png(rgba))
    assert still.frames.shape == (1, 80, 120, 3) and still.notes == () and still.index_at(1234.5) == 0
    assert not still.frames[0, :, :60].any() and np.array_equal(still.frames[0, 0, 100], (200, 100, 50))


def test_a_clip_loops_at_its_own_rate(tmp_path: Path) -> None:
    clip = load_backdrop(clip_file(tmp_path))
    assert clip.frames.shape == (5, 48, 96, 3)
    assert [abs(int(frame.mean()) - level) < 6 for frame, level in zip(clip.frames, LEVELS, strict=True)] == [True] * 5
    assert clip.period == pytest.approx(0.5)
    shown = [clip.index_at(seconds) for seconds in (0, 0.09, 0.11, 0.45, 0.5, 0.61, 1000.25)]
    assert shown == [0, 0, 1, 4, 0, 1, 2]


def test_irregular_frames_are_shown_as_long_as_in_the_file() -> None:
    clip = Backdrop(np.zeros((3, 2, 2, 3), np.uint8), np.array([0.0, 0.1, 0.9]), 1.0)
    assert [clip.index_at(0.05 + k / 10) for k in range(10)] == [0, *[1] * 8, 2]


def test_a_long_clip_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backdrop_module, "MAX_CLIP_S", 1.0)
    clip = load_backdrop(clip_file(tmp_path, step=400))
    assert len(clip.frames) == 3
    assert clip.notes == ("Only the first 1 seconds of the background are shown, over and over.",)


def test_a_clip_takes_no_more_memory_than_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backdrop_module, "MAX_CLIP_MEMORY", 20_000)
    clip = load_backdrop(clip_file(tmp_path))
    assert len(clip.frames) == 5 and clip.frames.nbytes <= 20_000 < MAX_CLIP_MEMORY
    assert clip.frames.shape[2] / clip.frames.shape[1] == pytest.approx(2, rel=0.1)


def test_faster_clips_are_thinned(tmp_path: Path) -> None:
    assert len(load_backdrop(clip_file(tmp_path, LEVELS * 4, step=10)).frames) == 7


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\0\0\0\x18ftypmp42" + b"\0" * 500, "is damaged or of an unknown kind: save it as an MP4."),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 500, "is damaged or of an unknown kind: save it as an MP4."),
    ],
)
def test_damaged_clips_get_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(BackdropError) as caught:
        load_backdrop(data)
    assert str(caught.value) == f"The uploaded background {sentence}"


def test_sound_alone_is_no_background(tmp_path: Path) -> None:
    with pytest.raises(BackdropError, match="has no picture track: choose a clip that has one"):
        load_backdrop(make_sound(tmp_path / "sound.m4a").read_bytes())


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    """FFmpeg's probing would follow it; here it is neither a picture nor a known container."""
    secret = clip_file(tmp_path)
    for text in (f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n", f"ffconcat version 1.0\nfile {secret}\n"):
        with pytest.raises(PictureError):
            load_backdrop(text.encode())


def test_a_path_that_is_no_file_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BackdropError, match=r"There is no file at .*: check the path of the background\."):
        load_backdrop(tmp_path / "none.png")


def test_a_clip_of_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backdrop_module, "MAX_CLIP_PIXELS", 1000)
    with pytest.raises(BackdropError, match="has 96 x 48 pixels a frame: save it in 4K at most"):
        load_backdrop(clip_file(tmp_path))


def test_uploads_are_decoded_in_a_process_of_their_own(tmp_path: Path) -> None:
    pictures = PictureProcess()
    try:
        clip = pictures.load_backdrop(clip_file(tmp_path).read_bytes())
        assert len(clip.frames) == 5
        with pytest.raises(BackdropError, match="is damaged"):
            pictures.load_backdrop(b"\x1a\x45\xdf\xa3" + b"\0" * 500)
    finally:
        pictures.close()


@pytest.mark.parametrize("shape", [(30, 90), (90, 30), (300, 310)])
@pytest.mark.parametrize("crop", [(100, 60), (60, 100), (100, 100)])
def test_a_frame_covers_its_crop_without_distortion(shape: tuple[int, int], crop: tuple[int, int]) -> None:
    """A disc stays round, in the middle of the canvas, and the frame's border is not seen within the crop."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    radius = np.hypot(rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2)
    frame = np.where((radius < min(shape) * 0.3)[..., None], 255, 90).astype(np.uint8).repeat(3, 2)
    frame[[0, -1]] = frame[:, [0, -1]] = 0
    canvas = cover_canvas(frame, crop, 100)
    assert canvas.shape == (100, 100, 3)
    disc = canvas[..., 0] > 170
    high, wide = disc.any(1).sum(), disc.any(0).sum()
    if max(high, wide) < 95:  # the disc is whole
        assert abs(int(high) - int(wide)) <= 2
        assert abs(np.argwhere(disc).mean(0) - 49.5).max() < 1
    inside = canvas[
        (100 - crop[1]) // 2 + 4 : (100 + crop[1]) // 2 - 4, (100 - crop[0]) // 2 + 4 : (100 + crop[0]) // 2 - 4
    ]
    assert inside.min() > 30
