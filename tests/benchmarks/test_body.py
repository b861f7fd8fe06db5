"""`python -m benchmarks.body` on the clip and the picture of the repository."""

import json

import cv2
import numpy as np
import pytest

from benchmarks.body import TIMES, main
from benchmarks.compare import tables
from benchmarks.evaluation.body_score import CROSS_FIGURES, SELF_FIGURES
from benchmarks.evaluation.posed_joints import POSED_ANGLES, POSED_FIGURES
from streamer.files.video_reader import VideoReader
from tests.support.clips import AVATAR, DRIVER, make_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five frames at 30 frames a second, of which four are left at 24."""
    with VideoReader(DRIVER) as reader:
        frames = [cv2.resize(frame.rgb, (320, 320)) for frame, _ in zip(reader, range(5), strict=False)]
    path = tmp_path_factory.mktemp("clips") / "talk.mp4"
    return make_video(path, [frame[20:260] for frame in frames], [round(1000 * i / 30) for i in range(5)])


def test_a_clip_that_animates_its_first_frame_gets_every_figure(clip, tmp_path, capsys):
    out, sheets = tmp_path / "body.json", tmp_path / "sheets"
    command = [str(clip), "--generator", "geometry", "--size", "128", "--json", str(out), "--sheets", str(sheets)]
    assert main([*command, "--columns", "3"]) == 0
    report = json.loads(out.read_text())
    row = report["self"]["talk"]["geometry"]
    assert list(row) == [*SELF_FIGURES, *POSED_FIGURES, *TIMES] and report["self"]["mean"]["geometry"] == row
    assert row["found"] == 1 and row["person_psnr"] > 15 and row["draw_ms"] > 0 and report["refused"] == []
    assert cv2.imread(str(sheets / "self_talk.png")).shape == (2 * 240, 3 * 320, 3)
    printed = capsys.readouterr().out
    assert all(name in printed for name in row) and report["hardware"]["cpu"] in printed
    assert ("self / talk", ["geometry"]) in [(path, list(rows)) for path, rows in tables(report)]


def test_pictures_are_animated_by_each_clip_and_one_without_a_face_is_left_out(clip, tmp_path, capsys):
    out, cup = tmp_path / "body.json", tmp_path / "cup.png"
    cv2.imwrite(str(cup), np.full((128, 128, 3), 90, np.uint8))
    command = [str(clip), "--references", str(cup), str(AVATAR), "--generator", "geometry", "--frames", "2"]
    assert main([*command, "--size", "128", "--json", str(out), "--sheets", str(tmp_path)]) == 0
    report = json.loads(out.read_text())
    name = f"{AVATAR.stem}, talk"
    assert list(report["cross"]) == [name, "mean"]
    assert list(report["cross"][name]["geometry"]) == [*CROSS_FIGURES, *POSED_ANGLES, *TIMES]
    (sentence,) = report["refused"]
    assert sentence.startswith("cup.png is left out: ") and sentence in capsys.readouterr().out
    assert (tmp_path / f"cross_{AVATAR.stem}_talk.png").exists()


def test_a_missing_clip_is_an_error_in_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "none.mp4"), "--generator", "geometry"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"There is no video at {tmp_path / 'none.mp4'}: check the path."


def test_rendered_bodies_without_their_models_are_an_error_in_one_sentence(capsys):
    assert main(["--rendered", "--facekit", "face.npz", "--generator", "geometry"]) == 1
    assert capsys.readouterr().err == (
        "Rendered bodies need both models: give the paths of ict_facekit.npz with --facekit "
        "and of makehuman_base.npz with --bodykit.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.mp4", "--seconds", "0"],
        ["a.mp4", "--frames", "1"],
        ["a.mp4", "--columns", "1"],
        ["a.mp4", "--every", "0"],
        ["a.mp4", "--rendered"],
        ["--rendered", "--count", "0"],
        [],
    ],
)
def test_impossible_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error:" in capsys.readouterr().err
