"""The kept code of kernels: compiled anew where anything changes that is compiled into it, and kept once."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba.core.caching import NullCache
from numba.core.registry import CPUDispatcher

from kernels import code_cache
from kernels.code_cache import ROOT, sources_of
from kernels.compile import lacks_code

PARTS = {
    "codes.py": "NUMBER = 1\n",
    "shared.py": """
from kernels.codes import NUMBER
from kernels.compile import compile_cached

@compile_cached()
def part(value):
    return value + NUMBER
""",
    "whole.py": """
from kernels.compile import compile_cached
from kernels.shared import part

@compile_cached()
def whole(value):
    return 10 * part(value)
""",
}
RUN = """
from kernels.compile import compiled_functions
from kernels.whole import whole
print(whole(2), compiled_functions())
"""
COMPILE = """
from kernels.compile import compile_for, compiled_functions, lacks_code
from kernels.whole import whole
first = lacks_code(whole, "int64")
compile_for(whole, "int64")
print(first, lacks_code(whole, "int64"), lacks_code(whole, "float32"), compiled_functions())
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a package `kernels` of three files, each of which uses the one before."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    for name in ("__init__.py", "cache_folder.py", "code_cache.py", "compile.py"):
        (folder / name).write_text((ROOT / "kernels" / name).read_text())
    for name, text in PARTS.items():
        (folder / name).write_text(text)
    return tmp_path


def run(package: Path, program: str = RUN) -> str:
    removed = ("NUMBA_CACHE", "PYTHONDONTWRITEBYTECODE")  # the code is to lie beside what Python keeps
    environment = {name: value for name, value in os.environ.items() if not name.startswith(removed)}
    return subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env=environment | {"PYTHONPATH": str(package)},
        cwd=package,
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout


def test_change_of_what_a_kernel_calls_has_it_compiled_anew_and_removes_its_former_code(package: Path) -> None:
    assert run(package) == "30 2\n"
    assert run(package) == "30 0\n"
    codes, whole = package / "kernels" / "codes.py", package / "kernels" / "whole.py"
    codes.write_text("NUMBER = 3\n")
    assert run(package) == "50 2\n"
    whole.write_text("\n\n" + whole.read_text())
    assert run(package) == "50 1\n"
    kept = sorted(path.name.partition("-")[0] for path in (package / "kernels" / "__pycache__").glob("*.nb*"))
    assert kept == ["shared.part", "shared.part", "whole.whole", "whole.whole"], "an index and the code of each"


def test_code_is_lacking_until_it_is_kept_for_these_types(package: Path) -> None:
    assert run(package, COMPILE) == "True False True 2\n"
    assert run(package, COMPILE) == "False False True 0\n"


def test_no_code_is_lacking_where_none_can_be_kept() -> None:
    assert not lacks_code(SimpleNamespace(_cache=NullCache()), "int64")


@pytest.mark.parametrize(
    "imported", ["import kernels.codes", "from kernels import codes", "from kernels.codes import NUMBER"]
)
def test_sources_are_found_however_they_are_imported(tmp_path: Path, imported: str) -> None:
    (tmp_path / "one.py").write_text(f"def late():\n    {imported}\n")
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "codes.py").write_text("NUMBER = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_cache, "ROOT", tmp_path)
        assert sources_of(tmp_path / "one.py") == {tmp_path / "one.py", tmp_path / "kernels" / "codes.py"}


@pytest.mark.parametrize(
    "file", [path.relative_to(ROOT) for path in sorted((ROOT / "kernels").rglob("numba_*.py"))], ids=str
)
def test_sources_of_a_kernel_have_all_that_it_calls(file: Path) -> None:
    module = importlib.import_module(".".join(file.with_suffix("").parts))
    called = {Path(inspect.getfile(each.py_func)) for each in vars(module).values() if isinstance(each, CPUDispatcher)}
    assert called <= sources_of(ROOT / file)
