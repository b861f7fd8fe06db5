"""`python -m benchmarks.recording`: what recording on the server costs a live session.

One engine in this process, with its tracker in a process of its own, draws one session, whose camera is a clip and
whose microphone a tone. It is recorded and not recorded in turn, so that other work on the machine meets both alike.
Page and network are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from av import VideoFrame

from benchmarks.common import hardware
from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip, ping_pong
from streamer.camera import ReceivedFrame
from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.frames import Image
from streamer.generation.controls import Controls
from streamer.launch import make_engine, prepare_process
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.runtime.start_lines import StartLines
from streamer.server.recorder import Recorder
from streamer.settings import Settings

SOUND_STEP_S = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    filter_native_logs()
    return run("recording", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recording",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=8.0, metavar="N", help="of each turn (8)")
    parser.add_argument("--turns", type=int, default=4, metavar="N", help="with and without recording, each (4)")
    parser.add_argument("--warm-up", type=float, default=8.0, metavar="N", help="seconds before the first turn (8)")
    parser.add_argument("--fps", type=float, default=30.0, metavar="N", help="most frames a second (30)")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="side of the avatar in pixels (512)")
    parser.add_argument("--generator", choices=("dit", "geometry"), default="dit", help="what draws (dit)")
    parser.add_argument("--transparent", action="store_true", help="without a background: WebM with alpha")
    parser.add_argument("--ref", type=Path, default=Path("assets/avatar.png"), metavar="FILE", help="picture")
    parser.add_argument("--clip", type=Path, default=Path("assets/driver.mp4"), metavar="FILE", help="the camera")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args(arguments)
    if min(options.seconds, options.turns, options.fps, options.size) <= 0 or options.warm_up < 0:
        parser.error("--seconds, --turns, --fps and --size must be positive, --warm-up not negative")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    settings = Settings(ref=(options.ref,), generator=options.generator, size=options.size, fps=options.fps)
    prepare_process()
    with StartLines(sys.stderr) as lines:
        made = make_engine(settings, lines)
    controls = replace(Controls(), background="transparent" if options.transparent else "original")
    session = made.engine.admit(made.avatar, controls, lambda failure: print(failure, file=sys.stderr))
    session.start()
    ending = threading.Event()
    feeders = [
        threading.Thread(target=_show, args=(session, clip, options.fps, ending)),
        threading.Thread(target=_speak, args=(session, ending)),
    ]
    for feeder in feeders:
        feeder.start()
    try:
        time.sleep(options.warm_up)
        turns = [_turn(made.engine, options, recorded) for _ in range(options.turns) for recorded in (False, True)]
    finally:
        ending.set()
        for feeder in feeders:
            feeder.join()
        made.engine.close()
        made.pictures.close()
    return {
        "without": _summarise(turns[::2]),
        "recorded": _summarise(turns[1::2]),
        "size": options.size,
        "generator": options.generator,
        "transparent": options.transparent,
        "hardware": hardware.describe(),
    }


def _turn(engine: Engine, options: argparse.Namespace, recorded: bool) -> dict[str, float]:
    """Draw for `seconds`. Returns frames, seconds, seconds of the processor, bytes written and frames left out."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), options.fps, lambda line: None) if recorded else None
        if recorder is not None:
            recorder.start(engine.watchers)
        began, busy, drawn = time.monotonic(), time.process_time(), engine.drawn
        time.sleep(options.seconds)
        seconds, busy, drawn = time.monotonic() - began, time.process_time() - busy, engine.drawn - drawn
        if recorder is not None:
            recorder.close()
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        left_out = 0 if recorder is None else recorder.left_out
    return {"seconds": seconds, "busy": busy, "drawn": drawn, "bytes": size, "left_out": left_out}


def _show(session: EngineSession, clip: list[Image], fps: float, ending: threading.Event) -> None:
    tick = 0
    while not ending.wait(1 / fps):
        video = VideoFrame.from_ndarray(clip[ping_pong(tick, len(clip))], format="rgb24")
        session.camera.put(ReceivedFrame(video, time.monotonic()))
        tick += 1


def _speak(session: EngineSession, ending: threading.Event) -> None:
    wave = np.sin(np.arange(round(SOUND_STEP_S * SAMPLE_RATE)) * 2 * np.pi * 400 / SAMPLE_RATE) * 8000
    samples = np.repeat(wave[:, None], 2, 1).astype(np.int16)
    while not ending.wait(SOUND_STEP_S):
        session.sound.put(samples)


def _summarise(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """fps: of each turn's mean. cpu_ms: of this process for a frame. megabytes: for a minute. left_out: share."""
    total = {key: sum(turn[key] for turn in turns) for key in turns[0]}
    return {
        "fps": round(total["drawn"] / total["seconds"], 2),
        "cpu_ms": round(1000 * total["busy"] / max(1, total["drawn"]), 2),
        "megabytes": round(total["bytes"] / 1e6 * 60 / total["seconds"], 1),
        "left_out": round(total["left_out"] / max(1, total["drawn"]), 4),
    }


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    without, recorded = report["without"], report["recorded"]
    kind = "WebM with alpha" if report["transparent"] else "MP4"
    return "\n".join(
        [
            *machine_lines(report["hardware"]),
            f"{report['generator']}, {report['size']} pixels, {kind}",
            "",
            f"frames a second: {without['fps']} without, {recorded['fps']} recorded, "
            f"ratio {recorded['fps'] / max(without['fps'], 1e-9):.3f}",
            f"processor for a frame, ms: {without['cpu_ms']} without, {recorded['cpu_ms']} recorded",
            f"{recorded['megabytes']} MB a minute, {recorded['left_out']:.1%} of the frames left out",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
