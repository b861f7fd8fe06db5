"""Which implementation of a kernel runs: Triton on a CUDA device that it supports, numba on a CPU where a kernel has
such a twin, the torch reference elsewhere.

Every public function of `kernels` with a `backend` argument asks `choose`. "auto" is what the environment variable
KAGAMI_KERNELS says (auto, triton, numba or reference), and without it the fastest that can run. What has a gradient,
and what is being traced for an export, always runs as the reference: the twins only know how to infer.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache

import torch
from torch import Tensor

BACKENDS = ("auto", "triton", "numba", "reference")
SWITCH = "KAGAMI_KERNELS"
CAPABILITY = (7, 5)  # the oldest devices that Triton compiles for
_CAPABILITY_OF = {torch.bfloat16: (8, 0), torch.float8_e4m3fn: (8, 9)}  # those that know these numbers

_log = logging.getLogger(__name__)


class KernelError(RuntimeError):
    """A Triton kernel could not be compiled or launched; the message names it and says how to go on without it."""


def choose(backend: str, *tensors: Tensor, twins: tuple[str, ...] = ("triton",)) -> str:
    """The name of the reference or of one of a kernel's twins for these tensors, all on one device.

    Raises ValueError for an unknown backend, and for "triton" where it cannot run. "auto" on a CUDA device where it
    cannot run is told in the log, once for each reason.
    """
    if backend == "auto":
        backend = os.environ.get(SWITCH, "auto")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if backend == "reference" or learning or torch.jit.is_tracing():
        return "reference"
    device = tensors[0].device
    if backend != "triton" and device.type == "cpu":
        single = all(tensor.dtype == torch.float32 for tensor in tensors)
        return "numba" if "numba" in twins and single else "reference"
    if "triton" not in twins or (backend != "triton" and device.type != "cuda"):
        return "reference"
    reason = obstacle(device, max(_CAPABILITY_OF.get(tensor.dtype, CAPABILITY) for tensor in tensors))
    if reason is None:
        return "triton"
    if backend == "triton":
        raise ValueError(f"Triton kernels cannot run here: {reason}")
    _tell(reason)
    return "reference"


@cache
def obstacle(device: torch.device, capability: tuple[int, int] = CAPABILITY) -> str | None:
    """Why Triton kernels cannot run on a device that must have this capability; None if they can."""
    try:
        import triton  # noqa: PLC0415  (slow to import, and absent from a CPU's installation)
    except ImportError as error:
        return f"the package triton cannot be imported ({error}); it comes with kagami[cuda]."
    if triton.knobs.runtime.interpret:
        return None
    if device.type != "cuda":
        return f"they want a CUDA device, and the tensors are on {device.type}."
    have = torch.cuda.get_device_capability(device)
    if have < capability:
        name, (has, wants) = torch.cuda.get_device_name(device), (f"{a}.{b}" for a, b in (have, capability))
        return f"{name} has compute capability {has}, and {wants} is needed."
    return None


@contextmanager
def launching(kernel: str, device: torch.device) -> Iterator[None]:
    """Launch a Triton kernel on the tensors' device. Raises KernelError for whatever goes wrong on the way."""
    from triton.errors import TritonError  # noqa: PLC0415

    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield
    except (TritonError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise KernelError(
            f"the kernel {kernel} failed on {device}: {error}; {SWITCH}=reference runs without Triton."
        ) from error


@cache
def _tell(reason: str) -> None:
    _log.warning("Kernels run as plain torch, several times slower: %s", reason)


def compiled_anew() -> bool:
    """Whether numba has compiled a kernel in this process, since its cache on the disk did not know it yet."""
    loaded = [module for name, module in sys.modules.items() if name.startswith("kernels.") and name.endswith("_numba")]
    functions = [function for module in loaded for function in vars(module).values() if hasattr(function, "stats")]
    return any(sum(function.stats.cache_misses.values()) for function in functions)
