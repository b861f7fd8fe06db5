"""Compiled code is kept also where the installation and the user's cache folder are read-only, and never where another
user could put some.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kernels.cache_folder import temporary_cache_folder

ROOT = Path(__file__).resolve().parents[2]
USE_KERNEL = """
import torch
from kernels.compile import compiled_functions
from kernels.pixels import to_bytes
print(to_bytes(torch.ones(1, 3, 2, 2), backend="auto").tolist()[0][0][0], compiled_functions() > 0)
"""
USE_TRITON = """
import torch
from triton.runtime.cache import get_cache_manager
from kernels.backend import triton_obstacle
print(triton_obstacle(torch.device("cpu")))
print(get_cache_manager("ab" * 32).put(b"code", "kernel.ptx"))
"""


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A copy of the package in whose folders no `__pycache__` can be made, not by root either: it is a file."""
    shutil.copytree(ROOT / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [tmp_path / "kernels", *(tmp_path / "kernels").iterdir()]:
        if folder.is_dir():
            (folder / "__pycache__").touch()
    return tmp_path


def use_kernel(read_only: Path, temporary: Path, program: str = USE_KERNEL) -> subprocess.CompletedProcess[str]:
    """Run a kernel in a process whose home folder cannot be written."""
    removed = ("NUMBA_", "XDG_", "TRITON_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(removed)}
    environment |= {"HOME": "/dev/null", "TMPDIR": str(temporary), "PYTHONPATH": str(read_only), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env=environment,
        cwd=read_only,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner here")
def test_compiled_code_is_kept_in_a_private_temporary_folder_of_a_read_only_installation(read_only: Path) -> None:
    temporary = read_only / "tmp"
    temporary.mkdir()
    first, second = use_kernel(read_only, temporary), use_kernel(read_only, temporary)
    assert first.stdout == "[255, 255, 255] True\n", first.stderr
    assert second.stdout == "[255, 255, 255] False\n", second.stderr
    (folder,) = temporary.glob("kagami-cache-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.rglob("*.nbi"))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner here")
def test_triton_keeps_its_code_in_the_private_temporary_folder_too(read_only: Path) -> None:
    pytest.importorskip("triton")
    temporary = read_only / "tmp"
    temporary.mkdir()
    done = use_kernel(read_only, temporary, USE_TRITON)
    obstacle, path = done.stdout.splitlines()
    assert "CUDA" in obstacle, done.stderr
    (folder,) = temporary.glob("kagami-cache-*")
    assert Path(path).is_relative_to(folder / "triton") and Path(path).read_bytes() == b"code"


def test_triton_is_not_used_where_nothing_can_be_written(read_only: Path) -> None:
    pytest.importorskip("triton")
    startup = "import tempfile\ndef none(): raise FileNotFoundError\ntempfile.gettempdir = none\n"
    (read_only / "sitecustomize.py").write_text(startup)
    done = use_kernel(read_only, read_only, USE_TRITON)
    assert done.stdout.startswith("no folder can be written for its compiled code"), done.stderr


def test_kernels_run_where_nothing_can_be_written(read_only: Path) -> None:
    startup = "import tempfile\ndef none(): raise FileNotFoundError\ntempfile.gettempdir = none\n"
    (read_only / "sitecustomize.py").write_text(startup)
    done = use_kernel(read_only, read_only)
    assert done.stdout.startswith("[255, 255, 255]"), done.stderr
    assert "Compiled code cannot be kept" in done.stderr


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner here")
@pytest.mark.parametrize("obstacle", ["open folder", "link", "file", "folder of somebody else"])
def test_temporary_cache_folder_is_never_one_that_others_can_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, obstacle: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    name = tmp_path / f"kagami-cache-{os.getuid()}"
    if obstacle == "open folder":
        name.mkdir()
        name.chmod(0o777)
    elif obstacle == "link":
        (tmp_path / "elsewhere").mkdir(0o700)
        name.symlink_to(tmp_path / "elsewhere")
    elif obstacle == "file":
        name.touch()
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        name = tmp_path / "kagami-cache-12345"
        name.mkdir(0o700)
    temporary_cache_folder.cache_clear()
    try:
        folder = temporary_cache_folder()
    finally:
        temporary_cache_folder.cache_clear()
    assert folder is not None
    assert folder != name
    assert folder.stat().st_mode & 0o777 == 0o700


def test_every_compiled_function_is_kept_this_way() -> None:
    """A direct `njit(cache=True)` would end the start in a read-only installation. Types and intrinsics, which what is
    compiled this way uses, are compiled with it.
    """
    direct = re.compile(r"^\s*(import numba\b|from numba import .*(jit|vectorize|cfunc|stencil))", re.MULTILINE)
    users = [
        path.relative_to(ROOT).as_posix()
        for part in ("kernels", "models", "streamer", "training", "benchmarks")
        for path in (ROOT / part).rglob("*.py")
        if direct.search(path.read_text("utf-8"))
    ]
    assert users == ["kernels/compile.py"]
