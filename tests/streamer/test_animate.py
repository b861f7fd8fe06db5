"""The command line that makes files: the whole pipeline on the repository's own picture and clip."""

from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER
from streamer.animate import main, read_job
from streamer.files.video_reader import VideoReader
from streamer.film.performance import perform
from streamer.generation.controls import Controls
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import PICTURE_FORMATS
from streamer.rigging.picture import load_picture
from streamer.tracking.habits import LOOKAHEAD_S
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion_extractor import MotionExtractor
from tests.support.clips import AVATAR, DRIVER, grey_frames, make_sound, make_video
from tests.support.people import STEP, person
from tests.support.speech import make_voice, vowels


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The first 30 frames of the repository's clip, unevenly timed, with sound."""
    with VideoReader(DRIVER) as reader:
        frames = [frame.rgb for frame, _ in zip(reader, range(30), strict=False)]
    path = tmp_path_factory.mktemp("clips") / "short.mp4"
    return make_video(path, frames, [40 * i + (i % 3) for i in range(30)], sound="aac")


@pytest.fixture(scope="module")
def made(short, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out.mp4"
    assert (
        main(
            ["--ref", str(AVATAR), "--drive", str(short), "--out", str(out), "--generator", "geometry", "--size", "256"]
        )
        == 0
    )
    return out


def openings(path):
    with VideoReader(path) as reader, MotionExtractor(body=False) as extractor:
        motions = [extractor.process(frame) for frame in reader]
    faces = [head_pose(motion.face).inverse(motion.face) for motion in motions]
    return np.array([np.linalg.norm(face[UPPER_LIP_INNER] - face[LOWER_LIP_INNER]) for face in faces])


def test_every_frame_is_drawn_at_its_time_with_the_sound(short, made):
    with av.open(str(short)) as driver, av.open(str(made)) as out:
        wanted = [round(frame.time * 1000) for frame in driver.decode(video=0)]
        assert [round(frame.time * 1000) for frame in out.decode(video=0)] == wanted
        assert out.streams.audio[0].codec_context.name == "aac"


def test_the_picture_keeps_its_own_framing(made):
    height, width = load_picture(AVATAR).rgba.shape[:2]
    with VideoReader(made) as reader:
        first = next(iter(reader)).rgb
    assert max(first.shape[:2]) == 256
    assert first.shape[1] / first.shape[0] == pytest.approx(width / height, rel=0.02)


def test_a_frame_of_a_size_of_its_own_is_written(short, tmp_path):
    out = tmp_path / "wide.mp4"
    frame = ["--frame", "face", "--aspect", "320x180", "--head", "2", "--bones", "arms=0.9,legs=1.1"]
    inputs = ["--ref", str(AVATAR), "--drive", str(short), "--generator", "geometry", "--size", "128"]
    assert main([*inputs, *frame, "--out", str(out)]) == 0
    with VideoReader(out) as reader:
        assert {each.rgb.shape for each in reader} == {(180, 320, 3)}


def test_the_mouth_follows_the_driver(short, made):
    assert np.corrcoef(openings(short), openings(made))[0, 1] > 0.7


def test_the_terminal_tells_what_was_written(short, tmp_path, capsys):
    out = tmp_path / "a.mp4"
    command = [
        "--ref",
        str(AVATAR),
        "--drive",
        str(short),
        "--out",
        str(out),
        "--generator",
        "geometry",
        "--size",
        "128",
    ]
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"Wrote {out}: 30 frames, 1.2 s of film, in ") and "frames per second" in told.out
    for step in (
        "(1.2 s, 30 frames) becomes", "loading the geometry generator, usually", "preparing avatar.png, usually",
        "tracking a.mp4: frame 0 of 30", "drawing a.mp4: frame 1 of 30", "writing the end of a.mp4 and of its sound",
    ):  # fmt: skip
        assert step in told.err


def test_pictures_with_alpha_show_the_character_alone(short, tmp_path):
    out = tmp_path / "pictures"
    command = [
        "--ref",
        str(AVATAR),
        "--drive",
        str(short),
        "--out",
        str(out),
        "--generator",
        "geometry",
        "--size",
        "128",
    ]
    assert main([*command, "--alpha", "--neutral", "auto", "--no-smooth"]) == 0
    files = sorted(out.iterdir())
    assert len(files) == 30
    rgba = cv2.imread(str(files[-1]), cv2.IMREAD_UNCHANGED)
    assert rgba.shape[2] == 4
    assert rgba[64, 64, 3] > 250 and rgba[2, 2, 3] < 5  # the face is there, the upper corner is not


