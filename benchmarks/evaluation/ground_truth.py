"""The parts of the quality benchmark that compare with rendered ground truth: drivers, styles, steps, ablations."""

from __future__ import annotations

from pathlib import Path

from benchmarks.evaluation.ablated_generators import GreyInputs, GreyTransformerInput, WithoutPastFrames
from benchmarks.evaluation.context import EvalContext
from benchmarks.evaluation.eval_pipeline import EvalPipeline
from benchmarks.evaluation.rendered_clips import DRIVERS
from benchmarks.evaluation.rendered_score import RENDERED_FIGURES, measure
from benchmarks.evaluation.table import Rows, difference, mean_row, table
from models import checkpoint as weights
from streamer.generation.weights_file import shipped_weights

STEPS = (1, 2, 4)


def rendered(context: EvalContext) -> dict[str, Rows]:
    """Held-out identities, motions and styles, driven by themselves, by others, and by tracked landmarks."""
    out: dict[str, Rows] = {}
    for driver in DRIVERS:
        rows = context.rows(driver)
        if not rows["dit"]:
            print(f"Rendered truth, driver: {driver}: MediaPipe saw a face throughout in none of the takes")
            continue
        out[driver] = means = {name: mean_row(each) for name, each in rows.items()}
        means["dit − geometry"] = difference(means["dit"], means["geometry"])
        print(
            table(f"Rendered truth, {len(rows['dit'])} takes, driver: {driver}; regions in dB", means, RENDERED_FIGURES)
        )
    return out


def styles(context: EvalContext) -> dict[str, Rows]:
    """The figures by style, driven by others.

    With weights that are trained without a style they are leave-one-out figures, else figures of styles in training.
    """
    out: dict[str, Rows] = {}
    without = {
        style: context.eval_pipeline(context.generator("dit", path))
        for style, path in context.options.checkpoint_without
    }
    for style in dict.fromkeys(clip.style for clip in context.clips):
        indices = [i for i, clip in enumerate(context.clips) if clip.style == style]
        rows = {name: mean_row([each[i] for i in indices]) for name, each in context.rows("cross").items()}
        if style in without:
            row = mean_row(measure([context.clips[i] for i in indices], without[style], "cross"))
            rows[f"dit without {style}"] = row
        rows["dit − geometry"] = difference(rows["dit"], rows["geometry"])
        out[style] = rows
        kind = "leave-one-out" if style in without else "by style, which training saw"
        print(table(f"{style} ({kind}), {len(indices)} takes, driver: cross", rows, RENDERED_FIGURES))
    return out


def steps(context: EvalContext) -> Rows:
    """The sampler in 1, 2 and 4 steps and in as many as the teacher takes, on characters that drive themselves.

    The teacher has its own weights with --teacher FILE, else it is the same network.
    """
    many, teacher = context.options.teacher_steps, context.options.teacher
    rows: Rows = {"geometry": mean_row(context.rows("self")["geometry"])}
    for count in (*STEPS, many):
        path = teacher if count == many else None
        name = f"teacher, {many} steps" if count == many else f"{count} step{'s' if count > 1 else ''}"
        rows[name] = _row(context, context.eval_pipeline(context.generator("dit", path, count)))
    rows[f"1 − {many} steps"] = difference(rows["1 step"], rows[f"teacher, {many} steps"])
    whose = "the same weights" if teacher is None else teacher.name
    print(table(f"Steps, {len(context.clips)} takes, driver: self; the teacher has {whose}", rows, RENDERED_FIGURES))
    return rows


def ablations(context: EvalContext) -> dict[str, object]:
    """The effect of each part: removed from the trained network, or left out in training (--ablation NAME=FILE)."""
    ablated = {
        "no past frames": WithoutPastFrames(context.generator("dit")),
        "no warp input": GreyInputs(context.generator("dit")),
    }
    rows: Rows = {name: mean_row(context.rows("self")[name]) for name in ("dit", "geometry")}
    rows |= {name: _row(context, context.eval_pipeline(generator)) for name, generator in ablated.items()}
    descriptions = {"dit": describe_weights(context.options.checkpoint or shipped_weights(context.device.type))}
    for name, path in context.options.ablation:
        generator = context.generator("dit", path)
        trained_blind = "blind" in weights.notes_of(path)
        rows[name] = _row(
            context, context.eval_pipeline(GreyTransformerInput(generator) if trained_blind else generator)
        )
        descriptions[name] = describe_weights(path)
    differences = {f"{name} − dit": difference(row, rows["dit"]) for name, row in rows.items() if name != "dit"}
    print(table(f"Ablations, {len(context.clips)} takes, driver: self", {**rows, **differences}, RENDERED_FIGURES))
    print("\n".join(f"{name}: {line}" for name, line in descriptions.items()))
    return {"rows": rows, "weights": descriptions}


def describe_weights(path: Path) -> str:
    """The sizes of a checkpoint's network in one line."""
    config = weights.load(path).config
    return (
        f"{config.width} wide, {config.depth} deep, {config.heads} heads of which {config.keyed} geometry-keyed, "
        f"ring W = {config.ring}"
    )


def _row(context: EvalContext, pipeline: EvalPipeline) -> dict[str, float]:
    return mean_row(measure(context.clips, pipeline, "self"))
