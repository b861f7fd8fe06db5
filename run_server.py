"""Kagami's command: one picture becomes a live avatar, served as a page on this machine.

python run_server.py --ref avatar.png

Little is imported before `main`: workers import this file, too, and the first line is to come at once.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Sequence

from streamer.errors import KagamiError
from streamer.runtime import exit_deadline
from streamer.runtime.console import accept_every_character
from streamer.runtime.library_threads import use_one_thread
from streamer.runtime.start_lines import StartLines
from streamer.settings import Settings, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C. Returns the exit code; problems are one sentence on stderr."""
    accept_every_character()
    try:
        settings = read_settings(arguments)
        with StartLines(sys.stdout) as lines:
            serve(settings, lines)
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(settings: Settings, lines: StartLines) -> None:
    """Check what fails quickly, then load, warm up and listen. Raises KagamiError."""
    lines.begin("starting")
    use_one_thread()
    from streamer.generation.weights_file import check_weights  # noqa: PLC0415 - see above
    from streamer.osc.udp_ports import open_udp_ports  # noqa: PLC0415
    from streamer.rigging.picture import load_picture  # noqa: PLC0415
    from streamer.runtime.cpu import check_cpu  # noqa: PLC0415
    from streamer.runtime.native_logs import filter_native_logs  # noqa: PLC0415
    from streamer.runtime.package_path import check_package_path  # noqa: PLC0415
    from streamer.runtime.temporary_folder import check_temporary_folder  # noqa: PLC0415
    from streamer.server.browser import page_opener  # noqa: PLC0415
    from streamer.server.listening import bind  # noqa: PLC0415

    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    filter_native_logs()
    check_cpu()
    check_package_path()
    with contextlib.ExitStack() as opened:
        # A taken port, a bad picture and wrong weights are reported before torch is imported.
        listening = opened.enter_context(bind(settings))
        ports = open_udp_ports(settings)
        opened.callback(ports.close)
        for path in settings.ref:
            load_picture(path)
        if settings.generator == "dit":
            check_weights(settings.checkpoint, settings.device)
        check_temporary_folder()
        if settings.record is not None:
            from streamer.server.recording_folder import prepare_folder  # noqa: PLC0415

            prepare_folder(settings.record)
        lines.line("loading the engine")
        lines.begin("loading the engine", usual_s=4)
        from streamer.launch import launch  # noqa: PLC0415 - torch and MediaPipe take seconds to import

        launch(settings, listening, ports, lines, show_page=page_opener(settings))


if __name__ == "__main__":
    exit_deadline.leave(main())
