"""Which controls the browser tests really use: the page tells each click, change and unfolding, and at the end of a run
every feature of docs/page.md, all of whose tests have run, must have had its controls used by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from tests.support.page_features import Feature, features

if TYPE_CHECKING:  # else every test would load Playwright
    from playwright.sync_api import BrowserContext, ConsoleMessage

PROPERTY = "used controls"  # of a test's report, which also comes from the processes of pytest-xdist
_MARK = "used control: "
# A button is used by a click, an input and a list by a change, what unfolds or opens by that. The events of keys, of
# labels and of Playwright's `fill` are all among these. Each control is told once for each load of a page.
_TELL_JS = f"""
(() => {{
  const told = new Set();
  const isUsed = {{
    click: (control) => control.matches('button'),
    input: (control) => control.matches('input, textarea'),
    change: (control) => control.matches('input, select, textarea'),
    toggle: (control) => control.matches('details, dialog'),
  }};
  for (const [type, holds] of Object.entries(isUsed)) {{
    addEventListener(type, ({{ target }}) => {{
      const control = target instanceof Element && target.closest('button, input, select, textarea, details, dialog');
      const name = control ? control.id || `${{control.name}}=${{control.value}}` : '';
      if (name && holds(control) && !told.has(name)) {{
        told.add(name);
        console.debug({_MARK!r} + name);
      }}
    }}, true);
  }}
}})();
"""


def record_uses(context: BrowserContext, item: pytest.Item) -> None:
    """Note the controls that are used on the pages of a new context in the report of this test."""
    context.add_init_script(_TELL_JS)

    def hear(message: ConsoleMessage) -> None:
        if message.text.startswith(_MARK):
            item.user_properties.append((PROPERTY, message.text.removeprefix(_MARK)))

    context.on("console", hear)


class ControlUses:
    """A plugin of pytest: fails a run whose tests leave a control unused that docs/page.md says they use."""

    def __init__(self, known: Sequence[Feature] | None = None) -> None:
        self._features = features() if known is None else known
        self._used: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._passed: set[tuple[str, str]] = set()
        self._incomplete: set[tuple[str, str]] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file, _, name = report.nodeid.partition("::")
        test = (file.rsplit("/", 1)[-1], name.split("[")[0])
        self._used[test] |= {str(value) for key, value in report.user_properties if key == PROPERTY}
        if not report.passed:
            self._incomplete.add(test)
        elif report.when == "call":
            self._passed.add(test)

    def unused(self) -> list[str]:
        """A line for each feature whose tests have all passed, and left controls of it unused."""
        complete = self._passed - self._incomplete
        lines = []
        for feature in self._features:
            used = {name for test in feature.tests for name in self._used[test]}
            missing = [name for name in feature.controls if name not in used]
            if missing and complete.issuperset(feature.tests):
                lines.append(f"{feature.name}: its tests do not use {', '.join(missing)}")
        return lines

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unused() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if lines := self.unused():
            terminalreporter.section("docs/page.md", red=True)
            for line in lines:
                terminalreporter.line(line)
