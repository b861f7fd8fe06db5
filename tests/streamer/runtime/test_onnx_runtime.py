"""ONNX Runtime tells nobody anything, in whichever process it runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUN_A_GRAPH = """
import time
import torch
from streamer.generation.onnx_export import export
from streamer.runtime.onnx_runtime import onnxruntime
graph = export(torch.nn.ReLU(), [torch.zeros(1)], {}, None)
onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"input0": torch.zeros(1).numpy()})
time.sleep(1)  # telemetry writes from a thread of its own
"""


@pytest.mark.parametrize("program", [RUN_A_GRAPH, "import streamer.generation.factory"])
def test_no_file_is_left_in_cache_or_temporary_folder(program: str, tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    for folder in (home, temporary):
        folder.mkdir()
    places = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "TMPDIR": temporary, "MPLCONFIGDIR": tmp_path / "plots"}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {name: str(place) for name, place in places.items()} | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment)
    left = [path for folder in (home, temporary) for path in folder.rglob("*") if path.is_file()]
    assert [str(path) for path in left if "icrosoft" in str(path) or path.name == ".ses"] == []


def test_it_is_imported_in_one_place() -> None:
    files = [path for part in ("streamer", "models", "kernels", "training", "benchmarks", "tests")
             for path in (ROOT / part).rglob("*.py")]  # fmt: skip
    importing = re.compile(r"^\s*(?:import|from) onnxruntime", re.MULTILINE)
    found = [path.relative_to(ROOT) for path in files if importing.search(path.read_text(encoding="utf-8"))]
    assert found == [Path("streamer/runtime/onnx_runtime.py")]
