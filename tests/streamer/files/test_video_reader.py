"""Reading videos: timestamps, orientation, and error sentences."""

import numpy as np
import pytest
from PIL import Image as Pillow

from streamer.files.video_reader import VideoError, VideoReader
from streamer.options import ClipRange
from tests.support.clips import TIMES, grey_frames, make_sound, make_video
from tests.support.heif import heic


def test_reader_yields_frames_in_order_with_their_timestamps(tmp_path):
    with VideoReader(make_video(tmp_path / "a.mp4", grey_frames())) as reader:
        frames = list(reader)
        assert reader.frames == len(TIMES)
    assert [round(frame.captured * 1000) for frame in frames] == TIMES
    assert [frame.index for frame in frames] == list(range(len(TIMES)))
    for i, frame in enumerate(frames):
        assert frame.rgb.shape == (48, 64, 3) and frame.rgb.dtype == np.uint8
        assert abs(int(frame.rgb[40, 40, 0]) - (20 + 25 * i)) < 4


def test_reader_takes_names_with_colons_for_files(tmp_path):
    assert len(read(make_video(tmp_path / "clip:1.mp4", grey_frames()))) == len(TIMES)


def test_reader_reads_a_truncated_video_up_to_the_damage(tmp_path):
    path = make_video(tmp_path / "a.mkv", grey_frames(60), [40 * i for i in range(60)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with VideoReader(path) as reader:
        assert 0 < len(list(reader)) < 60


def read(path):
    with VideoReader(path) as reader:
        return list(reader)


def test_reader_raises_one_sentence_for_each_unreadable_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 50)
    make_sound(tmp_path / "sound.m4a")
    whole = make_video(tmp_path / "whole.mp4", grey_frames()).read_bytes()
    (tmp_path / "headless.mp4").write_bytes(whole[: len(whole) // 2])  # the index of an MP4 is at its end
    unreadable = "{} is not a readable video (Invalid data found when processing input): give an MP4, MOV, WebM or MKV."
    expected = {
        "none.mp4": "There is no video at {}: check the path.",
        "empty.mp4": "{} is empty (0 bytes): record or download it again.",
        "text.mp4": unreadable,
        "sound.m4a": "{} has no picture track: give a video that shows the driver.",
        "headless.mp4": unreadable,
        ".": "{} is a folder: give the path of a video.",
    }
    for name, sentence in expected.items():
        with pytest.raises(VideoError) as caught:
            read(tmp_path / name)
        assert str(caught.value) == sentence.format(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.tiff", "a.gif", "a.avif", "a.heic", "tiles.heic"]
)
def test_reader_refuses_a_picture_which_would_become_a_film_of_one_frame(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".heic":
        path.write_bytes(heic(grey_frames(height=96, width=96)[0], tile=64 if name == "tiles.heic" else None))
    else:
        Pillow.fromarray(grey_frames(height=96, width=96)[0]).save(path)
    with pytest.raises(VideoError) as caught:
        VideoReader(path)
    assert str(caught.value) == (
        f"{path} is a picture, not a video: give a video of the driver to --drive, and the picture to animate to --ref."
    )


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.mp4"])
def test_reader_reads_moving_pictures_and_a_video_of_one_frame(tmp_path, name):
    path, frames = tmp_path / name, grey_frames(height=96, width=96)
    if name == "a.mp4":
        make_video(path, frames[:1])
    else:
        first, *others = map(Pillow.fromarray, frames)
        first.save(path, save_all=True, append_images=others, duration=80)
    assert len(read(path)) == (1 if name == "a.mp4" else len(frames))


def test_reader_raises_one_sentence_for_a_video_without_frames(tmp_path):
    path = make_video(tmp_path / "a.mkv", grey_frames(1), [0])
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75")])  # cut before the first cluster
    with pytest.raises(VideoError, match=r"a\.mkv (holds no frames|is not a readable video|cannot be decoded)"):
        read(path)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Four seconds with a key frame in each, of rising grey, whose times are a little uneven."""
    frames = [np.full((48, 64, 3), 20 + 2 * i, np.uint8) for i in range(100)]
    folder = tmp_path_factory.mktemp("long")
    times = [40 * i + i % 3 for i in range(100)]
    return {
        suffix: make_video(folder / f"a{suffix}", frames, times, options={"g": "25", "bf": "2"})
        for suffix in (".mp4", ".mkv", ".ts")
    }


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("clip", [(1.5, 2.25), (0.0, 1.0), (1.0, 1.01), (2.995, None), (3.98, None)])
def test_reader_of_a_part_finds_the_frames_that_decoding_everything_finds(long, suffix, clip):
    begin, end = clip
    with VideoReader(long[suffix]) as reader:
        everything = list(reader)
    zero = everything[0].captured if suffix == ".ts" else 0.0  # such files begin at 1.4 s or so
    with VideoReader(long[suffix], ClipRange(*clip)) as reader:
        frames, expected = list(reader), reader.frames
    shown = max(i for i, each in enumerate(everything) if each.captured - zero <= begin + 1e-6)
    wanted = [each for each in everything[shown:] if end is None or each.captured - zero < end - 1e-6]
    times = [max(each.captured - zero - begin, 0.0) for each in wanted]
    np.testing.assert_allclose([frame.captured for frame in frames], times, atol=1e-5)
    assert all(np.array_equal(frame.rgb, each.rgb) for frame, each in zip(frames, wanted, strict=True))
    assert abs(expected - len(frames)) <= 2


def test_reader_of_a_part_decodes_no_more_than_it_needs(long, monkeypatch):
    decoded = []
    original = VideoReader._decoded
    monkeypatch.setattr(VideoReader, "_decoded", lambda self: (decoded.append(each) or each for each in original(self)))
    with VideoReader(long[".mp4"], ClipRange(2.5, 2.7)) as reader:
        assert len(list(reader)) == 6
    assert len(decoded) < 25  # from the key frame at 2 s on


def test_reader_of_a_part_reads_from_the_beginning_where_the_index_leads_past_it(long, monkeypatch):
    monkeypatch.setattr(VideoReader, "_seek", lambda self, begin: bool(self._container.seek(10**9)))
    with VideoReader(long[".mp4"], ClipRange(2.5, 2.7)) as reader:
        assert len(list(reader)) == 6


def test_reader_refuses_a_part_outside_of_the_file(long, tmp_path):
    path = long[".mp4"]
    for clip, sentence in {
        (60.0, None): f"{path} is 4.0 s long, and --clip begins at 60 s: choose an earlier part.",
        (1.0, 7.0): f"{path} is 4.0 s long, and --clip ends at 7 s: let it end earlier, or nowhere.",
    }.items():
        with pytest.raises(VideoError) as caught:
            VideoReader(path, ClipRange(*clip))
        assert str(caught.value) == sentence
    with VideoReader(path, ClipRange(3.0, 4.5)) as reader:  # players say 0:04 of a file that is 3.96 s long
        assert reader.frames == 25
    sound = make_video(tmp_path / "sound.mkv", grey_frames(), sound="aac", seconds=5.0)  # the picture ends before it
    with pytest.raises(VideoError, match=r"^talk\.mp4 is 4\.0 s long"):
        VideoReader(path, ClipRange(60.0, None), "talk.mp4")
    with pytest.raises(VideoError, match=r"sound\.mkv shows nothing from 3 s on: choose an earlier --clip\."):
        list(VideoReader(sound, ClipRange(3.0, None)))
