"""Reading videos: timestamps, orientation, and error sentences."""

import numpy as np
import pytest

from streamer.files.video_reader import VideoError, VideoReader
from tests.support.clips import TIMES, grey_frames, make_sound, make_video


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


def test_reader_raises_one_sentence_for_a_video_without_frames(tmp_path):
    path = make_video(tmp_path / "a.mkv", grey_frames(1), [0])
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75")])  # cut before the first cluster
    with pytest.raises(VideoError, match=r"a\.mkv (holds no frames|is not a readable video|cannot be decoded)"):
        read(path)
