"""The avatar as a source of NDI: with a fake of cyndilib, and with NDI itself where it is installed."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from streamer.engine.output_feed import Output
from streamer.errors import OutputError
from streamer.frames import AvatarFrame
from streamer.outputs.ndi_output import NdiOutput
from tests.support import ndi_loopback

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 30.0


class FakeFrame:
    """A frame of the library, which only keeps its settings."""

    def __init__(self, max_num_samples: int = 0) -> None:
        self.max_num_samples, self.sample_rate, self.num_channels = max_num_samples, 0, 0

    def set_resolution(self, width: int, height: int) -> None:
        self.size = width, height

    def set_frame_rate(self, rate: object) -> None:
        self.rate = rate

    def set_fourcc(self, code: str) -> None:
        self.code = code


class FakeSender:
    """Keeps what is written. connections: receivers. broken: makes writing fail; taken: makes opening fail."""

    made: ClassVar[list[FakeSender]] = []
    connections: ClassVar[int] = 1
    broken: ClassVar[bool] = False
    taken: ClassVar[bool] = False

    def __init__(self, name: str, clock_video: bool, clock_audio: bool) -> None:
        assert not clock_video and not clock_audio  # or writing would wait
        self.name, self.closed = name, threading.Event()
        self.pictures: list[np.ndarray] = []
        self.sounds: list[np.ndarray] = []
        self.changed = threading.Condition()
        FakeSender.made.append(self)

    def set_video_frame(self, frame: FakeFrame) -> None:
        self.video = frame

    def set_audio_frame(self, frame: FakeFrame) -> None:
        self.audio = frame

    def open(self) -> None:
        if FakeSender.taken:
            raise RuntimeError("no sender")

    def get_num_connections(self, timeout: float) -> int:
        assert timeout == 0
        with self.changed:
            self.changed.notify_all()
        return FakeSender.connections

    def write_video(self, data: np.ndarray) -> None:
        if FakeSender.broken:
            raise RuntimeError("gone")
        width, height = self.video.size
        with self.changed:
            self.pictures.append(data.reshape(height, width, 4).copy())
            self.changed.notify_all()

    def write_audio(self, data: np.ndarray) -> None:
        with self.changed:
            self.sounds.append(data)
            self.changed.notify_all()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[NdiOutput]:
    fakes = {
        "sender": SimpleNamespace(Sender=FakeSender),
        "video_frame": SimpleNamespace(VideoSendFrame=FakeFrame),
        "audio_frame": SimpleNamespace(AudioSendFrame=FakeFrame),
        "wrapper.ndi_structs": SimpleNamespace(FourCC=SimpleNamespace(RGBA="RGBA")),
    }
    monkeypatch.setitem(sys.modules, "cyndilib", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "cyndilib.wrapper", SimpleNamespace())
    for name, fake in fakes.items():
        monkeypatch.setitem(sys.modules, f"cyndilib.{name}", fake)
    FakeSender.made, FakeSender.connections, FakeSender.broken, FakeSender.taken = [], 1, False, False
    made = NdiOutput("")
    yield made
    made.close()


def frame(value: int, alpha: int | None = None, size: tuple[int, int] = (48, 64)) -> AvatarFrame:
    matte = None if alpha is None else np.full(size, alpha, np.uint8)
    return AvatarFrame(np.full((*size, 3), value, np.uint8), monotonic() - 0.1, matte)


def test_frames_and_sound_are_sent(output: NdiOutput) -> None:
    protocol: Output = output
    assert protocol.problem() is None
    protocol.open(64, 48, 30.0)
    sender = FakeSender.made[0]
    assert sender.name == "Kagami" and sender.video.code == "RGBA" and sender.video.rate == 30
    assert (sender.audio.sample_rate, sender.audio.num_channels) == (48_000, 2)
    output.send(frame(100, 128))
    with sender.changed:
        assert sender.changed.wait_for(lambda: sender.pictures, WAIT_S)
        while not any(np.abs(sound).max() > 0.2 for sound in sender.sounds):
            output.hear(np.full((4800, 2), 8192, np.int16))
            assert sender.changed.wait(WAIT_S)
    assert sender.pictures[0].shape == (48, 64, 4) and np.allclose(sender.pictures[0], (199, 199, 199, 128), atol=1)
    assert all(sound.shape == (2, 960) and sound.dtype == np.float32 for sound in sender.sounds)
    output.close()
    assert sender.closed.is_set() and not output.is_open
    output.close()
    output.send(frame(1))  # nothing


def test_nothing_is_converted_while_nobody_receives(output: NdiOutput) -> None:
    FakeSender.connections = 0
    output.open(64, 48, 30.0)
    sender = FakeSender.made[0]
    output.send(frame(100))
    with sender.changed:
        for _ in range(5):
            assert sender.changed.wait(WAIT_S)
    assert not sender.pictures and not sender.sounds


def test_library_that_fails_ends_the_output_alone(output: NdiOutput, caplog: pytest.LogCaptureFixture) -> None:
    FakeSender.broken = True
    output.open(64, 48, 30.0)
    with caplog.at_level(logging.ERROR):
        output.send(frame(1))
        assert FakeSender.made[0].closed.wait(WAIT_S)
    assert "NDI has failed and is closed: restart the server to use it again." in caplog.text


def test_name_that_cannot_be_announced_is_told(output: NdiOutput) -> None:
    FakeSender.taken = True
    with pytest.raises(OutputError) as caught:
        output.open(64, 48, 30.0)
    assert str(caught.value) == ("NDI cannot announce 'Kagami': choose another name with --ndi, or start without it.")


def test_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib.sender", None)
    assert NdiOutput("me").problem() == 'NDI needs cyndilib: run `pip install -e ".[ndi]"` and start again.'
    with pytest.raises(OutputError):
        NdiOutput("me").open(64, 48, 30.0)


@pytest.mark.skipif(importlib.util.find_spec("cyndilib") is None, reason="cyndilib is not installed")
def test_a_receiver_of_ndi_gets_picture_alpha_and_sound(tmp_path: Path) -> None:
    ndi_loopback.write_configuration(tmp_path)
    environment = os.environ | {"NDI_CONFIG_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-m", "tests.support.ndi_loopback"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
