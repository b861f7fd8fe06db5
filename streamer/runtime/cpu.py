"""What this processor is, and whether it has what the libraries' machine code needs, found out before their import."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from pathlib import Path

from streamer.errors import KagamiError

X86 = ("x86_64", "amd64", "i386", "i686", "x86")
_WINDOWS_AVX = 39  # PF_AVX_INSTRUCTIONS_AVAILABLE in winnt.h
_MAC_AVX = b"hw.optional.avx1_0"  # also 0 in Rosetta, which translates x86 programs


class ProcessorError(KagamiError):
    """The processor lacks instructions that PyTorch, ONNX Runtime and MediaPipe are compiled with."""

    code = "processor"

    def __init__(self) -> None:
        super().__init__(
            "This processor has no AVX instructions, without which PyTorch and MediaPipe end the program: use a "
            "computer made since 2012, or let the virtual machine pass on all features of its host's processor."
        )


def check_cpu(machine: str | None = None, system: str = sys.platform, cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Raises ProcessorError on an x86 processor without AVX; where the system does not tell, nothing is raised.

    machine: as from `platform.machine()`, None: this one. system: as `sys.platform`. cpuinfo: of Linux.
    """
    machine = platform.machine() if machine is None else machine
    if machine.lower() in X86 and not _may_have_avx(system, cpuinfo):
        raise ProcessorError


def processor_name() -> str:
    """The processor's model where the system tells it, else its architecture."""
    with contextlib.suppress(OSError):  # not Linux
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _may_have_avx(system: str, cpuinfo: Path) -> bool:
    with contextlib.suppress(OSError, AttributeError, ValueError):  # the system does not tell
        if system == "win32":
            return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(_WINDOWS_AVX))  # type: ignore[attr-defined]
        if system == "darwin":
            value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
            failed = ctypes.CDLL(None).sysctlbyname(_MAC_AVX, ctypes.byref(value), ctypes.byref(size), None, 0)
            return bool(failed) or value.value != 0
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("flags"):
                return "avx" in line.split()
    return True
