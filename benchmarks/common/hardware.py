"""The machine that a measurement ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from streamer.runtime.cpu import processor_name

_PACKAGES = ("torch", "triton", "numpy", "mediapipe", "onnxruntime", "aiortc", "av")


def describe(device: str = "cpu") -> dict[str, Any]:
    """JSON-ready: processor, cores that this process may use, memory, device, Python, package versions, commit."""
    return {
        "cpu": processor_name(),
        "cores": _usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "device": _device_name(device),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def machine_lines(machine: Mapping[str, Any]) -> list[str]:
    """The result of `describe` as two lines of text."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB; device {machine['device']}",
        f"Python {machine['python']}, {versions}; commit {machine['commit']}",
    ]


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _device_name(device: str) -> str:
    if device == "cpu":
        return device
    import torch  # noqa: PLC0415  (takes seconds to import, and only this function needs it)

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit that is checked out, with "+" where the tree has uncommitted changes; None outside a repository."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
