"""The import law of docs/architecture.md, read from the source of every file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import kernels

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("run_server", "streamer", "models", "kernels", "training", "benchmarks")
OURS = {*PARTS, "tests"}

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

# The law inside of `streamer`: which of its packages and modules each of them may import. Nothing imports to its left:
# launch → other_programs → server → engine → generation → rigging → tracking → runtime; rigging → files;
# animate, server → film → generation, files; engine, film → sources → tracking;
# server → outputs → webrtc, files, virtual_camera → runtime;
# server → osc → sources.
# cluster → launch; nothing imports cluster.
COMMON = {
    "addresses",
    "effort",
    "errors",
    "options",
    "frames",
    "camera",
    "flags",
    "settings",
    "shared_settings",
    "stream_address",
}
TRACKING = COMMON | {"runtime", "tracking"}
SOURCES = TRACKING | {"sources"}
RIGGING = TRACKING | {"rigging"}
GENERATION = RIGGING | {"generation"}
ENGINE = GENERATION | {"sources", "engine"}
FILM = GENERATION | {"sources", "files", "film"}
OUTPUTS = COMMON | {"runtime", "files", "virtual_camera", "webrtc", "outputs"}
SERVER = ENGINE | FILM | {"webrtc", "outputs", "osc", "server"}
STREAMER: dict[str, set[str]] = {
    **dict.fromkeys(COMMON, COMMON),
    "runtime": COMMON,
    "tracking": TRACKING,
    "sources": SOURCES,
    "rigging": RIGGING | {"files"},
    "generation": GENERATION,
    "engine": ENGINE,
    "webrtc": COMMON | {"runtime"},
    "files": COMMON | {"runtime"},
    "osc": SOURCES,
    "virtual_camera": COMMON | {"runtime"},
    "outputs": OUTPUTS,
    "server": SERVER,
    "other_programs": SERVER,
    "launch": SERVER | {"virtual_camera", "other_programs"},
    "film": FILM,
    "animate": FILM,
    "cluster": SERVER | {"launch"},
}

# Every module that is named by a string, and why.
LAZY = {
    ("streamer/virtual_camera.py", "pyvirtualcam"): "optional (extra `obs`), and tests replace it",
    ("streamer/outputs/ndi_output.py", "cyndilib.sender"): "optional (extra `ndi`), and tests replace it",
    ("streamer/outputs/ndi_output.py", "cyndilib.video_frame"): "optional (extra `ndi`), and tests replace it",
    ("streamer/outputs/ndi_output.py", "cyndilib.audio_frame"): "optional (extra `ndi`), and tests replace it",
    ("streamer/outputs/ndi_output.py", "cyndilib.wrapper.ndi_structs"): "optional (extra `ndi`), and tests replace it",
    ("streamer/runtime/fork_server.py", "_FIRST"): "the fork server's own first import",
    ("streamer/runtime/fork_server.py", "*modules"): "the names that `preload` is given",
    ("streamer/launch.py", "streamer.tracking.tracker_process"): "preloaded once by the fork server",
    ("streamer/launch.py", "streamer.tracking.person_tracker"): "preloaded once by the fork server",
    ("streamer/launch.py", "streamer.rigging.picture_process"): "preloaded once by the fork server",
    ("streamer/launch.py", "streamer.rigging.views"): "preloaded once by the fork server",
    ("streamer/launch.py", "streamer.film.film"): "preloaded once by the fork server",
}
IMPORT_FUNCTIONS = {"import_module", "__import__", "set_forkserver_preload", "preload", "run_module", "resolve_name"}


def files_of(part: str) -> list[Path]:
    single = ROOT / f"{part}.py"
    return [single] if single.exists() else sorted((ROOT / part).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """The dotted name of a module; that of the package for its `__init__.py`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def called(node: ast.AST) -> str:
    """The last part of a called function's name, "" for every other node."""
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def imports_of(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """(line, dotted name, names taken from it) of every import in a file, in functions, too, and in every form."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, []
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield node.lineno, module, [alias.name for alias in node.names]
    for line, name in imported_by_string(path):
        yield line, name, []


def imported_by_string(path: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of each module that a file passes to a function that imports; where it is no string, its source."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and called(node) in IMPORT_FUNCTIONS and node.args:
            first = node.args[0]
            for argument in first.elts if isinstance(first, ast.List | ast.Tuple) else [first]:
                is_text = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                yield node.lineno, argument.value if is_text else ast.unparse(argument)


def offences(part: str) -> list[str]:
    found = []
    for path in files_of(part):
        for line, name, _ in imports_of(path):
            top = name.split(".")[0]
            third_party = LAW[part]
            if top == part or top in sys.stdlib_module_names or top == "__name__":
                continue
            allowed = top in LAYERS[part] if top in OURS else third_party is None or top in third_party
            if not allowed:
                found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return found


def streamer_offences() -> list[str]:
    """Imports between the packages of `streamer` that its law does not allow."""
    found = []
    for path in files_of("streamer"):
        part = path.relative_to(ROOT / "streamer").with_suffix("").parts[0]
        for line, name, taken in imports_of(path):
            parts = name.split(".")
            if parts[0] != "streamer":
                continue
            for imported in parts[1:2] or taken:
                if part != "__init__" and imported not in STREAMER[part] | {part}:
                    found.append(f"{path.relative_to(ROOT)}:{line} imports streamer.{imported}")
    return found


def import_graph() -> dict[str, set[str]]:
    """Each of our modules with those of ours that it imports; a package's `__init__.py` counts where it is named."""
    modules = {name_of(path): path for part in PARTS for path in files_of(part)}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        graph[module] = set()
        for _, name, taken in imports_of(path):
            submodules = {f"{name}.{each}" for each in taken} & modules.keys()
            graph[module] |= submodules
            if name in modules and len(submodules) < max(len(taken), 1):
                graph[module].add(name)
        graph[module].discard(module)
    return graph


@pytest.mark.parametrize("part", LAW)
def test_import_law_holds(part: str) -> None:
    assert files_of(part), f"{part} is gone"
    assert offences(part) == []


def test_packages_of_streamer_import_nothing_to_their_left() -> None:
    assert streamer_offences() == []


def test_only_the_cluster_imports_ray_and_nothing_of_the_server_imports_the_cluster() -> None:
    """`python run_server.py` needs no Ray, and imports none."""
    importing = {
        str(path.relative_to(ROOT)): name
        for part in ("run_server", "streamer", "models", "kernels", "training")
        for path in files_of(part)
        for _, name, taken in imports_of(path)
        if not path.is_relative_to(ROOT / "streamer" / "cluster")
        and (
            name.split(".")[0] == "ray"
            or name.startswith("streamer.cluster")
            or (name, *taken) == ("streamer", "cluster")
        )
    }
    assert importing == {}


def test_no_module_imports_itself_through_others() -> None:
    """Imports inside functions count: they only postpone a circle."""
    try:
        TopologicalSorter(import_graph()).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1][::-1]))


