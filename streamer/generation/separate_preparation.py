"""Prepares uploads for a pipeline, with the search for faces and mattes in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.generation.avatar import Avatar
from streamer.generation.kernel_compilation import KernelCompilation
from streamer.generation.pipeline import AvatarPipeline, SceneError
from streamer.options import EVERY_PERSON, LARGEST_PERSON
from streamer.rigging.framing import Framing
from streamer.rigging.likeness import Appearance
from streamer.rigging.picture import Picture
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.points import Points
from streamer.rigging.rigger import Character


class SeparatePreparation:
    """`prepare` and `add_view` of an `AvatarPipeline`, with `pictures` to find what the pictures show.

    compilation: of the kernels that draw limbs, for whose end pictures with limbs wait.
    """

    def __init__(
        self, pipeline: AvatarPipeline, pictures: PictureProcess, compilation: KernelCompilation | None = None
    ) -> None:
        self._pipeline = pipeline
        self._pictures = pictures
        self._compilation = compilation

    def prepare(
        self,
        picture: Picture,
        points: Points | None,
        framing: Framing | None,
        known: Sequence[Character],
        person: str = LARGEST_PERSON,
    ) -> Avatar:
        """As `AvatarPipeline.prepare`, but with views that were found before."""
        if person == EVERY_PERSON:
            if points is not None or known:
                raise SceneError
            scene = self._pictures.find_scene(picture, self._pipeline.size, framing)
            self._await_kernels(scene.characters)
            return self._pipeline.build_scene(scene)
        found = self._pictures.find(picture, self._pipeline.size, points, framing, person)
        self._await_kernels([found])
        return self._pipeline.build([found, *known])

    def add_view(self, picture: Picture, known: Sequence[Character]) -> Avatar:
        """As `AvatarPipeline.add_view`."""
        appearances = [Appearance.of(each) for each in known]
        return self._pipeline.build([*known, self._pictures.find_view(picture, self._pipeline.size, appearances)])

    def _await_kernels(self, characters: Sequence[Character]) -> None:
        if self._compilation is not None and any(each.limbs is not None for each in characters):
            self._compilation.wait()
