"""pymatting is imported in part, and nobody else notices."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.rigging import pymatting_methods as module

PROGRAM = """
import sys
from streamer.rigging.pymatting_methods import pymatting_methods
assert pymatting_methods() is not None
loaded = {name for name in sys.modules if name.startswith("pymatting.")}
assert "pymatting.alpha.estimate_alpha_cf" in loaded, loaded
assert not {name for name in loaded if name.endswith(("knn", "_sm", "lbdm", "rw", "lkm"))}, loaded
assert "pymatting" not in sys.modules
"""


def test_only_the_methods_that_are_used_are_imported() -> None:
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, cwd=root, env=dict(os.environ), timeout=170)


def test_without_a_folder_for_compiled_code_there_are_no_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locator() -> module.Methods:
        raise RuntimeError("cannot cache function")

    monkeypatch.setattr(module, "_import_functions", no_locator)
    monkeypatch.setattr(module, "temporary_cache_folder", lambda: None)
    module._import.cache_clear()
    try:
        assert module.pymatting_methods() is None
    finally:
        module._import.cache_clear()
