"""Kagami's command: one picture becomes a live avatar, served as a page on this machine.

python run_server.py --ref avatar.png
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence

from streamer.errors import KagamiError
from streamer.generation.weights_file import check_weights
from streamer.rigging.picture import load_picture
from streamer.runtime import exit_deadline
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.temporary_folder import check_temporary_folder
from streamer.server.listening import bind
from streamer.settings import Settings, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C. Returns the exit code; problems are one sentence on stderr."""
    try:
        settings = read_settings(arguments)
        serve(settings)
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(settings: Settings) -> None:
    """Check what fails quickly, then load, warm up and listen. Raises KagamiError."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    filter_native_logs()
    began = time.perf_counter()
    listening = bind(settings)  # a taken port, a bad picture and wrong weights are reported before torch is imported
    for path in settings.ref:
        load_picture(path)
    if settings.generator == "dit":
        check_weights(settings.checkpoint, settings.device)
    check_temporary_folder()
    print_stage(began, "loading the engine")
    from streamer.launch import launch  # noqa: PLC0415 - torch and MediaPipe take seconds to import

    launch(settings, listening, lambda stage: print_stage(began, stage))


def print_stage(began: float, stage: str) -> None:
    """Print one line for a stage of the start, with the seconds since its beginning."""
    print(f"[{time.perf_counter() - began:5.1f} s] {stage}", flush=True)


if __name__ == "__main__":
    exit_deadline.leave(main())
