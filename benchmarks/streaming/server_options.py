"""Command-line options of the benchmarks that run a real server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import hardware
from benchmarks.streaming import barcode
from benchmarks.streaming.clip_camera import CAMERA_SIZE


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every benchmark that runs a real server."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    parser.add_argument(
        "--ref", type=Path, default=Path("assets/avatar.png"), metavar="FILE", help="picture to animate"
    )
    parser.add_argument(
        "--clip", type=Path, default=Path("assets/driver.mp4"), metavar="FILE", help="what the camera sees"
    )
    parser.add_argument(
        "--camera-fps", type=float, default=30.0, metavar="N", help="frames a second of the camera (30)"
    )
    parser.add_argument("--size", type=int, default=512, metavar="N", help="side of the avatar video in pixels (512)")
    parser.add_argument("--generator", choices=("dit", "geometry"), default="dit", help="what draws (dit)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu", help="where it draws (cpu)")
    parser.add_argument(
        "--body", action=argparse.BooleanOptionalAction, default=True, help="follow body and hands (yes)"
    )
    parser.add_argument("--codec", choices=("VP8", "H264"), default="VP8", help="both ways (VP8)")


def parse_timed(
    name: str, description: str | None, wait_s: float, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """The options of a benchmark that reads bar codes for some seconds, with `seconds` and `warm_up`.

    name: of its module. wait_s: how long the camera may run before that. argparse exits on what is out of range.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure (30)")
    parser.add_argument("--warm-up", type=float, default=5.0, help="how long to run before that (5)")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.warm_up < 0 or options.camera_fps <= 0:
        parser.error("--seconds and --camera-fps must be positive, --warm-up not negative")
    if (options.seconds + options.warm_up + wait_s) * options.camera_fps > barcode.NUMBERS:
        longest = barcode.NUMBERS / options.camera_fps - wait_s
        parser.error(f"the bar code lasts for {longest:.0f} s at this camera rate")
    return options


def server_flags(options: argparse.Namespace) -> list[str]:
    """The flags of `run_server.py` for these options."""
    flags = ["--ref", str(options.ref), "--size", str(options.size), "--generator", options.generator]
    flags += ["--device", options.device, "--codec", options.codec.lower()]
    return flags + ([] if options.body else ["--no-body"])


def describe(options: argparse.Namespace) -> dict[str, Any]:
    """The server, the camera and the hardware, JSON-ready."""
    return {
        "generator": options.generator,
        "body": options.body,
        "codec": options.codec,
        "camera": f"{CAMERA_SIZE[0]}x{CAMERA_SIZE[1]} at {options.camera_fps:g} fps",
        "hardware": hardware.describe(options.device),
    }
