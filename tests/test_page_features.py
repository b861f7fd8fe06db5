"""docs/page.md lists every control of the page, with tests that use it in a browser; that they do, each run of them
checks at its end (tests/support/control_uses.py).
"""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.control_uses import PROPERTY, ControlUses
from tests.support.page_features import ROOT, Feature, control_names, features, page_controls


def test_every_control_of_the_page_is_a_feature_with_a_test() -> None:
    listed = {control for feature in features() for control in feature.controls}
    assert sorted(page_controls() - listed) == [], "not in docs/page.md"
    assert sorted(listed - page_controls()) == [], "not on the page any more"


@pytest.mark.parametrize("feature", features(), ids=[feature.name for feature in features()])
def test_tests_of_a_feature_exist(feature: Feature) -> None:
    for file, name in feature.tests:
        body = ast.parse((ROOT / "tests" / "browser" / file).read_text(encoding="utf-8")).body
        assert name in [node.name for node in body if isinstance(node, ast.FunctionDef)], f"{file} has no {name}"


def test_controls_are_found_by_id_or_by_choice() -> None:
    html = '<button id="go"></button><label><input type="radio" name="frame" value="bust">Bust</label><p id="text"></p>'
    assert control_names(html) == {"go", "frame=bust"}
    with pytest.raises(AssertionError, match="a select without an id"):
        control_names("<select></select>")


def report(test: str, *used: str, when: str = "call", outcome: str = "passed") -> Any:
    properties = [(PROPERTY, name) for name in used]
    return SimpleNamespace(
        nodeid=f"tests/browser/{test}", when=when, passed=outcome == "passed", user_properties=properties
    )


@pytest.mark.parametrize(
    ("reports", "unused"),
    [
        ([report("test_a.py::test_go", "go"), report("test_b.py::test_stop[1]", "stop")], []),
        ([report("test_a.py::test_go", "go"), report("test_b.py::test_stop[1]")], ["stop"]),
        ([report("test_a.py::test_go"), report("test_b.py::test_stop")], ["go", "stop"]),
        ([report("test_a.py::test_go"), report("test_b.py::test_stop", "go", "stop", when="teardown")], []),
        ([report("test_a.py::test_go")], []),  # the other one was not chosen
        ([report("test_a.py::test_go"), report("test_b.py::test_stop", when="setup", outcome="skipped")], []),
        ([report("test_a.py::test_go"), report("test_b.py::test_stop", outcome="failed")], []),
    ],
)
def test_controls_that_no_test_uses_fail_a_run_of_all_tests_of_their_feature(
    reports: list[Any], unused: list[str]
) -> None:
    uses = ControlUses([Feature("start", ("go", "stop"), (("test_a.py", "test_go"), ("test_b.py", "test_stop")))])
    for each in reports:
        uses.pytest_runtest_logreport(each)
    expected = [f"start: its tests do not use {', '.join(unused)}"] if unused else []
    assert uses.unused() == expected
    session: Any = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    uses.pytest_sessionfinish(session)
    assert session.exitstatus == (pytest.ExitCode.TESTS_FAILED if unused else pytest.ExitCode.OK)