def test_a_background_of_ones_own_is_written_behind_the_character(short, tmp_path):
    behind, out = tmp_path / "behind.png", tmp_path / "pictures"
    cv2.imwrite(str(behind), np.full((64, 96, 3), (10, 20, 240), np.uint8))
    inputs = ["--ref", str(AVATAR), "--drive", str(short), "--generator", "geometry", "--size", "128"]
    assert main([*inputs, "--out", str(out), "--background-file", str(behind)]) == 0
    last = cv2.imread(str(sorted(out.iterdir())[-1]))
    assert (
        abs(last[2, 2].astype(int) - (10, 20, 240)).max() < 4
        and abs(last[64, 64].astype(int) - (10, 20, 240)).max() > 60
    )


def test_a_voice_alone_moves_the_mouth_when_it_is_heard_and_is_the_films_sound(tmp_path):
    quiet = np.zeros(9600)
    voice, out = make_voice(tmp_path / "voice.wav", [quiet, vowels(0.6), quiet]), tmp_path / "out.mp4"
    command = ["--ref", str(AVATAR), "--drive-voice", str(voice), "--out", str(out), "--generator", "geometry"]
    assert main([*command, "--size", "256"]) == 0
    with av.open(str(out)) as film:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])
        rate, seconds = film.streams.audio[0].rate, film.duration / av.time_base
    assert seconds == pytest.approx(1.8, abs=0.06)
    moved, times = openings(out), np.arange(54) / 30
    loud = np.array([np.abs(heard[int(t * rate) : int((t + 0.04) * rate)]).max(initial=0) > 0.02 for t in times])
    assert loud[(times > 0.65) & (times < 1.15)].all() and not loud[(times < 0.5) | (times > 1.3)].any()
    assert moved[loud].mean() > moved[~loud].mean() + 0.03
    is_open = times[moved > (moved.min() + moved.max()) / 2]
    assert abs((is_open[0] + is_open[-1]) / 2 - 0.9) <= 0.07, "the middle of the sound is the middle of what is said"


def test_words_alone_make_a_film_of_their_length_without_sound(tmp_path):
    script, out = tmp_path / "script.txt", tmp_path / "out.mp4"
    script.write_text("0.1-0.5 laugh")
    command = ["--ref", str(AVATAR), "--script", str(script), "--out", str(out), "--generator", "geometry"]
    assert main([*command, "--size", "128"]) == 0
    with av.open(str(out)) as film:
        assert film.duration / av.time_base == pytest.approx(1.5, abs=0.05) and not film.streams.audio
    moved = openings(out)
    assert moved[10:15].mean() > moved[-5:].mean() + 0.03


def test_a_face_of_one_video_sits_on_the_body_of_another(short, tmp_path):
    with VideoReader(DRIVER) as reader:
        frames = [np.ascontiguousarray(frame.rgb[:, ::-1]) for frame, _ in zip(reader, range(24), strict=False)]
    body = make_video(tmp_path / "body.mp4", frames, [50 * i for i in range(24)], sound="aac", seconds=1.2)
    out = tmp_path / "out.mp4"
    command = ["--ref", str(AVATAR), "--drive-face", str(short), "--drive-body", str(body), "--out", str(out)]
    assert main([*command, "--generator", "geometry", "--size", "256"]) == 0
    assert np.corrcoef(openings(short), openings(out))[0, 1] > 0.6
    with av.open(str(out)) as film:
        assert film.streams.audio and film.streams.video[0].frames == 30


def run(capsys, tmp_path, **flags):
    given = {"ref": AVATAR, "drive": DRIVER, "out": tmp_path / "out.mp4", "generator": "geometry", "size": 128} | flags
    code = main([word for name, value in given.items() for word in (f"--{name}", str(value))])
    return code, capsys.readouterr().err.strip()


def test_bad_inputs_get_one_sentence_and_leave_nothing(capsys, tmp_path):
    inputs = tmp_path / "in"
    inputs.mkdir()
    text = inputs / "text.mp4"
    text.write_text("no video")
    sound = make_sound(inputs / "sound.m4a")
    grey = make_video(inputs / "grey.mp4", grey_frames(height=96, width=96))
    cv2.imwrite(str(inputs / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    cases = [
        ({"ref": inputs / "none.png"}, f"There is no picture at {inputs / 'none.png'}: check the path."),
        (
            {"ref": text},
            f"The picture {text} is not a {PICTURE_FORMATS} image: convert it to one of these.",
        ),
        ({"drive": inputs / "none.mp4"}, f"There is no video at {inputs / 'none.mp4'}: check the path."),
        ({"script": text}, f"Line 1 of {text}: 'no video' is not of the form TIME ACT; write for example 0:03 smile."),
        ({"drive": sound}, f"{sound} has no picture track: give a video that shows the driver."),
        ({"drive": grey}, "Nobody was found in grey.mp4: use a video that shows the driver's face or body."),
        (
            {"out": tmp_path / "a.avi"},
            "a.avi does not end in .mp4, .webm or .mov: use one of these, or a folder for PNGs.",
        ),
    ]
    for flags, sentence in cases:
        code, told = run(capsys, tmp_path, **flags)
        assert code == 1
        assert told.splitlines()[-1] == sentence
    code, told = run(capsys, tmp_path, ref=inputs / "grey.png", mood="sad, gloopy")
    assert code == 1 and "--points" in told and "The mood goes on without 'gloopy' (nearest: gloomy, goofy)" in told
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_input_is_never_overwritten(capsys, tmp_path, short):
    before = short.read_bytes()
    code, told = run(capsys, tmp_path, drive=short, out=short)
    assert code == 1 and told == f"{short} is also an input: choose another --out."
    assert short.read_bytes() == before


@pytest.mark.parametrize("flags", [["--size", "99999"], ["--head", "3"], ["--colour", "green"], ["--face", "x"]])
def test_flags_out_of_range_are_refused_before_anything_is_done(flags, capsys, tmp_path):
    with pytest.raises(SystemExit) as caught:
        main(["--ref", str(AVATAR), "--drive", str(DRIVER), "--out", str(tmp_path / "a.mp4"), *flags])
    assert caught.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_ctrl_c_says_so_and_leaves_nothing(capsys, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("streamer.generation.pipeline.AvatarPipeline.draw", interrupted)
    code, told = run(capsys, tmp_path)
    assert code == 130
    assert told.splitlines()[-1] == f"Stopped; {tmp_path / 'out.mp4'} was not written."
    assert list(tmp_path.iterdir()) == []


def test_further_views_are_told_and_a_view_without_a_face_ends_the_job(capsys, tmp_path):
    shown, grey = tmp_path / "again.png", tmp_path / "grey.png"
    shown.write_bytes(AVATAR.read_bytes())
    cv2.imwrite(str(grey), np.full((200, 200, 3), 128, np.uint8))
    with VideoReader(DRIVER) as reader:
        clip = make_video(
            tmp_path / "clip.mp4", [frame.rgb for frame, _ in zip(reader, range(3), strict=False)], [0, 40, 80]
        )
    command = ["--ref", str(AVATAR), "--drive", str(clip), "--out", str(tmp_path / "a.mp4"), "--size", "128"]
    assert main([*command, "--generator", "geometry", "--ref", str(shown)]) == 0
    assert "again.png shows the character from the front, as another picture does" in capsys.readouterr().err
    assert main([*command, "--generator", "geometry", "--force", "--ref", str(grey)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "No face was found in grey.png: a further view must show the character's face, from the front or from a side; "
        "leave it out."
    )


def test_part_of_a_clip_is_a_film_with_its_part_of_the_sound(short, tmp_path):
    out = tmp_path / "part.mp4"
    inputs = ["--ref", str(AVATAR), "--drive", str(short), "--generator", "geometry", "--size", "128"]
    assert main([*inputs, "--out", str(out), "--clip", "-0.4", "--crf", "40"]) == 0
    with av.open(str(short)) as driver, av.open(str(out)) as film:
        wanted = [round(frame.time * 1000) for frame in driver.decode(video=0) if frame.time < 0.4]
        assert [round(frame.time * 1000) for frame in film.decode(video=0)] == wanted
        assert film.streams.audio[0].duration * film.streams.audio[0].time_base == pytest.approx(0.4, abs=0.04)


def test_several_clips_become_films_of_one_prepared_picture_and_a_bad_one_is_told(capsys, tmp_path, short, monkeypatch):
    prepared = []
    prepare = AvatarPipeline.prepare
    monkeypatch.setattr(AvatarPipeline, "prepare", lambda *given: prepared.append(0) or prepare(*given))
    clips, out = tmp_path / "clips", tmp_path / "films"
    clips.mkdir()
    for name in ("b.mp4", "a.mov"):
        (clips / name).write_bytes(short.read_bytes())
    (clips / "bad.webm").write_text("no video")
    (clips / "notes.txt").touch()
    grey = make_video(tmp_path / "grey.mp4", grey_frames(height=96, width=96))
    command = ["--ref", str(AVATAR), "--drive", str(clips), "--drive", str(grey), "--out", str(out)]
    assert main([*command, "--clip", "-0.2", "--generator", "geometry", "--size", "128"]) == 1
    told = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.mp4"]
    assert f"{clips / 'bad.webm'} is not a readable video" in told.err
    assert "Nobody was found in grey.mp4" in told.err
    assert told.err.splitlines()[-1] == f"2 of 4 films were written to {out}."
    assert [line.split(":")[0] for line in told.out.splitlines()] == [
        f"Wrote {out / 'a.mp4'}",
        f"Wrote {out / 'b.mp4'}",
    ]
    assert len(prepared) == 1


def test_folder_without_a_single_film_is_taken_away_again(capsys, tmp_path):
    grey = make_video(tmp_path / "grey.mp4", grey_frames(height=96, width=96))
    command = ["--ref", str(AVATAR), "--drive", str(grey), "--drive", str(grey.with_name("none.mp4"))]
    assert main([*command, "--out", str(tmp_path / "films"), "--generator", "geometry", "--size", "128"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"0 of 2 films were written to {tmp_path / 'films'}."
    assert [path.name for path in tmp_path.iterdir()] == ["grey.mp4"]


def test_job_is_read_from_flags():
    command = ["--ref", "a.png", "--drive", "a.mp4", "--drive", "clips", "--out", "films", "--clip", "-1:30"]
    job = read_job([*command, "--crf", "30", "--format", "webm", "--force", "--alpha"])
    assert job.drive == (Path("a.mp4"), Path("clips")) and job.clip_range == (0.0, 90.0)
    assert (job.crf, job.format, job.force, job.is_transparent) == (30, "webm", True, True)
    assert read_job(command[:-2]).clip_range.is_whole and read_job(command[:-2]).crf is None


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--clip", "12-3.5"], "--clip: '12-3.5' ends before it begins; write for example 3.5-12, 3.5-, -12 or "),
        (
            ["--clip", "5"],
            "--clip: '5' is not of the form START-END; write for example 3.5-12, 3.5-, -12 or 1:02-1:30.",
        ),
        (["--crf", "64"], "--crf is 64; it must be a whole number from 0 to 63."),
        (["--crf", "-1"], "--crf is -1; it must be a whole number from 0 to 63."),
        (["--format", "gif"], "argument --format: invalid choice: 'gif'"),
    ],
)
def test_flags_that_cannot_be_read_are_refused_with_an_example(flags, said, capsys):
    with pytest.raises(SystemExit):
        read_job(["--ref", "a.png", "--drive", "a.mp4", "--out", "a.mp4", *flags])
    assert said in capsys.readouterr().err


FACING = SimpleNamespace(cast=[SimpleNamespace(yaw=lambda mirrored: 0.0)])  # an avatar that faces the camera


class RecordingPipeline:
    """Keeps what it was asked to draw."""

    def open(self, avatar):
        return avatar

    def draw(self, requests):
        return list(requests)

    def close(self, stream):
        pass


@pytest.mark.parametrize("kind", ["first", "auto"])
def test_a_clip_that_begins_in_the_middle_of_a_word_moves_the_mouth(kind):
    """Measured against its own first frame, the mouth of the clip would hardly ever be open."""
    motions = [person(i * STEP, mouth=max(0.0, 0.2 * np.cos(5 * i * STEP))) for i in range(150)]
    drawn = list(perform(RecordingPipeline(), FACING, iter(motions), Controls(), kind))
    assert [request.motion.captured for request in drawn] == [motion.captured for motion in motions]
    rests = []
    for request in drawn:
        shape = head_pose(request.neutral.face).inverse(request.neutral.face) + request.neutral.correction
        rests.append(float(shape[LOWER_LIP_INNER, 1] - shape[UPPER_LIP_INNER, 1]))
    assert max(rests) < 0.05  # from the first frame on
    assert np.abs(np.diff(rests)).max() < 0.005  # and nothing jumps


def test_a_clip_is_foreseen_for_a_few_seconds_and_no_further():
    taken = []

    def motions():
        for i in range(1000):
            taken.append(i)
            yield person(i * STEP)

    next(perform(RecordingPipeline(), FACING, motions(), Controls()))
    assert len(taken) <= LOOKAHEAD_S / STEP + 2
