"""Contact sheets of the repository's own picture and clip."""

import cv2
import numpy as np
import pytest

from benchmarks.evaluation.gallery import SheetFormat, crop_focus_box, find_pictures, write_sheets
from streamer.errors import KagamiError
from streamer.files.video_reader import VideoReader
from streamer.generation.avatar import Avatar
from streamer.generation.factory import make_pipeline
from streamer.generation.generator import Reference
from streamer.options import PICTURE_FORMATS
from tests.support.clips import AVATAR, DRIVER, make_video
from tests.support.faces import drawn_face


def test_a_sheet_has_the_driver_above_the_drawn_frames(tmp_path):
    with VideoReader(DRIVER) as reader:
        frames = [cv2.resize(frame.rgb, (256, 256)) for frame, _ in zip(reader, range(6), strict=False)]
    clip = make_video(tmp_path / "talk.mp4", frames, [40 * i for i in range(6)])
    faceless = tmp_path / "cup.png"
    cv2.imwrite(str(faceless), np.full((128, 128, 3), 90, np.uint8))
    pipelines = {"geometry": make_pipeline("geometry", size=128)}
    lines = list(write_sheets([faceless, AVATAR], [clip], pipelines, tmp_path / "sheets"))
    assert lines[0] == "cup.png: no face is found and points are not given, left out"
    sheet = tmp_path / "sheets" / "avatar_talk.png"
    assert lines[1] == f"{sheet}: driver, geometry"
    for each in (sheet, tmp_path / "sheets" / "avatar_talk_close.png"):
        assert cv2.imread(str(each)).shape == (2 * 256, 8 * 256, 3)


def test_a_sheet_has_the_columns_and_tiles_that_are_asked_for(tmp_path):
    with VideoReader(DRIVER) as reader:
        frames = [cv2.resize(frame.rgb, (256, 256)) for frame, _ in zip(reader, range(6), strict=False)]
    clip = make_video(tmp_path / "talk.mp4", frames, [40 * i for i in range(6)])
    pipelines = {"geometry": make_pipeline("geometry", size=128)}
    list(write_sheets([AVATAR], [clip], pipelines, tmp_path, SheetFormat(columns=3, tile=128, every=2)))
    assert cv2.imread(str(tmp_path / "avatar_talk.png")).shape == (2 * 128, 3 * 128, 3)


def test_crop_focus_box_is_the_focus_box_of_the_rig():
    rig = drawn_face(size=128, scale=0.1)
    avatar = Avatar(rig, Reference(), width=128, height=96)
    x, y, half = rig.focus[0].tolist()
    rows, columns = np.mgrid[:128, :128]
    canvas = np.stack([columns, rows, 0 * rows], -1).astype(np.uint8)
    crop = crop_focus_box(canvas[16:112], avatar)
    assert crop[0, 0, 0] == round(64 * (1 + x - half)) and crop[0, 0, 1] == max(16, round(64 * (1 + y - half)))
    assert crop.shape[1] == pytest.approx(128 * half, abs=1)


def test_a_folder_without_pictures_is_an_error_in_one_sentence(tmp_path):
    with pytest.raises(KagamiError) as caught:
        find_pictures(tmp_path, None)
    assert str(caught.value) == (
        f"{tmp_path} holds no picture to animate: give a folder of {PICTURE_FORMATS} files with --refs."
    )
