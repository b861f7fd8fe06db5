"""The real server with a fake pipeline and tracker, for tests of the page: `python -m tests.support.stub_server [flags
of run_server.py]`.

It has one flag more, ANY_TRACKER_PORT: iFacialMocap is received at a port that is free, which `/api/config` names.
It starts at once, and its avatar is a flat colour that follows the brightness of the camera.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.frames import CameraFrame
from streamer.osc.tracker_receiver import TrackerReceiver
from streamer.osc.udp_ports import UdpPorts, open_udp_ports
from streamer.rigging.picture import Picture
from streamer.runtime import fork_server
from streamer.server.app import Server
from streamer.server.certificate import machine_addresses, machine_names, make_certificate
from streamer.server.listening import bind, run
from streamer.server.made_engine import MadeEngine
from streamer.server.phone import phone_address
from streamer.server.recorder import Recorder
from streamer.settings import Settings, read_settings
from streamer.tracking.tracker import TrackedMotion
from tests.support.fakes import FakeAvatar, FakeCharacter, FakeOutput, FakePictureProcess, FakePipeline, FakeTracker
from tests.support.film_worker import FakeFilmWorker
from tests.support.page import UNLIMITED
from tests.support.stub_forks import ANY_TRACKER_PORT

CALIBRATION_FRAMES = 40
PRELOADED = ["streamer.rigging.backdrop", "streamer.rigging.picture_process", "tests.support.film_worker"]
KEEP_S = 15.0  # for a session whose page is gone: tests that count sessions do not wait long for those of others


class SmilingTracker(FakeTracker):
    """Takes CALIBRATION_FRAMES for a calibration that is asked for; in the first half of them the driver smiles."""

    left = 0

    def calibrate(self) -> None:
        super().calibrate()
        self.left = CALIBRATION_FRAMES

    def track(self, frame: CameraFrame) -> TrackedMotion:
        tracked = super().track(frame)
        if self.left == 0:
            return tracked
        self.left -= 1
        smiles = self.left > CALIBRATION_FRAMES / 2
        return replace(
            tracked,
            phase="calibrating",
            progress=0.99 - self.left / CALIBRATION_FRAMES,
            obstacle="smiles" if smiles else None,
        )


def read() -> tuple[Settings, UdpPorts]:
    """The settings of the command line, and their ports."""
    arguments = [each for each in sys.argv[1:] if each != ANY_TRACKER_PORT]
    settings = read_settings(arguments)
    if len(arguments) == len(sys.argv[1:]):
        return settings, open_udp_ports(settings)
    ports = open_udp_ports(replace(settings, ifacialmocap="127.0.0.1:0"))
    number = ports.trackers[-1].bound.getsockname()[1]
    return replace(settings, ifacialmocap=f"127.0.0.1:{number}"), ports


def main() -> None:
    settings, ports = read()
    fork_server.preload(PRELOADED)
    fork_server.warm_up()
    listening = bind(settings)
    trackers = TrackerReceiver(ports.trackers)
    trackers.start()
    engine = Engine(
        FakePipeline(delay=0.02, prepare_delay=0.5), SmilingTracker, settings.fps, settings.max_sessions,
        feed=trackers.feed if settings.ifacialmocap or settings.vmc_receive else None,
    )  # fmt: skip
    engine.start()
    certificate = make_certificate(machine_names(), machine_addresses()) if settings.https else None
    recorder = None
    if settings.record is not None:
        recorder = Recorder(settings.record, settings.fps, print)
        recorder.start(engine.watchers)
    found = FakeCharacter(Picture(np.full((64, 64, 4), (*FakeAvatar.colour, 255), np.uint8), "stub.png"))
    avatar: Any = FakeAvatar(picture=found.picture, characters=(found,))
    try:
        run(
            Server(
                MadeEngine(engine, avatar, found.picture.name, FakePictureProcess()),
                settings,
                limits=UNLIMITED,
                camera=OutputFeed(engine, FakeOutput(), FakeAvatar.width, FakeAvatar.height),
                phone=phone_address(settings, listening, certificate),
                recorder=recorder,
                keep_s=KEEP_S,
                make_film_worker=FakeFilmWorker,
            ),
            settings,
            listening,
            lambda line: print(line, flush=True),
            None if certificate is None else certificate.context,
        )
    finally:
        engine.close()
        trackers.close()
        if recorder is not None:
            recorder.close()


if __name__ == "__main__":
    main()
