"""Recordings on the server: one file for each picture, with sound in time, whatever the disk does."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from streamer.engine.watchers import Watchers
from streamer.files.video_reader import VideoError
from streamer.files.video_writer import Recording, SoundTrack, open_live_recording
from streamer.frames import AvatarFrame
from streamer.rigging.picture import Picture
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.sound_feed import SAMPLE_RATE, SoundFeed
from streamer.server.recorder import CHANGES, MAX_WAITING_FRAMES, SESSIONS, Recorder
from streamer.server.recording_folder import KEPT_FREE_BYTES
from streamer.settings import Settings
from tests.support.engines import until
from tests.support.fakes import FakeAvatar
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.pictures import cat
from tests.support.server_checks import http_request, png, wait_until_settled

NOW = datetime(2026, 11, 29, 21, 30, 5)  # local time
STEP_S = 1 / 50  # of a simulated session
FLASH_S = (1.0, 1.1)  # in which the picture is white and a tone is heard


class Stage:
    """A recorder, sessions that it follows, and the time, which passes when a frame is shown."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.watchers = Watchers()
        self.recorder = Recorder(
            folder, 30, self.lines.append, **{"now": lambda: NOW, "clock": lambda: self.now, **options}
        )

    def session(self, name: str = "a.png") -> Any:
        session = SimpleNamespace(motions=Mailbox(), sound=SoundFeed(), stream=None, is_recorded=False)
        self.show(session, name)
        return session

    def show(self, session: Any, name: str) -> None:
        """Let a session have another picture."""
        picture = Picture(np.zeros((2, 2, 4), np.uint8), name)
        session.stream = SimpleNamespace(avatar=SimpleNamespace(picture=picture))

    def play(
        self, session: Any, seconds: float, side: int = 32, alpha: bool = False, tone: bool = True, lag_s: float = 0.0
    ) -> None:
        """Let time pass, in which frames are drawn and sound is heard; flash and tone at FLASH_S from its beginning."""
        session.sound.lag_s = lag_s
        for step in range(round(seconds / STEP_S)):
            at = step * STEP_S
            self.now += STEP_S
            is_loud = tone and FLASH_S[0] <= at + lag_s < FLASH_S[1]
            wave = np.sin(np.arange(SAMPLE_RATE // 50) * 2 * np.pi * 500 / SAMPLE_RATE) * 12_000 * is_loud
            self.watchers.hear(session.sound, True, np.repeat(wave[:, None], 2, 1).astype(np.int16))
            level = 255 if FLASH_S[0] <= at < FLASH_S[1] else 40
            rgb = np.full((side, side, 3), level, np.uint8)
            frame = AvatarFrame(rgb, self.now, np.full((side, side), 255, np.uint8) if alpha else None)
            self.watchers.deliver(session, True, frame)
            until(lambda: not self.recorder._waiting, "the frame's turn")


@contextmanager
def staged(folder: Path, **options: Any) -> Iterator[Stage]:
    stage = Stage(folder, **options)
    stage.recorder.start(stage.watchers)
    try:
        yield stage
    finally:
        stage.recorder.close()
        stage.recorder.close()
    assert not len(stage.watchers) and not stage.recorder.is_on


KILLED = """
import os, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from streamer.files.live_sound import LiveSound
from streamer.files.video_writer import open_live_recording
from streamer.frames import AvatarFrame
sound = LiveSound(lambda count, seconds: np.ones((count, 2), np.int16))
out = open_live_recording(Path(sys.argv[1]), Fraction(30), False, sound)
for number in range(105):  # 3.5 s
    level = 50 + 40 * number / 30
    out.write(AvatarFrame(np.full((32, 32, 3), level, np.uint8), number / 30))
os.kill(os.getpid(), signal.SIGKILL)
"""


def decode(path: Path) -> tuple[list[float], list[float], np.ndarray]:
    """Times and brightness of a file's frames, and its sound, mono at 48 kHz, from time 0 on."""
    times, levels, sound = [], [], np.zeros(0, np.float32)
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                times.append(float(frame.time))
                levels.append(float(frame.to_ndarray(format="rgb24").mean()))
            else:
                if not len(sound):
                    sound = np.zeros(max(0, round(frame.time * SAMPLE_RATE)), np.float32)
                sound = np.concatenate([sound, *[each.to_ndarray()[0] for each in resampler.resample(frame)]])
    return times, levels, sound


@pytest.mark.parametrize("lag_s", [0.0, 0.09])
def test_recorder_keeps_picture_and_sound_in_time(tmp_path: Path, lag_s: float) -> None:
    with staged(tmp_path) as stage:
        stage.play(stage.session("me at home.PNG"), 2.0, lag_s=lag_s)
    (path,) = tmp_path.iterdir()
    assert path.name == "2026-11-29_21-30-05_me-at-home.mp4"
    times, levels, sound = decode(path)
    assert len(times) == 100 and times[0] == 0 and times[-1] == pytest.approx(99 * STEP_S, abs=1e-3)
    bright = [at for at, level in zip(times, levels, strict=True) if level > 150]
    loud = np.flatnonzero(np.abs(sound) > 0.15) / SAMPLE_RATE
    assert bright[0] == pytest.approx(FLASH_S[0], abs=0.001)
    assert loud[0] == pytest.approx(bright[0], abs=0.045) and loud[-1] == pytest.approx(FLASH_S[1], abs=0.06)
    assert len(sound) / SAMPLE_RATE == pytest.approx(2.0, abs=0.06)
    assert stage.lines == [f"recording the newest session into {tmp_path}", f"recorded {path.name}, 2 s"]


def test_recorder_begins_a_file_at_each_picture_size_background_and_session(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        first = stage.session("one.png")
        stage.play(first, 0.3)
        assert first.is_recorded
        stage.show(first, "../../etc/passwd")
        stage.play(first, 0.3)
        stage.play(first, 0.3, side=48)
        stage.play(first, 0.3, side=48, alpha=True)
        second = stage.session("鏡.png")
        stage.play(second, 0.3)
        until(lambda: second.is_recorded and not first.is_recorded, "who is recorded")
        second.motions.close()
        stage.watchers.leave(second)
        until(lambda: not second.is_recorded, "the end of the second session")
        stage.watchers.deliver(second, True, AvatarFrame(np.zeros((32, 32, 3), np.uint8), stage.now))
        assert not stage.recorder._waiting, "a frame that was drawn while its session left"
        stage.play(first, 0.3)
    ends = ["etc-passwd.mp4", "etc-passwd.webm", "etc-passwd_2.mp4", "etc-passwd_3.mp4", "one.mp4", "picture.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"2026-11-29_21-30-05_{end}" for end in ends]
    for path in tmp_path.iterdir():
        times, _, sound = decode(path)
        assert len(times) == 15 and len(sound) / SAMPLE_RATE == pytest.approx(0.28, abs=0.06)


def test_recorder_begins_no_more_files_than_it_may_where_a_session_keeps_changing(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        session = stage.session()
        changes = int(CHANGES.burst) + 20
        for number in range(1 + changes):
            stage.play(session, 0.1, side=32 + 16 * (number % 2), alpha=number % 2 == 1, tone=False)
        count = 1 + int(CHANGES.burst)
        file: Any = stage.recorder._file
        until(lambda: file.frames == 5 * (changes - CHANGES.burst + 1), "the frames of all changes without a file")
        assert len(list(tmp_path.iterdir())) == count
        stage.now += 1 / CHANGES.per_s
        stage.show(session, "b.png")
        stage.play(session, 0.1, tone=False)
        assert len(list(tmp_path.iterdir())) == count + 1
    frames = sum(len(decode(path)[0]) for path in tmp_path.iterdir())
    assert frames == 5 * (2 + changes)
    (late,) = [line for line in stage.lines if "goes on" in line]
    assert late == (
        "2026-11-29_21-30-05_a_5.mp4 goes on with another picture, size or background fitted into it, since these "
        "change more than once in 10 s"
    )
    times, _, _ = decode(tmp_path / "2026-11-29_21-30-05_a_5.mp4")
    assert len(times) == 5 * (changes - CHANGES.burst + 1)


def test_recorder_lets_sessions_wait_for_a_file_where_they_begin_too_often(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        for _ in range(int(SESSIONS.burst)):
            stage.play(stage.session(), 0.1, tone=False)
        last = stage.session()
        stage.play(last, 0.1, tone=False)
        until(lambda: not last.is_recorded and len(stage.lines) == SESSIONS.burst + 2, "the last line")
        stage.now += 1 / SESSIONS.per_s
        stage.play(last, 0.1, tone=False)
        until(lambda: last.is_recorded, "the file of the last session")
    assert len(list(tmp_path.iterdir())) == SESSIONS.burst + 1
    assert stage.lines[-2] == ("the newest session is not recorded yet, since sessions begin more than once in 10 s")


class BrokenFile:
    """A file on a disk that is full after some frames."""

    def __init__(self, path: Path, rate: Fraction, alpha: bool, sound: SoundTrack) -> None:
        self._path, self._frames, self.abandoned = path, 0, False

    def write(self, frame: AvatarFrame) -> None:
        self._frames += 1
        if self._frames == 5:
            raise VideoError("no") from OSError(28, "No space left on device")

    def finish(self) -> None:
        raise AssertionError("a file that failed is not complete")

    def abandon(self) -> None:
        self.abandoned = True


def test_recorder_ends_with_one_sentence_where_the_disk_is_full(tmp_path: Path) -> None:
    opened: list[BrokenFile] = []

    def open_file(*arguments: Any) -> Recording:
        opened.append(BrokenFile(*arguments))
        return opened[-1]

    with staged(tmp_path, open_file=open_file) as stage:
        session = stage.session()
        stage.play(session, 0.1)
        until(lambda: not stage.recorder.is_on, "the end of the recording")
        stage.watchers.deliver(session, True, AvatarFrame(np.zeros((32, 32, 3), np.uint8), stage.now))
    assert opened[0].abandoned and not session.is_recorded
    assert stage.lines[1:] == [
        f"recording has stopped: {tmp_path}/2026-11-29_21-30-05_a.mp4 cannot be written (No space left on device): "
        "free some space or choose another --record and start the server again"
    ]


def test_recorder_leaves_free_what_is_kept_and_completes_nothing_more(tmp_path: Path) -> None:
    free = [KEPT_FREE_BYTES]
    with staged(tmp_path, free=lambda folder: free[0]) as stage:
        session = stage.session()
        stage.play(session, 0.2)
        free[0] -= 10**8
        stage.now += 10
        stage.watchers.deliver(session, True, AvatarFrame(np.zeros((32, 32, 3), np.uint8), stage.now))
        until(lambda: not stage.recorder.is_on, "the end of the recording")
    (path,) = tmp_path.iterdir()
    assert len(decode(path)[0]) == 10  # what was written is complete
    assert stage.lines[1:] == [
        f"recorded {path.name}, 0 s",
        f"recording has stopped: only 0.9 GB are free at {tmp_path}, of which recordings leave 1 GB: free some space "
        "and start the server again",
    ]


def test_recorder_leaves_frames_out_where_the_encoder_is_late_and_counts_them(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session = stage.session()
    for number in range(MAX_WAITING_FRAMES + 5):  # its thread does not run yet
        stage.recorder.follow(session, AvatarFrame(np.zeros((32, 32, 3), np.uint8), float(number)))
    assert stage.recorder.left_out == 5
    stage.recorder.start(stage.watchers)
    until(lambda: not stage.recorder._waiting, "the waiting frames")
    stage.recorder._file.left_out = 0  # type: ignore[union-attr]
    stage.recorder.close()
    assert stage.lines[-1].endswith("_a.mp4, 15 s; 5 of 21 frames left out, since the processor was busy")


async def test_server_records_its_newest_session_and_tells_the_page(tmp_path: Path) -> None:
    lines: list[str] = []
    avatar = FakeAvatar(128, 128, picture=cat())
    async with serving(Settings(), avatar=avatar, limits=UNLIMITED) as (address, server):
        recorder = Recorder(tmp_path, 30, lines.append)
        server._recorder = recorder
        recorder.start(server.engine.watchers)
        async with Page(socket_url(address)) as page:
            ready = await page.hello()
            await page.start(FakeCamera(90))
            await page.receive("state", recorded=True)
            await page.wait_for_frames(10)
            params = {"session": ready["session"], "name": "second picture.png"}
            await http_request(address, "PUT", "/api/picture", params=params, content=png())
            await page.receive("picture-status", stage="ready")
            await page.wait_for_frames(10)
            await page.send(type="bye")
            await wait_until_settled(lambda: sum("recorded" in line for line in lines) == 2)
        assert recorder.is_on
        await asyncio.to_thread(recorder.close)
    first, second = sorted(tmp_path.iterdir())
    assert first.name.endswith("_cat.mp4") and second.name.endswith("_second-picture.mp4")
    for path in (first, second):
        times, _, sound = decode(path)
        assert len(times) > 5 and times == sorted(times)
        assert len(sound) / SAMPLE_RATE == pytest.approx(times[-1], abs=0.06)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL here")
def test_a_recording_whose_process_is_killed_is_playable_up_to_its_last_second(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    times, levels, sound = decode(path)
    assert times[0] == 0 and times[-1] > 1.8 and len(sound) > 1.5 * SAMPLE_RATE
    assert levels == pytest.approx([50 + 40 * at for at in times], abs=6)


def test_open_live_recording_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(VideoError, match="cannot be written"):
        open_live_recording(tmp_path / "a.mp4", Fraction(30), False, SimpleNamespace())  # type: ignore[arg-type]
