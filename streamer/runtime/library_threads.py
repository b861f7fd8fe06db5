"""How many threads the libraries' own pools have: the processes and threads of this project share the cores, so
that with a pool in each of them many threads would wait for one core.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# Of OpenMP (torch), OpenBLAS and Accelerate (numpy), MKL (torch), and numba, read when these libraries are loaded. With
# more threads, numba's loops in the matte's library would also set OpenMP's number, and with it torch's, to the cores'.
VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"
)  # fmt: skip
FEW_CORES = 4  # below which OpenCV gets one thread: a second one costs time, and there is no core for it


def use_one_thread(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let numpy, torch and numba compute in one thread, in this process and all that it starts, unless the environment
    says otherwise. To be called before they are imported; ONNX Runtime has its own setting, see `OnnxGenerator`.
    """
    for name in VARIABLES:
        environment.setdefault(name, "1")


def limit_opencv(cores: int | None = None) -> None:
    """Let OpenCV compute in one thread, in this process, where there are few cores, else in two. cores: None: as many
    as there are. In a fork, whose parent's pool it lacks, it starts a new one.
    """
    import cv2  # noqa: PLC0415 - must be imported after `use_one_thread`

    cv2.setNumThreads(1 if (cores or os.cpu_count() or 1) < FEW_CORES else 2)
