"""The description of the machine."""

from __future__ import annotations

import json

from benchmarks.common import hardware


def test_describe_names_the_machine_and_fits_into_json() -> None:
    facts = hardware.describe()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpu"]
    assert facts["cores"] >= 1
    assert facts["device"] == "cpu"
    assert facts["versions"]["torch"].startswith("2.")


def test_a_missing_package_has_no_version() -> None:
    assert hardware._version("kagami-that-nobody-made") is None
