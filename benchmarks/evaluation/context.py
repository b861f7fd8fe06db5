"""What the parts of the quality benchmark share; each thing is made when it is first used."""

from __future__ import annotations

import argparse
from functools import cache, cached_property
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.evaluation.contact_sheet import contact_sheet, pick, save
from benchmarks.evaluation.eval_pipeline import EvalPipeline
from benchmarks.evaluation.posed_characters import CAST, POSED_SIZE, PosedCharacter
from benchmarks.evaluation.rendered_clips import ClipRenderer, RenderedClip
from benchmarks.evaluation.rendered_score import measure
from benchmarks.evaluation.table import Row
from streamer.frames import Image
from streamer.generation.factory import make_generator, make_pipeline
from streamer.generation.generator import Generator
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import GeneratorKind
from training.render.character.appearance import STYLES

COMPARED_KINDS: tuple[GeneratorKind, ...] = ("geometry", "dit")


class EvalContext:
    """Clips, pipelines and rows for the options of `benchmarks.quality`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)

    @cached_property
    def renderer(self) -> ClipRenderer:
        """Raises KagamiError with one sentence when there is no face model."""
        return ClipRenderer(self.options.facekit)

    @cached_property
    def clips(self) -> list[RenderedClip]:
        """--count clips of every style, two by default."""
        per_style = self.options.count or 2
        clips = self.renderer.clips(per_style, self.options.frames)
        return list(tqdm(clips, "rendering", per_style * len(STYLES), unit="take", leave=False))

    @cached_property
    def cast(self) -> list[PosedCharacter]:
        """The first --count characters of the cast, or all. Raises KagamiError as `renderer` does."""
        renderer = ClipRenderer(self.options.facekit, POSED_SIZE)
        return [PosedCharacter(renderer, name) for name in list(CAST)[: self.options.count]]

    @cached_property
    def eval_pipelines(self) -> dict[str, EvalPipeline]:
        """Geometry and network, for rendered references."""
        return {kind: self.eval_pipeline(self.generator(kind)) for kind in COMPARED_KINDS}

    @cached_property
    def pipelines(self) -> dict[GeneratorKind, AvatarPipeline]:
        """Those of --generators as in the live server, for whole pictures, 512 pixels."""
        return {
            kind: make_pipeline(
                kind, self.options.device, 512, self.options.checkpoint, precision=self.options.precision
            )
            for kind in self.options.generators
        }

    @cache  # noqa: B019 (there is one context, which lives as long as the program)
    def rows(self, driver: str) -> dict[str, list[Row]]:
        """By pipeline, one row for each clip that the driver can drive; with --sheets, also writes a sheet for each."""
        sheet_rows = {clip.number: [pick(clip.truth)] for clip in self.clips}

        def add_to_sheet(clip: RenderedClip, drawn: list[Image]) -> None:
            sheet_rows[clip.number].append(pick(drawn))

        rows = {}
        for name, pipeline in self.eval_pipelines.items():
            clips = tqdm(self.clips, f"{driver}, {name}", unit="take", leave=False)
            rows[name] = measure(clips, pipeline, driver, add_to_sheet)
        if self.options.sheets is not None:
            for clip in self.clips:
                path = self.options.sheets / "rendered" / f"{clip.style}_{clip.number}_{driver}.png"
                if len(sheet_rows[clip.number]) > 1:
                    save(contact_sheet(sheet_rows[clip.number]), path)
        return rows

    def eval_pipeline(self, generator: Generator) -> EvalPipeline:
        return EvalPipeline(generator, self.options.device)

    def generator(self, kind: GeneratorKind, checkpoint: Path | None = None, steps: int = 1) -> Generator:
        """Raises GeneratorError with one sentence when the weights cannot be used."""
        return make_generator(
            kind, self.device, checkpoint or self.options.checkpoint, steps=steps, precision=self.options.precision
        )
