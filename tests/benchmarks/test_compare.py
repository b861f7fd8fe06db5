"""Two reports beside each other."""

import json

from benchmarks.compare import compare, main, tables

BEFORE = {
    "hardware": {"device": "cpu", "cores": 2},
    "parts": {
        "turns": {"means": {"holes": {"dit, 0°": {"0": 0.0, "45": 120.0}, "geometry, 0°": {"0": 0.0, "45": 7.0}}}}
    },
}
AFTER = {"parts": {"turns": {"means": {"holes": {"dit, 0°": {"0": 0.0, "45": None}, "other": {"0": 1.0}}}}}}


def test_tables_are_found_at_any_depth_with_their_path():
    assert [(path, sorted(rows)) for path, rows in tables(BEFORE)] == [
        ("parts / turns / means / holes", ["dit, 0°", "geometry, 0°"])
    ]


def test_rows_of_both_reports_stand_beside_each_other_with_their_change():
    later = json.loads(json.dumps(AFTER))
    later["parts"]["turns"]["means"]["holes"]["dit, 0°"]["45"] = 20.0
    (text,) = compare(BEFORE, later)
    lines = {line.split("  ")[0]: line.split()[-2:] for line in text.splitlines()[3:]}
    assert lines == {
        "dit, 0°, before": ["0.000", "120.000"],
        "dit, 0°, after": ["0.000", "20.000"],
        "dit, 0°, change": ["0.000", "-100.000"],
    }


def test_an_undefined_figure_is_a_dash_and_a_word_selects_rows():
    (text,) = compare(BEFORE, AFTER, "dit")
    assert text.splitlines()[-1].split()[-2:] == ["0.000", "–"]
    assert compare(BEFORE, AFTER, "geometry") == []


def test_files_are_read_and_a_bad_one_is_an_error_in_one_sentence(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps(BEFORE))
    assert main([str(tmp_path / "a.json"), str(tmp_path / "a.json"), "--rows", "holes"]) == 0
    assert "dit, 0°, change" in capsys.readouterr().out
    (tmp_path / "b.json").write_text("no")
    assert main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"The report {tmp_path / 'b.json'} cannot be read as JSON") and error.count("\n") == 1
