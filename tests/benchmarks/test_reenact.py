"""`python -m benchmarks.reenact` on a clip of the repository."""

import json
import shutil

import cv2
import numpy as np
import pytest

from benchmarks.evaluation.score import FIGURES
from benchmarks.reenact import choose_views, main
from streamer.files.video_reader import VideoReader
from streamer.tracking.head_pose import rotation_matrix
from streamer.tracking.motion import Motion
from tests.support.clips import DRIVER, make_video


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    with VideoReader(DRIVER) as reader:
        frames = [
            cv2.resize(frame.rgb, (256, 256), interpolation=cv2.INTER_AREA)
            for frame, _ in zip(reader, range(12), strict=False)
        ]
    make_video(folder / "talk.mp4", frames, [40 * i for i in range(12)])
    cv2.imwrite(str(folder / "talk.png"), frames[0][..., ::-1])
    shutil.copy(folder / "talk.mp4", folder / "hard.mp4")
    shutil.copy(folder / "talk.png", folder / "hard.png")
    shutil.copy(folder / "talk.mp4", folder / "without_picture.mp4")
    return folder


def test_reenact_writes_every_figure_to_table_file_and_sheet(clips, tmp_path, capsys):
    out, sheets = tmp_path / "figures.json", tmp_path / "sheets"
    command = [str(clips), "--exclude", "hard", "--generator", "geometry", "--json", str(out), "--sheets", str(sheets)]
    assert main(command) == 0
    figures = json.loads(out.read_text())
    assert sorted(figures["scores"]) == ["mean", "talk"]
    row = figures["scores"]["talk"]["geometry"]
    assert list(row) == list(FIGURES) and row["frames"] == 12 and row["found"] == 1
    assert figures["scores"]["mean"]["geometry"]["psnr"] == pytest.approx(row["psnr"])
    assert row["psnr"] > 20 and row["akd"] < 5
    printed = capsys.readouterr().out
    assert all(name in printed for name in FIGURES) and "talk" in printed and "H.264" in printed
    assert cv2.imread(str(sheets / "talk.png")).shape == (512, 8 * 256, 3)


def test_a_second_mean_leaves_clips_out_and_frames_may_be_skipped(clips, tmp_path, capsys):
    out = tmp_path / "figures.json"
    command = [str(clips), "--without", "hard", "--every", "3", "--frames", "3", "--generator", "geometry"]
    assert main([*command, "--json", str(out)]) == 0
    scores = json.loads(out.read_text())["scores"]
    assert sorted(scores) == ["hard", "mean", "talk", "without hard"]
    assert scores["without hard"] == scores["talk"] and scores["talk"]["geometry"]["frames"] == 3
    assert "without hard" in capsys.readouterr().out


def test_views_are_the_frames_that_show_the_head_from_other_sides():
    def motion(yaw, confidence=1.0):
        rotation = rotation_matrix(np.radians([0, yaw, 0])).astype(np.float32)
        return Motion(0.0, np.zeros((478, 3), np.float32), confidence, head=rotation)

    clip = [motion(0), motion(5), motion(40), motion(38), motion(-20), motion(80, confidence=0.3), Motion(0.0)]
    assert choose_views(clip, 1) == [2]
    assert choose_views(clip, 2) == [2, 4]
    assert choose_views(clip, 5) == [2, 4]  # all others are near to these
    assert choose_views(clip, 0) == []


def test_a_folder_without_pairs_is_an_error_in_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path), "--generator", "geometry"]) == 1
    assert capsys.readouterr().err == (
        f"{tmp_path} holds no pair NAME.png, NAME.mp4 to animate: give the folder of the clips.\n"
    )
