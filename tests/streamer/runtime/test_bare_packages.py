"""Libraries are imported in part."""

import os
import subprocess
import sys

import pytest

from streamer.runtime.bare_packages import bare_packages
from tests.support.programs import ROOT

# In both orders: what imports single modules of MediaPipe works before and after the bare import.
PROGRAM = """
import sys
for line in {lines}:
    exec(line)
assert not {{name for name in sys.modules if name.split(".")[0] == "matplotlib"}} or {whole}
assert face_mesh.FaceMesh is ours.FaceMesh
"""
OURS = "from streamer.tracking.mediapipe_models import face_mesh as ours"
MODULES = "from mediapipe.python.solutions import face_mesh"


@pytest.mark.parametrize(("lines", "whole"), [([OURS, MODULES], False), ([MODULES, OURS], True)])
def test_mediapipe_is_imported_without_what_it_draws_with(lines: list[str], whole: bool) -> None:
    program = PROGRAM.format(lines=lines, whole=whole)
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=dict(os.environ), timeout=170)


def test_bare_packages_are_unknown_afterwards_and_what_was_imported_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "xml.dom.minidom", raising=False)
    before = set(sys.modules)
    with bare_packages("email"), bare_packages("xml", ("etree", "dom.minidom")):
        assert sys.modules["xml.dom.minidom"].__path__[0].endswith(os.path.join("xml", "dom", "minidom"))
    assert {name for name in sys.modules if name.startswith("xml")} == {n for n in before if n.startswith("xml")}
