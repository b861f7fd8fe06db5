"""The real server with a fake pipeline and tracker, for tests of the page: `python -m tests.support.stub_server [flags
of run_server.py]`.

It starts at once, and its avatar is a flat colour that follows the brightness of the camera.
"""

from __future__ import annotations

import numpy as np

from streamer.engine.engine import Engine
from streamer.rigging.picture import Picture
from streamer.server.app import Server
from streamer.server.certificate import machine_addresses, machine_names, make_certificate
from streamer.server.listening import bind, run
from streamer.server.phone import phone_address
from streamer.settings import read_settings
from tests.support.fakes import FakeAvatar, FakeCharacter, FakePictureProcess, FakePipeline, FakeTracker
from tests.support.page import UNLIMITED

KEEP_S = 8.0  # for a session whose page is gone: tests that count sessions do not wait long for those of others


def main() -> None:
    settings = read_settings()
    listening = bind(settings)
    engine = Engine(FakePipeline(delay=0.02, prepare_delay=0.5), FakeTracker, settings.fps, settings.max_sessions)
    engine.start()
    certificate = make_certificate(machine_names(), machine_addresses()) if settings.https else None
    found = FakeCharacter(Picture(np.full((64, 64, 4), (*FakeAvatar.colour, 255), np.uint8), "stub.png"))
    try:
        run(
            Server(
                engine,
                settings,
                FakeAvatar(picture=found.picture, characters=(found,)),
                found.picture.name,
                FakePictureProcess(),
                limits=UNLIMITED,
                phone=phone_address(settings, listening, certificate),
                keep_s=KEEP_S,
            ),
            settings,
            listening,
            lambda line: print(line, flush=True),
            None if certificate is None else certificate.context,
        )
    finally:
        engine.close()


if __name__ == "__main__":
    main()
