"""What is wrong with a job is found before torch is loaded: one sentence, and nothing is written."""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.errors import KagamiError, SettingsError
from streamer.film.job import Job
from streamer.film.plan import plan_films
from tests.support.clips import AVATAR, grey_frames, make_sound, make_video


@pytest.fixture
def clips(tmp_path):
    """A folder with two videos, one that is none, a hidden one and notes."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("b.mp4", "a.MOV", ".hidden.mp4"):
        make_video(folder / name.lower(), grey_frames()).rename(folder / name)
    (folder / "bad.webm").write_text("no video")
    (folder / "notes.txt").touch()
    return folder


def job(clips, tmp_path, **fields):
    return Job(**{"ref": (AVATAR,), "drive": (clips / "b.mp4",), "out": tmp_path / "out.mp4"} | fields)


def refusal(*given, **fields):
    with pytest.raises(KagamiError) as caught:
        plan_films(job(*given, **fields))
    return str(caught.value)


def test_plan_of_one_clip_tells_its_length(clips, tmp_path):
    plan = plan_films(job(clips, tmp_path, clip="0.1-0.3"))
    assert [(each.driving.drive, each.out) for each in plan.films] == [(clips / "b.mp4", tmp_path / "out.mp4")]
    assert plan.films[0].seconds == pytest.approx(0.2, abs=0.05) and plan.folder is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]


def test_plan_of_several_clips_keeps_the_good_ones(clips, tmp_path):
    out = tmp_path / "films"
    plan = plan_films(job(clips, tmp_path, drive=(clips, clips / "b.mp4", clips / "none.mp4"), out=out))
    assert [each.out for each in plan.films] == [out / "a.mp4", out / "b.mp4"] and plan.folder == out
    assert plan.problems[0].startswith(f"{clips / 'bad.webm'} is not a readable video (")
    assert plan.problems[1:] == (f"There is no video at {clips / 'none.mp4'}: check the path.",)
    assert not out.exists()


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"alpha": True}, "a.webm"), ({"format": "mov"}, "a.mov"), ({"format": "png", "background": "transparent"}, "a")],
)
def test_plan_of_several_clips_takes_the_wanted_format(clips, tmp_path, fields, name):
    (clips / "bad.webm").unlink()
    plan = plan_films(job(clips, tmp_path, drive=(clips,), out=tmp_path / "films", **fields))
    assert plan.films[0].out.name == name


def test_plan_refuses_what_several_clips_cannot_have(clips, tmp_path):
    (tmp_path / "empty").mkdir()
    make_video(tmp_path / "b.webm", grey_frames(), codec="libvpx-vp9")
    several = (clips, tmp_path / "b.webm")
    films = tmp_path / "films"
    assert refusal(clips, tmp_path, drive=several, out=tmp_path / "out.mp4") == (
        f"{tmp_path / 'out.mp4'} is a file, and several videos become several films: let --out be a folder."
    )
    assert refusal(clips, tmp_path, drive=several, out=films) == (
        f"{clips / 'b.mp4'} and {tmp_path / 'b.webm'} would both become {films / 'b.mp4'}: rename one of them."
    )
    assert refusal(clips, tmp_path, drive=(tmp_path / "empty",), out=films) == (
        f"{tmp_path / 'empty'} holds no video: give a folder of MP4, MOV, WebM or MKV files."
    )
    assert refusal(clips, tmp_path, drive=(clips,), out=tmp_path / "none" / "films") == (
        f"There is no folder {tmp_path / 'none'}: make it first or choose another --out."
    )
    assert refusal(clips, tmp_path, format="webm") == (
        "--format is for several videos, and --out chooses for one: leave it out."
    )
    assert refusal(clips, tmp_path, drive=(clips,), out=films, alpha=True, format="mp4").startswith("MP4 cannot hold")


@pytest.mark.parametrize("fields", [{"alpha": True}, {"background": "transparent"}])
def test_plan_refuses_transparency_that_the_file_cannot_hold_in_the_same_words(clips, tmp_path, fields):
    assert refusal(clips, tmp_path, **fields) == (
        "MP4 cannot hold transparency: let --out end in .webm or .mov, or name a folder for PNGs."
    )


def test_plan_replaces_a_film_only_when_forced_and_an_input_never(clips, tmp_path):
    out, pictures = tmp_path / "out.mp4", tmp_path / "pictures"
    out.write_bytes(b"film")
    assert refusal(clips, tmp_path) == f"{out} exists already: give --force to replace it, or choose another --out."
    plan_films(job(clips, tmp_path, force=True))
    pictures.mkdir()
    cv2.imwrite(str(pictures / "000000.png"), np.full((96, 96, 3), 128, np.uint8))
    (tmp_path / "link.mp4").symlink_to(clips / "b.mp4")
    (tmp_path / "again.webm").symlink_to(AVATAR)
    words = tmp_path / "words.mp4"
    words.write_text("1 smile")
    for fields in (
        {"out": clips / "b.mp4"},
        {"out": tmp_path / "link.mp4"},
        {"out": tmp_path / "again.webm"},
        {"out": pictures, "ref": (pictures / "000000.png",)},
        {"out": words, "script": words},
    ):
        assert refusal(clips, tmp_path, force=True, **fields) == (
            f"{fields['out']} is also an input: choose another --out."
        )
    plan = plan_films(job(clips, tmp_path, drive=(clips,), out=clips, force=True))  # a.MOV becomes a.mp4 beside it
    assert [each.out.name for each in plan.films] == ["a.mp4"]
    assert f"{clips / 'b.mp4'} is also an input: choose another --out." in plan.problems
    assert out.read_bytes() == b"film"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"clip": "60-70"}, "is 0.4 s long, and --clip begins at 60 s: choose an earlier part."),
        ({"crf": 60}, "--crf is 60; H.264 takes 0 (best) to 51 (smallest)."),
        ({"ref": (Path("none.png"),)}, "There is no picture at none.png: check the path."),
        ({"drive": (Path("none.mp4"),)}, "There is no video at none.mp4: check the path."),
        ({"background": "picture"}, "--background picture needs a picture or a clip: give --background-file, too."),
        ({"checkpoint": AVATAR}, "avatar.png"),
        (
            {"drive": (AVATAR,)},
            f"{AVATAR} is a picture, not a video: give a video of the driver to --drive, and the picture to animate to "
            "--ref.",
        ),
    ],
)
def test_plan_refuses_what_no_film_can_be_made_with(clips, tmp_path, fields, said):
    assert said in refusal(clips, tmp_path, **fields)


def test_plan_needs_a_temporary_folder(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(
        SettingsError, match=r"^No temporary folder can be written \(.*: free some space, or let TMPDIR"
    ):
        plan_films(job(clips, tmp_path))


def test_refusals_come_before_torch_and_leave_with_status_1(clips, tmp_path):
    (tmp_path / "out.mp4").touch()
    program = (
        "import sys; from streamer.animate import main; status = main(sys.argv[1:]);"
        "sys.exit(99 if {'torch', 'mediapipe', 'numba', 'onnxruntime'} & set(sys.modules) else status)"
    )
    command = ["--ref", str(AVATAR), "--drive", str(clips / "b.mp4"), "--out", str(tmp_path / "out.mp4")]
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == f"{tmp_path / 'out.mp4'} exists already: give --force to replace it, or choose another --out.\n"
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"drive": (), "mood": "sad"},
            "nothing says how long the film is: give --drive, --drive-face, --drive-body, --drive-voice or --script, "
            "or --seconds.",
        ),
        ({"seconds": 3.0}, "--seconds is for films that no file drives: leave it out, or use --clip."),
        (
            {"drive": (), "seconds": 3.0, "clip": "1-2"},
            "--clip is a part of files, and none drives the film: use --seconds.",
        ),
        (
            {"drive_face": Path("a.mp4"), "drive_body": Path("b.mp4")},
            "--drive-face and --drive-body leave nothing to --drive: leave one of the three out.",
        ),
        (
            {"drive_face": Path("a.mp4"), "person": "all"},
            "--drive-face and --drive-body move one character: leave --person all out.",
        ),
        ({"voice": 0.5}, "--voice is the share of a voice: give --drive-voice, too, or leave it out."),
    ],
)
def test_flags_of_drivers_that_do_not_go_together_are_refused(clips, tmp_path, fields, said):
    with pytest.raises(SettingsError, match=f"^{said}$"):
        job(clips, tmp_path, **fields)


def test_plan_of_words_alone_is_as_long_as_they_say_or_as_it_is_told(clips, tmp_path):
    script = tmp_path / "script.txt"
    alone = {"drive": (), "script": script}
    for text, fields, seconds in (
        ("1-2 smile\n3 nod\n0 mood: sad", {}, 5.1),  # the nod's own length, and a second in which all eases out
        ("1 smile\n2-4 mood: sad", {}, 5.0),
        ("1 smile\n5 mood: sad", {"seconds": 7.0}, 7.0),
    ):
        script.write_text(text)
        (film,) = plan_films(job(clips, tmp_path, **alone, **fields)).films
        assert film.seconds == pytest.approx(seconds) and film.frames == round(30 * seconds) and not film.has_sound
    script.write_text("1 smile\n5 mood: sad")
    assert refusal(clips, tmp_path, **alone) == (
        f"{script} does not say when the film ends: give its last mood an end, or --seconds."
    )
    script.write_text("999999 smile")
    assert refusal(clips, tmp_path, **alone).endswith("give --seconds, at most ten hours.")


def test_plan_refuses_drivers_that_cannot_be_used(clips, tmp_path):
    video, sound = clips / "b.mp4", make_sound(tmp_path / "sound.m4a")
    alone = {"drive": ()}
    for fields, said in (
        ({"drive_voice": video}, f"{video} has no sound: give a file in which somebody speaks."),
        ({"drive_voice": clips / "no.wav"}, f"There is no sound file at {clips / 'no.wav'}: check the path."),
        ({"drive_voice": clips}, f"{clips} is a folder: give the path of a sound file."),
        ({"drive_face": sound}, f"{sound} has no picture track: give a video that shows the driver."),
        ({"drive_body": clips / "no.mp4"}, f"There is no video at {clips / 'no.mp4'}: check the path."),
        (
            {"drive_voice": sound, "clip": "5-6"},
            f"{sound} is 0.4 s long, and --clip begins at 5 s: choose an earlier part.",
        ),
    ):
        assert refusal(clips, tmp_path, **alone, **fields).startswith(said)
    notes = clips / "notes.txt"
    notes.write_text("no sound")
    assert refusal(clips, tmp_path, drive_voice=notes).endswith("give a WAV, an MP3 or a video.")
    assert refusal(
        clips, tmp_path, out=sound.rename(tmp_path / "s.mp4"), drive_voice=tmp_path / "s.mp4", force=True
    ) == (f"{tmp_path / 's.mp4'} is also an input: choose another --out.")


def test_plan_gives_every_film_the_same_voice(clips, tmp_path):
    (clips / "bad.webm").unlink()
    voice = make_sound(tmp_path / "voice.m4a")
    plan = plan_films(job(clips, tmp_path, drive=(clips,), out=tmp_path / "films", drive_voice=voice))
    assert [each.driving.drive.name for each in plan.films] == ["a.MOV", "b.mp4"]
    assert all(each.driving.voice == voice and each.has_sound for each in plan.films)
