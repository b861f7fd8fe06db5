"""The import law of docs/architecture.md, read from the source of every file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kernels

ROOT = Path(__file__).resolve().parent.parent
OURS = {"run_server", "streamer", "models", "kernels", "training", "benchmarks", "tests"}

# What each part may import besides our own parts and the standard library. None: anything that is installed.
LAW: dict[str, set[str] | None] = {
    "kernels": {"torch", "triton", "numba", "numpy"},
    "models": {"torch", "safetensors"},
    "streamer": None,
    "run_server": None,
    "training": None,
}
# Which of our own parts each part may import.
LAYERS: dict[str, set[str]] = {
    "kernels": set(),
    "models": {"kernels"},
    "streamer": {"models", "kernels"},
    "run_server": {"streamer"},
    "training": {"models", "kernels"},
}


def files_of(part: str) -> list[Path]:
    single = ROOT / f"{part}.py"
    return [single] if single.exists() else sorted((ROOT / part).rglob("*.py"))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import in a file, wherever in it and in whichever form it stands."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield node.lineno, ".".join([*above, *([node.module] if node.module else [])])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def offences(part: str) -> list[str]:
    found = []
    for path in files_of(part):
        for line, name in imports_of(path):
            top = name.split(".")[0]
            third_party = LAW[part]
            if top == part or top in sys.stdlib_module_names:
                continue
            allowed = top in LAYERS[part] if top in OURS else third_party is None or top in third_party
            if not allowed:
                found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return found


@pytest.mark.parametrize("part", LAW)
def test_the_import_law_holds(part: str) -> None:
    assert files_of(part), f"{part} is gone"
    assert offences(part) == []


def test_the_law_sees_every_form_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "models" / "sub").mkdir(parents=True)
    (tmp_path / "models" / "sub" / "bad.py").write_text(
        "import streamer.engine.engine as e\n"
        "def late():\n    from training import loss\n"
        "from ...streamer import mailbox\n"
        "import importlib\nimportlib.import_module('cv2')\n"
        "from . import good\nfrom ..config import Config\nimport torch.nn\n"
    )
    assert sorted(offences("models")) == [
        "models/sub/bad.py:1 imports streamer.engine.engine",
        "models/sub/bad.py:3 imports training",
        "models/sub/bad.py:4 imports streamer",
        "models/sub/bad.py:6 imports cv2",
    ]


def test_kernels_is_ours_and_not_the_package_of_that_name() -> None:
    assert kernels.__file__ is not None
    assert Path(kernels.__file__).resolve() == ROOT / "kernels" / "__init__.py"


def test_every_folder_with_code_is_a_package() -> None:
    """A folder without __init__.py would be missing from an installed Kagami."""
    folders = {path.parent for part in LAYERS if (ROOT / part).is_dir() for path in (ROOT / part).rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []
