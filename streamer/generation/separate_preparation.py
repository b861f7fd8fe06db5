"""Prepares uploads for a pipeline, with the search for faces and mattes in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.generation.pipeline import Avatar, AvatarPipeline
from streamer.rigging.framing import Framing
from streamer.rigging.likeness import Appearance
from streamer.rigging.picture import Picture
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.points import Points
from streamer.rigging.rigger import Character


class SeparatePreparation:
    """`prepare` and `add_view` of an `AvatarPipeline`, with `pictures` to find what the pictures show."""

    def __init__(self, pipeline: AvatarPipeline, pictures: PictureProcess) -> None:
        self._pipeline = pipeline
        self._pictures = pictures

    def prepare(
        self, picture: Picture, points: Points | None, framing: Framing | None, known: Sequence[Character]
    ) -> Avatar:
        """As `AvatarPipeline.prepare`, but with views that were found before."""
        found = self._pictures.find(picture, self._pipeline.size, points, framing)
        return self._pipeline.build([found, *known])

    def add_view(self, picture: Picture, known: Sequence[Character]) -> Avatar:
        """As `AvatarPipeline.add_view`."""
        appearances = [Appearance.of(each) for each in known]
        return self._pipeline.build([*known, self._pictures.find_view(picture, self._pipeline.size, appearances)])
