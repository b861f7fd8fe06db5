"""The command line that the benchmarks of kernels share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import UnwritableError, json_file


def run_on_device(
    parser: argparse.ArgumentParser,
    report: Callable[[argparse.Namespace], dict[str, Any]],
    arguments: Sequence[str] | None,
) -> int:
    """Run a benchmark with its own options and with `--device` and `--json`. Exit status: 0, or 2 with one sentence on
    stderr.

    report: measures, prints a row of each workload, and returns the JSON report.
    """
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, help="cpu, cuda, cuda:1 …")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file too")
    options = parser.parse_args(arguments)
    try:
        with json_file(options.json) as write:
            write(report(options))
    except UnwritableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def print_hardware(device: torch.device, *details: str) -> dict[str, Any]:
    """Print a line with the name of the GPU or processor, details of the measurement and the commit; returns what
    `describe` does.
    """
    hardware = describe(device.type)
    name = hardware["cpu"] if device.type == "cpu" else hardware["device"]
    print(", ".join([name, *details, f"commit {hardware['commit']}"]))
    return hardware
