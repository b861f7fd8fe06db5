"""The virtual camera, against a fake backend that is registered with the real pyvirtualcam."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest
import pyvirtualcam

from streamer import virtual_camera
from streamer.engine.output_feed import Output
from streamer.errors import OutputError
from streamer.frames import AvatarFrame, Image, over_colour
from streamer.virtual_camera import VirtualCamera, fit_to_size


class FakeDevice:
    """A camera device that records its frames; `gate` blocks a send until it is set, `broken` makes it fail."""

    made: ClassVar[list[FakeDevice]] = []
    gate: ClassVar[threading.Event] = threading.Event()
    busy: ClassVar[bool] = False
    broken: ClassVar[bool] = False

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None) -> None:
        if FakeDevice.busy:
            raise RuntimeError("device is in use")
        self.size = (height, width)
        self.name = device or "fake0"
        self.shown: list[Image] = []
        self.arrived = threading.Semaphore(0)
        self.closed = False
        FakeDevice.made.append(self)

    def send(self, frame: Image) -> None:
        self.arrived.release()
        if FakeDevice.broken:
            raise RuntimeError("device is gone")
        assert FakeDevice.gate.wait(10)
        self.shown.append(frame.reshape(*self.size, 3).copy())

    def close(self) -> None:
        self.closed = True

    def device(self) -> str:
        return self.name

    def native_fourcc(self) -> None:
        return None


@pytest.fixture
def camera() -> Iterator[VirtualCamera]:
    pyvirtualcam.register_backend("fake", FakeDevice)
    FakeDevice.made, FakeDevice.gate, FakeDevice.busy, FakeDevice.broken = [], threading.Event(), False, False
    FakeDevice.gate.set()
    camera = VirtualCamera(backend="fake")
    yield camera
    FakeDevice.gate.set()
    camera.close()
    pyvirtualcam.camera.BACKENDS.pop("fake")


def frame(value: int, height: int = 64, width: int = 64, alpha: int | None = None) -> AvatarFrame:
    matte = None if alpha is None else np.full((height, width), alpha, np.uint8)
    return AvatarFrame(np.full((height, width, 3), value, np.uint8), captured=0.0, alpha=matte)


def show(camera: VirtualCamera, picture: AvatarFrame) -> Image:
    """Send a frame and wait until the device has received it."""
    device = FakeDevice.made[-1]
    camera.send(picture)
    assert device.arrived.acquire(timeout=10)
    camera.close()
    return device.shown[-1]


def test_virtual_camera_sends_frames_to_the_device(camera: VirtualCamera) -> None:
    output: Output = camera
    assert output.problem() is None
    output.open(64, 48, 25)
    assert FakeDevice.made[0].closed  # the probe has released the device
    assert np.array_equal(show(camera, frame(200, 48, 64)), np.full((48, 64, 3), 200))
    assert FakeDevice.made[-1].closed


def test_virtual_camera_with_a_slow_device_drops_all_but_the_newest_frame(camera: VirtualCamera) -> None:
    camera.open(64, 64, 25)
    device = FakeDevice.made[-1]
    FakeDevice.gate.clear()
    camera.send(frame(0))
    assert device.arrived.acquire(timeout=10)
    for value in range(1, 50):  # meanwhile the device is busy with the first frame
        camera.send(frame(value))
    assert camera.drops == 48
    FakeDevice.gate.set()
    assert device.arrived.acquire(timeout=10)
    camera.close()
    assert [int(shown[0, 0, 0]) for shown in device.shown] == [0, 49]


def test_virtual_camera_draws_transparency_in_the_key_colour(camera: VirtualCamera) -> None:
    camera.open(64, 64, 25)
    assert show(camera, frame(0, alpha=0))[0, 0].tolist() == [0, 255, 0]
    camera.open(64, 64, 25)
    assert show(camera, frame(100, alpha=255))[0, 0].tolist() == [100, 100, 100]
    # At a soft edge of half alpha the frame holds half of a grey of 200; half of the key is added: 255 * 127 / 255.
    camera.open(64, 64, 25)
    assert show(camera, frame(100, alpha=128))[0, 0].tolist() == [100, 227, 100]


def test_virtual_camera_rounds_the_key_colour_and_clips_the_sum() -> None:
    # Of the key remain 191 / 255: 7.49, 149.8 and 67.4.
    assert over_colour(frame(20, alpha=64), (10, 200, 90))[0, 0].tolist() == [20 + 7, 20 + 150, 20 + 67]
    assert over_colour(frame(150, alpha=128), (0, 255, 0))[0, 0].tolist() == [150, 255, 150]


def test_virtual_camera_scales_frames_to_its_size(camera: VirtualCamera) -> None:
    camera.open(63, 64, 25)  # an odd width becomes even
    shown = show(camera, frame(255, 200, 100))
    assert shown.shape == (64, 64, 3)
    assert (shown[:, 16:48] == 255).all()
    assert not shown[:, :16].any()
    assert not shown[:, 48:].any()


def test_fit_to_size_scales_up_and_keeps_the_whole_picture() -> None:
    assert np.array_equal(fit_to_size(np.full((10, 20, 3), 9, np.uint8), 40, 40)[10:30], np.full((20, 40, 3), 9))
    assert fit_to_size(np.full((1, 5000, 3), 9, np.uint8), 64, 64).sum() == 64 * 3 * 9


def test_close_is_idempotent_and_open_may_follow(camera: VirtualCamera) -> None:
    camera.close()
    camera.send(frame(1))  # ignored before `open`
    camera.open(64, 64, 25)
    camera.open(32, 32, 25)  # closes the first
    assert FakeDevice.made[0].closed
    camera.close()
    camera.close()
    camera.send(frame(1))
    assert [device.closed for device in FakeDevice.made] == [True, True]
    assert not [thread for thread in threading.enumerate() if thread.name == "virtual-camera"]


def test_virtual_camera_closes_after_a_device_error(camera: VirtualCamera, caplog: pytest.LogCaptureFixture) -> None:
    FakeDevice.broken = True
    camera.open(64, 64, 25)
    device = FakeDevice.made[-1]
    worker = next(thread for thread in threading.enumerate() if thread.name == "virtual-camera")
    camera.send(frame(1))
    worker.join(10)
    assert device.closed
    camera.send(frame(2))
    camera.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "The virtual camera has failed and is closed: restart the server to use it again."
    ]


@pytest.mark.parametrize(
    ("platform", "advice"),
    [
        (
            "linux",
            "run `sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 "
            "card_label=Kagami` and start again.",
        ),
        ("win32", "install OBS Studio, start its virtual camera once, close OBS and start again."),
        ("darwin", "install OBS Studio 30 or newer, start its virtual camera once, close OBS and start again."),
        ("freebsd", "install one that pyvirtualcam knows and start again."),
    ],
)
def test_virtual_camera_without_a_device_names_the_remedy(
    camera: VirtualCamera, monkeypatch: pytest.MonkeyPatch, platform: str, advice: str
) -> None:
    FakeDevice.busy = True
    monkeypatch.setattr(sys, "platform", platform)
    assert camera.problem() == f"A virtual camera is not there or is in use: {advice}"
    with pytest.raises(OutputError) as caught:
        VirtualCamera("/dev/video9", backend="fake").open(64, 64, 25)
    assert str(caught.value) == f"The virtual camera /dev/video9 is not there or is in use: {advice}"


def test_virtual_camera_without_the_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(virtual_camera.importlib, "import_module", absent)
    sentence = 'The virtual camera needs pyvirtualcam: run `pip install -e ".[obs]"` and start again.'
    assert VirtualCamera().problem() == sentence
    with pytest.raises(OutputError) as caught:
        VirtualCamera().open(64, 64, 25)
    assert str(caught.value) == sentence
