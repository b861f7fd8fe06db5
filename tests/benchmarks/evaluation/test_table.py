"""Means, differences and tables of figures."""

import json

import numpy as np

from benchmarks.evaluation.table import difference, jsonable, mean_row, table


def test_means_and_differences_leave_out_nan():
    rows = [{"psnr": 20.0, "akd": np.nan}, {"psnr": 30.0, "akd": np.nan}]
    mean = mean_row(rows)
    assert mean["psnr"] == 25 and np.isnan(mean["akd"])
    assert difference(rows[1], rows[0])["psnr"] == 10
    assert mean_row([rows[0], {"psnr": 10.0, "akd": 3.0}]) == {"psnr": 15.0, "akd": 3.0}


def test_table_has_a_line_for_each_row():
    lines = table("Drawn", {"geometry": {"psnr": 20.5, "akd": np.nan}, "dit": {"psnr": 25.0, "akd": 1.0}}).splitlines()
    assert lines[1] == "Drawn" and lines[2].split() == ["psnr", "akd"]
    assert lines[3].split() == ["geometry", "20.500", "–"] and lines[4].split() == ["dit", "25.000", "1.000"]


def test_jsonable_has_null_for_nan():
    assert json.dumps(jsonable({"a": (np.float64(1), np.nan), 2: "b"})) == '{"a": [1.0, null], "2": "b"}'
