"""The command line of `benchmarks.quality`; the measurements are tested with the modules of benchmarks.evaluation."""

import json

import pytest

from benchmarks.evaluation.regions import REGIONS
from benchmarks.quality import main
from tests.support.kits import FACEKIT, needs_facekit


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["rendered"],
            "Rendered truth needs the face model: give the path of ict_facekit.npz with --facekit.",
        ),
        (["real"], "Real clips are needed for --parts real: give their folder with --clips."),
        (["real", "--clips", "{tmp}"],
         "{tmp} holds no pair NAME.png, NAME.mp4 to animate: give the folder of the clips."),
        (["refs"], "--parts refs needs --refs FOLDER, --drivers A.mp4 …, and --sheets FOLDER to draw into."),
    ],
)  # fmt: skip
def test_missing_options_are_an_error_in_one_sentence(arguments, sentence, tmp_path, capsys):
    assert main(["--parts", *(argument.format(tmp=tmp_path) for argument in arguments)]) == 1
    assert capsys.readouterr().err == sentence.format(tmp=tmp_path) + "\n"


@pytest.mark.parametrize("arguments", [["--count", "0"], ["--checkpoint-without", "skin"]])
def test_impossible_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        main(["--parts", "real", *arguments])
    assert "error:" in capsys.readouterr().err


@needs_facekit
def test_rendered_clips_are_measured_for_all_drivers(tmp_path, capsys):
    out = tmp_path / "quality.json"
    command = ["--parts", "rendered", "styles", "--facekit", FACEKIT, "--count", "1", "--frames", "2"]
    assert main([*command, "--json", str(out), "--sheets", str(tmp_path)]) == 0
    parts = json.loads(out.read_text())["parts"]
    assert set(parts["rendered"]) == {"self", "cross", "tracked"}
    row = parts["rendered"]["self"]["geometry"]
    assert set(REGIONS) < set(row) and 10 < row["psnr"] < 60
    assert set(parts["styles"]) >= {"skin", "cel", "absurd"}
    sheets = list((tmp_path / "rendered").glob("*.png"))
    tracked = [
        sheet for sheet in sheets if sheet.stem.endswith("tracked")
    ]  # of clips in which MediaPipe finds the face
    assert 1 <= len(tracked) <= 7 and len(sheets) == 14 + len(tracked)
    assert "driver: cross" in capsys.readouterr().out