def test_modules_named_by_strings_are_listed() -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for part in PARTS
        for path in files_of(part)
        for _, name in imported_by_string(path)
    }
    assert found == LAZY.keys()
    modules = {name_of(path) for part in PARTS for path in files_of(part)}
    assert {name for _, name in LAZY if name.split(".")[0] in OURS} <= modules


@pytest.mark.parametrize("part", ["streamer", "models", "training", "benchmarks"])
def test_package_files_are_empty(part: str) -> None:
    """Importing one module of a package must not import others: run_server answers bad flags before torch is there."""
    files = (path for path in files_of(part) if path.name == "__init__.py")
    full = [str(path.relative_to(ROOT)) for path in files if any(not is_docstring(n) for n in tree_of(path).body)]
    assert full == []


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_law_reads_every_form_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_law_of_streamer_reads_every_form_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "streamer" / "tracking").mkdir(parents=True)
    (tmp_path / "streamer" / "tracking" / "bad.py").write_text(
        "from streamer import server, errors\n"
        "from streamer.engine.engine import Engine\n"
        "def late():\n    import streamer.rigging.picture\n"
        "from streamer.runtime import mailbox\n"
    )
    assert streamer_offences() == [
        "streamer/tracking/bad.py:1 imports streamer.server",
        "streamer/tracking/bad.py:2 imports streamer.engine",
        "streamer/tracking/bad.py:4 imports streamer.rigging",
    ]


def test_circles_are_found_in_functions_and_through_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PARTS", ("models",))
    (tmp_path / "models" / "sub").mkdir(parents=True)
    (tmp_path / "models" / "a.py").write_text("from models.sub import b\n")
    (tmp_path / "models" / "sub" / "__init__.py").write_text("")
    (tmp_path / "models" / "sub" / "b.py").write_text("def late():\n    from models.a import thing\n")
    assert import_graph() == {"models.a": {"models.sub.b"}, "models.sub": set(), "models.sub.b": {"models.a"}}
    with pytest.raises(pytest.fail.Exception, match=r"models\.a → models\.sub\.b → models\.a|models\.sub\.b → "):
        test_no_module_imports_itself_through_others()


def test_kernels_is_ours_and_not_the_package_of_that_name() -> None:
    assert kernels.__file__ is not None
    assert Path(kernels.__file__).resolve() == ROOT / "kernels" / "__init__.py"


def test_every_folder_with_code_is_a_package() -> None:
    """A folder without __init__.py would be missing from an installed Kagami."""
    folders = {path.parent for part in LAYERS if (ROOT / part).is_dir() for path in (ROOT / part).rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []
