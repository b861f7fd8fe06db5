"""One film: what is held does not grow with its length, progress is told, and cancelling leaves nothing."""

import contextlib
import weakref
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.geometry.topology import LEFT_MOUTH_CORNER, LOWER_LIP_INNER, RIGHT_MOUTH_CORNER, UPPER_LIP_INNER
from streamer.film import film_maker, tracked_video
from streamer.film.driving import Driving
from streamer.film.film import Film, FilmCancelledError, FilmSummary
from streamer.film.film_maker import make_film
from streamer.film.performance import NoDriverError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.controls import Controls
from streamer.sources.mood_reading import read_mood
from streamer.sources.script import Script
from streamer.tracking.facing import yaw_of
from streamer.tracking.head_pose import CANONICAL, head_pose, rotation_vector
from streamer.tracking.motion import Motion
from streamer.tracking.shown_body import WHOLE_BODY
from tests.support.clips import grey_frames, make_video
from tests.support.people import nobody, person
from tests.support.speech import make_voice, vowels

RATE = 5  # frames a second of the fake videos


class Held:
    """Counts living objects of a kind."""

    def __init__(self):
        self.alive = self.peak = 0

    def add(self, item):
        self.alive += 1
        self.peak = max(self.peak, self.alive)
        weakref.finalize(item, self.drop)

    def drop(self):
        self.alive -= 1


class HeldFrame(CameraFrame):
    """A frame that can be referred to weakly."""


class HeldDrawing(AvatarFrame):
    """A drawn frame that can be referred to weakly."""


@dataclass(frozen=True)
class HeldMotion(Motion):
    """A motion that counts itself, its changed copies, too."""

    def __post_init__(self):
        held["motions"].add(self)


held: dict[str, Held] = {}


class FakeReader:
    """A video of grey frames; nobody is to be seen before `first_face` seconds."""

    rate, name, has_sound = RATE, "fake.mp4", False

    def __init__(self, seconds, *_):
        self.frames = seconds * RATE

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        for i in range(self.frames):
            frame = HeldFrame(np.zeros((4, 4, 3), np.uint8), i / RATE, i)
            held["frames"].add(frame)
            yield frame


class FakeDrivers(FakeReader):
    """Tracks nothing and finds one person who talks, and drives the leftmost character."""

    first_face, slots = 0.0, 1

    def __init__(self, **options):
        self.slots = len(options["shown"])

    def process(self, frame):
        found = frame.captured >= self.first_face
        return [self.motion(frame, found and slot == 0) for slot in range(self.slots)]

    def motion(self, frame, is_seen):
        motion = person(frame.captured, mouth=0.1 * (frame.index % 3)) if is_seen else nobody(frame.captured)
        return HeldMotion(**{each.name: getattr(motion, each.name) for each in fields(Motion)})


class FakePipeline:
    closed = 0

    def open(self, avatar):
        return avatar

    def close(self, stream):
        self.closed += 1

    def draw(self, requests):
        drawing = HeldDrawing(np.zeros((4, 4, 3), np.uint8), requests[0].motion.captured)
        held["drawings"].add(drawing)
        return [drawing]


class FakeOut:
    written = 0

    def write(self, frame):
        self.written += 1


@pytest.fixture
def fakes(monkeypatch):
    out = FakeOut()
    for kind in ("frames", "motions", "drawings"):
        held[kind] = Held()
    monkeypatch.setattr(tracked_video, "VideoReader", FakeReader)
    monkeypatch.setattr(tracked_video, "Drivers", FakeDrivers)
    monkeypatch.setattr(film_maker, "Sound", lambda *_: contextlib.nullcontext(SimpleNamespace(cut=lambda _: None)))
    monkeypatch.setattr(film_maker, "open_recording", lambda *_: contextlib.nullcontext(out))
    return out


def opening(motion):
    """Of the mouth, canonical units."""
    shape = head_pose(motion.face).inverse(motion.face)
    return float(np.linalg.norm(shape[LOWER_LIP_INNER] - shape[UPPER_LIP_INNER]))


def avatar(characters=1, yaw=0.0):
    """yaw: of each one's head in the picture, radians."""
    one = SimpleNamespace(shown_body=WHOLE_BODY, yaw=lambda mirrored: -yaw if mirrored else yaw)
    return SimpleNamespace(cast=[one] * characters)


def peaks(seconds, characters):
    """The most frames, motions and drawings that were held at once."""
    for kind in held:
        held[kind] = Held()
    summary = make_film(FakePipeline(), avatar(characters), Film(Driving(seconds), Path("out.mp4"), "fake.mp4"))
    assert summary == FilmSummary(seconds * RATE, pytest.approx(seconds))
    return {kind: each.peak for kind, each in held.items()}


@pytest.mark.parametrize(("first_face", "characters", "seconds"), [(0.0, 2, 28), (20.0, 1, 40)])
def test_film_holds_as_much_of_a_long_video_as_of_a_short_one(fakes, monkeypatch, first_face, characters, seconds):
    """first_face: a beginning in which nobody is seen; it is twice as long in the longer film."""
    monkeypatch.setattr(FakeDrivers, "first_face", first_face)
    short = peaks(seconds, characters)
    monkeypatch.setattr(FakeDrivers, "first_face", 2 * first_face)
    long = peaks(2 * seconds, characters)
    assert fakes.written == 3 * seconds * RATE
    assert long["motions"] < 1.15 * short["motions"]
    assert long["frames"] < 16 and long["drawings"] < 4  # the thread that tracks is up to eight frames further


def test_film_of_two_drivers_holds_as_much_of_long_videos_as_of_short_ones_and_ends_with_the_shorter(fakes):
    def peak(seconds):
        held["motions"] = Held()
        film = Film(Driving(face=seconds, body=2 * seconds), Path("out.mp4"))
        assert make_film(FakePipeline(), avatar(), film).frames == seconds * RATE
        return held["motions"].peak

    assert peak(32) < 1.15 * peak(16)


class Drawn(FakePipeline):
    """Keeps what it was asked to draw."""

    def __init__(self):
        self.requests = []

    def draw(self, requests):
        self.requests += requests
        return super().draw(requests)


@pytest.fixture
def spoken(tmp_path, monkeypatch):
    """A file with 1.5 s of sound; the film's own sound is left out."""
    monkeypatch.setattr(film_maker, "Sound", lambda *_: contextlib.nullcontext(SimpleNamespace(cut=cuts.append)))
    monkeypatch.setattr(film_maker, "open_recording", lambda *_: contextlib.nullcontext(FakeOut()))
    cuts.clear()
    held["drawings"] = Held()
    return make_voice(tmp_path / "voice.wav", [np.zeros(8000), vowels(0.5), np.zeros(8000)])


cuts: list[float] = []


def test_film_of_a_voice_alone_idles_at_thirty_frames_a_second_until_the_sound_ends(spoken):
    pipeline, told = Drawn(), []
    film = Film(Driving(voice=spoken), Path("out.mp4"))
    summary = make_film(pipeline, avatar(2), film, told.append)
    assert summary == FilmSummary(45, pytest.approx(1.5)) and told[0].expected == 45 and cuts == [pytest.approx(1.5)]
    times = np.array([each.motion.captured for each in pipeline.requests])
    assert times == pytest.approx(np.arange(45) / 30)
    openings = np.array([opening(each.motion) for each in pipeline.requests])
    assert openings[times < 0.45].max() < 0.02 and openings[(times > 0.5) & (times < 1.0)].max() > 0.1
    others = [opening(each.others[0][0]) for each in pipeline.requests]
    assert max(others) < 0.02, "the voice is the first character's"


def test_film_that_no_file_drives_idles_as_long_as_it_is_to_be_and_is_silent(fakes, monkeypatch):
    monkeypatch.setattr(film_maker, "Sound", None)
    pipeline, told = Drawn(), []
    film = Film(Driving(idle_s=3.0), Path("out.mp4"), mood=read_mood("very happy").mood)
    assert make_film(pipeline, avatar(), film, told.append) == FilmSummary(90, pytest.approx(3.0))
    assert (told[-1].tracked, told[-1].drawn, told[0].expected) == (90, 90, 90)
    assert smile(pipeline.requests[-1].motion) > 0.1


@pytest.mark.parametrize(("share", "begins"), [(1.0, 0.0), (0.0, 0.2)])
def test_film_lets_the_voice_have_its_share_of_a_driver_who_is_seen(fakes, spoken, share, begins):
    pipeline = Drawn()
    film = Film(Driving(2, voice=spoken), Path("out.mp4"), voice=share)
    assert make_film(pipeline, avatar(), film).frames == 2 * RATE
    seen = [opening(each.motion) for each in pipeline.requests if each.motion.captured < 0.45]
    assert max(seen) == pytest.approx(begins, abs=0.02)


def test_film_tells_where_nobody_speaks(spoken, tmp_path):
    silent = make_voice(tmp_path / "silent.wav", [np.zeros(8000)])
    made = make_film(Drawn(), avatar(), Film(Driving(voice=silent), Path("out.mp4")))
    assert made.notes == (f"No speech was heard in {silent}: the mouth stayed as it was without it.",)


def test_film_without_a_face_or_a_body_where_one_is_needed_ends_with_a_sentence(fakes, monkeypatch):
    monkeypatch.setattr(FakeDrivers, "first_face", 99.0)
    for driving, part in ((Driving(face=3), "face"), (Driving(body=3), "body")):
        with pytest.raises(
            NoDriverError, match=f"^No {part} was found in 3: use a video that shows the driver's {part}"
        ):
            make_film(FakePipeline(), avatar(), Film(driving, Path("out.mp4")))


def test_film_of_a_body_alone_blinks_and_moves_no_mouth(fakes):
    pipeline = Drawn()
    make_film(pipeline, avatar(), Film(Driving(body=6), Path("out.mp4")))
    assert max(opening(each.motion) for each in pipeline.requests) < 0.02
    assert all(each.motion.body is not None for each in pipeline.requests)


def smile(motion):
    """Width of the mouth over that of the neutral's, less 1."""
    shape = head_pose(motion.face).inverse(motion.face)
    widths = [np.linalg.norm(each[LEFT_MOUTH_CORNER] - each[RIGHT_MOUTH_CORNER]) for each in (shape, CANONICAL)]
    return float(widths[0] / widths[1]) - 1


def test_film_has_the_mood_and_does_what_its_script_says_when(fakes):
    pipeline = Drawn()
    script = Script.parse("2-5 mood: sad\n8-10 smile\n11 nod\n13 mood:")
    film = Film(Driving(16), Path("out.mp4"), "fake.mp4", mood=read_mood("very happy").mood, script=script)
    make_film(pipeline, avatar(2), film)
    at = {round(each.motion.captured * RATE): each.motion for each in pipeline.requests}
    happy, sad, both, after = (smile(at[round(seconds * RATE)]) for seconds in (1.6, 4.8, 9, 15.8))
    assert happy > 0.1 > sad and both > 1.2 * happy and abs(after) < 0.03
    nod = [rotation_vector(at[number].head)[0] for number in range(round(10.8 * RATE), round(12.4 * RATE))]
    assert np.ptp(nod) > 0.1 and abs(nod[0] - nod[-1]) < 0.03
    others = [smile(each.others[0][0]) for each in pipeline.requests]
    assert np.ptp(others) < 0.02, "the mood is the first character's"


def test_film_idles_as_its_mood_has_it(fakes):
    turns = {}
    for words in ("still", "very restless"):
        pipeline = Drawn()
        make_film(pipeline, avatar(), Film(Driving(body=20), Path("out.mp4"), mood=read_mood(words).mood))
        turns[words] = np.ptp([rotation_vector(each.motion.head)[2] for each in pipeline.requests])
    assert turns["still"] < 0.4 * turns["very restless"]


class DriversFromTheSide(FakeDrivers):
    """A person who looks to the right of the image for a second, and then into the camera."""

    def motion(self, frame, is_seen):
        return person(frame.captured, turn=(0, 0 if frame.index >= RATE else -1.2, 0))


@pytest.mark.parametrize(("yaw", "mirror", "neutral"), [(0, False, 0), (1.2, False, 1.2), (1.2, True, 0)])
def test_film_is_measured_against_a_driver_who_faces_as_the_picture_does(fakes, monkeypatch, yaw, mirror, neutral):
    monkeypatch.setattr(tracked_video, "Drivers", DriversFromTheSide)
    pipeline = Drawn()
    film = Film(Driving(4), Path("out.mp4"), "fake.mp4", controls=Controls(mirror=mirror))
    make_film(pipeline, avatar(2, yaw), film)
    for each in pipeline.requests:
        assert {round(yaw_of(of), 2) for of in (each.neutral, each.others[0][1])} == {neutral}


def test_film_reports_each_stage_and_every_frame(fakes):
    told = []
    pipeline = FakePipeline()
    make_film(pipeline, avatar(), Film(Driving(24), Path("out.mp4"), "fake.mp4"), told.append)
    assert [each.stage for each in told] == sorted((each.stage for each in told), key="tracking drawing finishing".find)
    assert {each.stage for each in told} == {"tracking", "drawing", "finishing"}
    assert (told[0].tracked, told[0].drawn, told[0].expected) == (0, 0, 24 * RATE)
    assert (told[-1].tracked, told[-1].drawn) == (24 * RATE, 24 * RATE)
    assert [each.drawn for each in told] == sorted(each.drawn for each in told)
    assert pipeline.closed == 1


def test_film_is_drawn_in_one_thread_of_torch_beside_the_one_that_tracks(fakes):
    threads = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        make_film(
            FakePipeline(),
            avatar(),
            Film(Driving(6), Path("out.mp4"), "fake.mp4"),
            lambda _: threads.append(torch.get_num_threads()),
        )
    finally:
        torch.set_num_threads(before)
    assert set(threads) == {1}


@pytest.mark.parametrize("after", [0, 20, 130])
def test_film_that_is_cancelled_ends_at_once_with_one_sentence(fakes, after):
    asked = []
    pipeline = FakePipeline()
    film = Film(Driving(48), Path("out.mp4"), "fake.mp4")
    with pytest.raises(FilmCancelledError, match=r"^The film was cancelled; nothing was written\.$"):
        make_film(pipeline, avatar(), film, cancelled=lambda: len(asked) >= after or asked.append(0))
    assert len(asked) == after and fakes.written <= after
    assert pipeline.closed == (1 if after else 0)


def test_film_that_is_cancelled_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(tracked_video, "Drivers", FakeDrivers)
    for kind in ("motions", "drawings"):
        held[kind] = Held()
    source = make_video(tmp_path / "in.mp4", grey_frames(60), [40 * i for i in range(60)], sound="aac")
    film = Film(Driving(source), tmp_path / "out.mp4", "talk.mp4")
    drawn = []
    with pytest.raises(FilmCancelledError):
        make_film(FakePipeline(), avatar(), film, lambda progress: drawn.append(progress.drawn), lambda: 5 in drawn)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    assert make_film(FakePipeline(), avatar(), film) == FilmSummary(60, pytest.approx(2.4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
