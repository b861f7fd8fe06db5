"""Pictures that show limbs wait for the kernels that draw them; others do not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streamer.generation.separate_preparation import SeparatePreparation
from streamer.options import EVERY_PERSON, LARGEST_PERSON


class Parts:
    """Pipeline, pictures and compilation, which keep the order of their calls. limbs: what the picture shows."""

    def __init__(self, limbs: object) -> None:
        self.size, self.calls = 32, list[str]()
        self._found = SimpleNamespace(limbs=limbs)

    def find(self, *_: Any) -> Any:
        return self._found

    def find_scene(self, *_: Any) -> Any:
        return SimpleNamespace(characters=[SimpleNamespace(limbs=None), self._found])

    def build(self, _: Any) -> None:
        self.calls.append("build")

    build_scene = build

    def wait(self) -> None:
        self.calls.append("wait")


@pytest.mark.parametrize("person", [LARGEST_PERSON, EVERY_PERSON])
@pytest.mark.parametrize("limbs, calls", [(None, ["build"]), (object(), ["wait", "build"])])
def test_a_picture_with_limbs_alone_waits_for_the_kernels(person: str, limbs: object, calls: list[str]) -> None:
    parts: Any = Parts(limbs)
    SeparatePreparation(parts, parts, parts).prepare(parts, None, None, [], person)
    assert parts.calls == calls
