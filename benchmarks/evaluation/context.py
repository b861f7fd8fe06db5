"""What the parts of the quality benchmark share, each thing made when it is first wanted."""

from __future__ import annotations

import argparse
from functools import cache, cached_property
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.evaluation.contact_sheet import contact_sheet, pick, save
from benchmarks.evaluation.eval_pipeline import Artist
from benchmarks.evaluation.rendered import FilmSet, Take, measure
from benchmarks.evaluation.table import Row
from streamer.frames import Image
from streamer.generation.factory import make_generator, make_pipeline
from streamer.generation.generator import Generator
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import GeneratorKind
from training.render.character.appearance import STYLES

KINDS: tuple[GeneratorKind, ...] = ("geometry", "dit")


class Bench:
    """options: the command line's, see `benchmarks.quality`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)

    @cached_property
    def film(self) -> FilmSet:
        return FilmSet(self.options.facekit)

    @cached_property
    def takes(self) -> list[Take]:
        """So many of every style as --count says, two if it says nothing."""
        each = self.options.count or 2
        takes = self.film.takes(each, self.options.frames)
        return list(tqdm(takes, "rendering", each * len(STYLES), unit="take", leave=False))

    @cached_property
    def artists(self) -> dict[str, Artist]:
        """Geometry and network, for rendered references."""
        return {kind: self.artist(self.generator(kind)) for kind in KINDS}

    @cached_property
    def pipelines(self) -> dict[GeneratorKind, AvatarPipeline]:
        """Geometry and network as people see them, 512 pixels."""
        return {
            kind: make_pipeline(
                kind, self.options.device, 512, self.options.checkpoint, precision=self.options.precision
            )
            for kind in KINDS
        }

    @cache  # noqa: B019 (there is one, and it lives as long as the program)
    def rows(self, driver: str) -> dict[str, list[Row]]:
        """By artist, one row for each take that the driver can play; with --sheets, a sheet for each take."""
        shown = {take.number: [pick(take.truth)] for take in self.takes}

        def keep(take: Take, drawn: list[Image]) -> None:
            shown[take.number].append(pick(drawn))

        rows = {}
        for name, artist in self.artists.items():
            takes = tqdm(self.takes, f"{driver}, {name}", unit="take", leave=False)
            rows[name] = measure(takes, artist, driver, keep)
        if self.options.sheets is not None:
            for take in self.takes:
                path = self.options.sheets / "rendered" / f"{take.style}_{take.number}_{driver}.png"
                if len(shown[take.number]) > 1:
                    save(contact_sheet(shown[take.number]), path)
        return rows

    def artist(self, generator: Generator) -> Artist:
        return Artist(generator, self.options.device)

    def generator(self, kind: GeneratorKind, checkpoint: Path | None = None, steps: int = 1) -> Generator:
        """Raises GeneratorError with one sentence when the weights cannot be used."""
        return make_generator(
            kind, self.device, checkpoint or self.options.checkpoint, steps=steps, precision=self.options.precision
        )
