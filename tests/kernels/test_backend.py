"""Which backend runs, and the errors and warnings where it cannot."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from kernels import backend
from kernels.backend import BACKEND_VARIABLE, KernelError, choose, launching
from tests.kernels.triton_process import needs_triton

CUDA = torch.device("cuda", 0)


class Tensor:
    """A tensor of a device that this machine may not have."""

    def __init__(self, dtype: torch.dtype = torch.float32, requires_grad: bool = False) -> None:
        self.device, self.dtype, self.requires_grad = CUDA, dtype, requires_grad


@pytest.fixture
def turing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA device of compute capability 7.5."""
    monkeypatch.delenv(BACKEND_VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some card")
    backend._warn_once.cache_clear()


@pytest.fixture(autouse=True)
def forget_devices() -> Iterator[None]:
    """Clear what is cached about devices, since tests replace them."""
    backend.triton_obstacle.cache_clear()
    yield
    backend.triton_obstacle.cache_clear()


@pytest.fixture
def not_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    import triton  # noqa: PLC0415

    monkeypatch.setattr(triton.knobs.runtime, "interpret", False)


def test_auto_takes_the_reference_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BACKEND_VARIABLE, raising=False)
    assert choose("auto", torch.zeros(1)) == "reference"


def test_choose_refuses_an_unknown_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="backend must be one of auto, triton, numba, reference, got 'magic'"):
        choose("magic", torch.zeros(1))
    monkeypatch.setenv(BACKEND_VARIABLE, "fast")
    with pytest.raises(ValueError, match="got 'fast'"):
        choose("auto", torch.zeros(1))


@needs_triton
def test_triton_needs_a_cuda_device(not_interpreted: None) -> None:
    with pytest.raises(ValueError, match=r"cannot run here: they want a CUDA device, and the tensors are on cpu\."):
        choose("triton", torch.zeros(1))


@needs_triton
def test_auto_takes_triton_on_a_gpu_unless_the_variable_is_set(
    turing: None, not_interpreted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose("auto", Tensor()) == "triton"
    assert choose("reference", Tensor()) == "reference"
    monkeypatch.setenv(BACKEND_VARIABLE, "reference")
    assert choose("auto", Tensor()) == "reference" and choose("triton", Tensor()) == "triton"


@needs_triton
def test_tensors_with_a_gradient_take_the_reference(turing: None, not_interpreted: None) -> None:
    weight = Tensor(requires_grad=True)
    assert choose("auto", Tensor(), weight) == choose("triton", Tensor(), weight) == "reference"
    with torch.no_grad():
        assert choose("auto", Tensor(), weight) == "triton"


@needs_triton
def test_a_gpu_that_does_not_support_the_dtype_is_logged_once(
    turing: None, not_interpreted: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert choose("auto", Tensor(), Tensor(torch.bfloat16)) == "reference"
    assert caplog.messages == [
        "Kernels run as plain torch, several times slower: Some card has compute capability 7.5, and 8.0 is needed."
    ]
    with pytest.raises(ValueError, match=r"and 8\.9 is needed"):
        choose("triton", Tensor(torch.float8_e4m3fn))


def test_a_gpu_without_triton_is_logged(
    turing: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    with caplog.at_level(logging.WARNING):
        assert choose("auto", Tensor()) == "reference"
    assert "the package triton cannot be imported" in caplog.text and "kagami[cuda]" in caplog.text


@needs_triton
def test_launching_names_the_kernel_that_failed() -> None:
    message = r"the kernel warp failed on cpu: no registers; KAGAMI_KERNELS=reference"
    with pytest.raises(KernelError, match=message), launching("warp", torch.device("cpu")):
        raise RuntimeError("no registers")


def test_numba_kernels_are_compiled_once_for_all_processes(tmp_path: Path) -> None:
    code = (
        "import torch; from kernels.compile import compiled_functions; from kernels.pixels import to_bytes; "
        "to_bytes(torch.rand(1, 3, 4, 4)); print(compiled_functions() > 0)"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, env=environment, check=True, capture_output=True) for _ in range(2)]
    assert [run.stdout.split()[-1] for run in runs] == [b"True", b"False"]
