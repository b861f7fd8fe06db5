"""The turning head: which poses are measured, how figures are gathered, and one real turn."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation.context import EvalContext
from benchmarks.evaluation.turned_heads import (
    FIGURES,
    MAX_YAW,
    REFERENCE_YAWS,
    by_distance,
    offsets_of,
    turn,
    view_yaws,
)
from streamer.generation.factory import make_pipeline
from tests.support.kits import FACEKIT, needs_facekit


def test_references_are_turned_to_both_sides_but_never_beyond_a_profile():
    assert offsets_of(0) == [-90, -75, -60, -45, -30, -15, 0, 15, 30, 45, 60, 75, 90]
    assert offsets_of(45) == [-60, -45, -30, -15, 0, 15, 30, 45]
    for yaw in REFERENCE_YAWS:
        assert all(abs(yaw + offset) <= MAX_YAW for offset in offsets_of(yaw)) and 0 in offsets_of(yaw)


def test_further_references_differ_from_the_first():
    assert view_yaws(0, 2) == [-50, 50] and view_yaws(45, 2) == [-50, 0] and view_yaws(30, 0) == []


def test_figures_are_gathered_by_generator_reference_and_distance():
    frames = [
        {"generator": "dit", "reference": reference, "offset": offset, "holes": value}
        for reference, offset, value in [(0, -15, 4.0), (0, 15, 2.0), (30, 15, 9.0), (30, -45, np.nan)]
    ]
    rows = by_distance(frames, "holes")
    assert list(rows) == ["dit, 0°", "dit, 30°", "dit, 45°", "dit, all"]
    assert rows["dit, 0°"]["15"] == 3 and rows["dit, all"]["15"] == 5
    assert np.isnan(rows["dit, 45°"]["15"]) and np.isnan(rows["dit, 30°"]["45"])


@pytest.fixture(scope="module")
def character():
    options = argparse.Namespace(facekit=Path(FACEKIT), count=1, device="cpu")
    return EvalContext(options).cast[0]


@needs_facekit
def test_the_truth_over_a_colour_differs_from_the_frame_in_the_background_alone(character):
    frame, green = character.frame(0), character.over((0, 177, 64), 0)
    same = (frame.image == green).all(-1)
    assert same[frame.matte == 1].all() and (green[frame.matte == 0] == (0, 177, 64)).all()


@needs_facekit
def test_a_turned_head_is_measured_at_every_offset(character):
    pipeline = make_pipeline("geometry", size=512)
    frames = turn(pipeline, pipeline.prepare(character.picture(45)), character, 45)
    assert [frame.offset for frame in frames] == offsets_of(45)
    figures = {frame.offset: frame.figures for frame in frames}
    own_pose, far = figures[0], figures[-60]
    assert tuple(own_pose) == FIGURES
    assert own_pose["face_psnr"] > 25 > far["face_psnr"] and own_pose["dirt"] == own_pose["holes"] == 0
