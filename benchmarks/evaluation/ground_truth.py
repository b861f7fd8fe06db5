"""The parts of the quality benchmark that compare with rendered truth: drivers, styles, steps, ablations."""

from __future__ import annotations

from pathlib import Path

from benchmarks.evaluation.context import Bench
from benchmarks.evaluation.eval_pipeline import Artist, Blind, Blindfolded, Forgetful
from benchmarks.evaluation.rendered import DRIVERS, FIGURES, measure
from benchmarks.evaluation.table import Rows, difference, mean_row, table
from models import checkpoint as weights
from streamer.generation.factory import default_checkpoint

STEPS = (1, 2, 4)


def rendered(bench: Bench) -> dict[str, Rows]:
    """Held-out identities, motions and styles with true pixels, driven by themselves, by others, and as tracked."""
    out: dict[str, Rows] = {}
    for driver in DRIVERS:
        rows = bench.rows(driver)
        if not rows["dit"]:
            print(f"Rendered truth, driver: {driver}: MediaPipe saw a face throughout in none of the takes")
            continue
        out[driver] = means = {name: mean_row(each) for name, each in rows.items()}
        means["dit − geometry"] = difference(means["dit"], means["geometry"])
        print(table(f"Rendered truth, {len(rows['dit'])} takes, driver: {driver}; regions in dB", means, FIGURES))
    return out


def styles(bench: Bench) -> dict[str, Rows]:
    """The rendered table by style, driven by others.

    With weights trained without a style it is a true leave-one-out, else it says no more than how each style fares.
    """
    out: dict[str, Rows] = {}
    without = {style: bench.artist(bench.generator("dit", path)) for style, path in bench.options.checkpoint_without}
    for style in dict.fromkeys(take.style for take in bench.takes):
        here = [i for i, take in enumerate(bench.takes) if take.style == style]
        rows = {name: mean_row([each[i] for i in here]) for name, each in bench.rows("cross").items()}
        if style in without:
            row = mean_row(measure([bench.takes[i] for i in here], without[style], "cross"))
            rows[f"dit without {style}"] = row
        rows["dit − geometry"] = difference(rows["dit"], rows["geometry"])
        out[style] = rows
        kind = "leave-one-out" if style in without else "by style, which training saw"
        print(table(f"{style} ({kind}), {len(here)} takes, driver: cross", rows, FIGURES))
    return out


def steps(bench: Bench) -> Rows:
    """The sampler in 1, 2, 4 steps and in many, the teacher's way, on characters that drive themselves.

    The teacher has its own weights with --teacher FILE, else it is the same network.
    """
    many, teacher = bench.options.teacher_steps, bench.options.teacher
    rows: Rows = {"geometry": mean_row(bench.rows("self")["geometry"])}
    for count in (*STEPS, many):
        path = teacher if count == many else None
        name = f"teacher, {many} steps" if count == many else f"{count} step{'s' if count > 1 else ''}"
        rows[name] = _row(bench, bench.artist(bench.generator("dit", path, count)))
    rows[f"1 − {many} steps"] = difference(rows["1 step"], rows[f"teacher, {many} steps"])
    whose = "the same weights" if teacher is None else teacher.name
    print(table(f"Steps, {len(bench.takes)} takes, driver: self; the teacher has {whose}", rows, FIGURES))
    return rows


def ablations(bench: Bench) -> dict[str, object]:
    """What each part is worth: taken away from the network as it is, or left out in training (--ablation NAME=FILE)."""
    taken = {
        "no past frames": Forgetful(bench.generator("dit")),
        "no warp input": Blindfolded(bench.generator("dit")),
    }
    rows: Rows = {name: mean_row(bench.rows("self")[name]) for name in ("dit", "geometry")}
    rows |= {name: _row(bench, bench.artist(generator)) for name, generator in taken.items()}
    shapes = {"dit": describe_weights(bench.options.checkpoint or default_checkpoint(bench.device))}
    for name, path in bench.options.ablation:
        generator = bench.generator("dit", path)
        trained_blind = "blind" in weights.notes_of(path)
        rows[name] = _row(bench, bench.artist(Blind(generator) if trained_blind else generator))
        shapes[name] = describe_weights(path)
    losses = {f"{name} − dit": difference(row, rows["dit"]) for name, row in rows.items() if name != "dit"}
    print(table(f"Ablations, {len(bench.takes)} takes, driver: self", {**rows, **losses}, FIGURES))
    print("\n".join(f"{name}: {shape}" for name, shape in shapes.items()))
    return {"rows": rows, "weights": shapes}


def describe_weights(path: Path) -> str:
    """The shape of a checkpoint's network in one line."""
    config = weights.load(path).config
    return (
        f"{config.width} wide, {config.depth} deep, {config.heads} heads of which {config.keyed} geometry-keyed, "
        f"ring W = {config.ring}"
    )


def _row(bench: Bench, artist: Artist) -> dict[str, float]:
    return mean_row(measure(bench.takes, artist, "self"))
