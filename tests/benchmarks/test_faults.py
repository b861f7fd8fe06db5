"""`python -m benchmarks.faults` in a short form, and what its attacks send."""

from __future__ import annotations

import io
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import faults
from benchmarks.streaming import process_faults
from benchmarks.streaming.attacks import plain_png
from benchmarks.streaming.offer_fuzz import fuzz_offers
from benchmarks.streaming.offers import damaged, make_offer
from benchmarks.streaming.process_faults import difference

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")


@pytest.mark.realtime
@pytest.mark.timeout(600)
def test_attacks_leave_nothing_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "REPLACEMENT_PAUSE_S", 0.5)
    monkeypatch.setattr(process_faults, "SETTLED_S", 1.5)
    out = tmp_path / "faults.json"
    quick = [
        "--seconds",
        "2",
        "--offers",
        "40",
        "--generator",
        "geometry",
        "--no-body",
        "--size",
        "256",
        "--camera-fps",
        "15",
    ]
    attack = "mutated offers"  # all take minutes
    served = ["4 unusable offers", "picture process killed", "fork server killed", "tracker killed"]
    chosen = [faults.DAMAGED_OFFERS, attack, *served]
    names = [word for name in chosen for word in ("--attack", name)]
    assert faults.main([*quick, *names, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert [row["attack"] for row in report["rows"]] == [attack]
    assert [row["fault"] for row in (*report["seats"], *report["processes"])] == chosen[2:]
    (picture, forks, tracker), (seat,) = report["processes"], report["seats"]
    assert picture["outcome"] is not None and picture["left"] == 0
    assert tracker["follows_s"] is not None and not tracker["calibrated_anew"]  # a fast one is not told of in between
    assert forks["same_tracker"] and not forks["told"]
    assert seat["answered_s"] is not None
    assert report["tracebacks"] == 0
    assert report["offers"]["holds"] and sum(report["offers"]["outcomes"].values()) == 40
    for row in report["rows"]:
        assert row["left"]["sessions"] == row["left"]["processes"] == row["left"]["udp_sockets"] == 0, row
        assert row["newcomer"], row
        assert row["fps_alone"] > 0 and row["fps_under"] > 0, row
    assert report["hardware"]["cpu"] in capfd.readouterr().out


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--attack", "none"], ["--camera-fps", "-1"]])
def test_impossible_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        faults.main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_difference_compares_pictures_of_the_same_frames_of_the_clip() -> None:
    grey = {k: np.full((4, 4), 100 + k, np.uint8) for k in range(5)}
    assert difference(grey, {k: each + np.uint8(3) for k, each in grey.items() if k > 1}) == 3.0
    assert math.isnan(difference(grey, {}))


async def test_damaged_offers_differ_from_the_offer_and_from_run_to_run_do_not() -> None:
    offer = await make_offer()
    first, second = ([damaged(offer, random.Random(seed)) for seed in range(50)] for _ in range(2))
    assert first == second and len(set(first)) > 40


async def test_damaged_offers_are_answered_or_refused_and_nothing_of_them_stays() -> None:
    report = await fuzz_offers(250, seed=7)
    assert report.holds, report
    assert min(report.outcomes[kind] for kind in ("answer", "negotiation", "taken back")) > 5


def test_plain_png_is_cheap_to_send_and_large_to_decode() -> None:
    data = plain_png(2000)
    assert len(data) < 50_000 and Image.open(io.BytesIO(data)).size == (2000, 2000)
