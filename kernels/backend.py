"""Chooses the implementation of an operation: Triton on a CUDA device that it supports, numba on a CPU where the
operation has a numba kernel, the torch reference elsewhere.

Every public function of `kernels` with a `backend` argument calls `choose`. "auto" means the value of the environment
variable KAGAMI_KERNELS (auto, triton, numba or reference), and where that is unset the fastest backend that can run.
Tensors that need a gradient, and tensors that are being traced for an export, always take the reference, because the
kernels have no backward pass.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from kernels.cache_folder import is_writable, temporary_cache_folder

BACKENDS = ("auto", "triton", "numba", "reference")
BACKEND_VARIABLE = "KAGAMI_KERNELS"
MIN_CAPABILITY = (7, 5)  # compute capability of the oldest devices that Triton compiles for
_MIN_CAPABILITY_OF = {torch.bfloat16: (8, 0), torch.float8_e4m3fn: (8, 9)}  # of devices that support these dtypes

_log = logging.getLogger(__name__)


class KernelError(RuntimeError):
    """A Triton kernel could not be compiled or launched; the message names the kernel and how to run without it."""


def choose(backend: str, *tensors: Tensor, backends: tuple[str, ...] = ("triton",)) -> str:
    """The backend that runs on these tensors, which are all on one device: "reference" or one of `backends`, the
    kernels that the operation has.

    Raises ValueError for an unknown backend, and for "triton" where Triton cannot run. Where "auto" cannot run Triton
    on a CUDA device, a warning is logged, once for each reason.
    """
    if backend == "auto":
        backend = os.environ.get(BACKEND_VARIABLE, "auto")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    needs_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if backend == "reference" or needs_gradient or torch.jit.is_tracing():
        return "reference"
    device = tensors[0].device
    if backend != "triton" and device.type == "cpu":
        is_float32 = all(tensor.dtype == torch.float32 for tensor in tensors)
        return "numba" if "numba" in backends and is_float32 else "reference"
    if "triton" not in backends or (backend != "triton" and device.type != "cuda"):
        return "reference"
    reason = triton_obstacle(device, max(_MIN_CAPABILITY_OF.get(tensor.dtype, MIN_CAPABILITY) for tensor in tensors))
    if reason is None:
        return "triton"
    if backend == "triton":
        raise ValueError(f"Triton kernels cannot run here: {reason}")
    _warn_once(reason)
    return "reference"


@cache
def triton_obstacle(device: torch.device, capability: tuple[int, int] = MIN_CAPABILITY) -> str | None:
    """Why Triton kernels cannot run on a device, for tensors that need this compute capability; None if they can."""
    try:
        import triton  # noqa: PLC0415  (slow to import, and absent from a CPU's installation)
    except ImportError as error:
        return f"the package triton cannot be imported ({error}); it comes with kagami[cuda]."
    if triton.knobs.runtime.interpret:
        return None
    if not _has_cache_folder():
        return "no folder can be written for its compiled code: let TRITON_CACHE_DIR be one."
    if device.type != "cuda":
        return f"they want a CUDA device, and the tensors are on {device.type}."
    have = torch.cuda.get_device_capability(device)
    if have < capability:
        name, (has, wants) = torch.cuda.get_device_name(device), (f"{a}.{b}" for a, b in (have, capability))
        return f"{name} has compute capability {has}, and {wants} is needed."
    return None


@cache
def _has_cache_folder() -> bool:
    """Whether Triton can keep what it compiles: in its own folder, else from now on in `temporary_cache_folder`."""
    from triton import knobs  # noqa: PLC0415  (absent from a CPU's installation)

    if is_writable(Path(knobs.cache.dir)):
        return True
    folder = temporary_cache_folder()
    if folder is None:
        return False
    knobs.cache.dir = str(folder / "triton")
    return True


@contextmanager
def launching(kernel: str, device: torch.device) -> Iterator[None]:
    """Launch a Triton kernel on the tensors' device. Raises KernelError for every failure to compile or launch it."""
    from triton.errors import TritonError  # noqa: PLC0415  (absent from a CPU's installation)

    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield
    except (TritonError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise KernelError(
            f"the kernel {kernel} failed on {device}: {error}; {BACKEND_VARIABLE}=reference runs without Triton."
        ) from error


@cache
def _warn_once(reason: str) -> None:
    _log.warning("Kernels run as plain torch, several times slower: %s", reason)
