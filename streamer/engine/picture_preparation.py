"""Prepares uploaded pictures in a background thread of low priority, while the engine goes on drawing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol

import torch

from streamer.errors import DeviceMemoryError, EngineClosedError, KagamiError, SessionError
from streamer.generation.avatar import Avatar
from streamer.options import LARGEST_PERSON
from streamer.rigging.framing import Framing
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points
from streamer.rigging.rigger import Character
from streamer.runtime.priority import UPLOAD_NICENESS, lower_priority

_log = logging.getLogger(__name__)


class Preparation(Protocol):
    """The part of `AvatarPipeline` that searches pictures."""

    def prepare(
        self,
        picture: Picture,
        points: Points | None,
        framing: Framing | None,
        views: Sequence[Character],
        person: str,
        /,
    ) -> Avatar: ...

    def add_view(self, picture: Picture, known: Sequence[Character], /) -> Avatar: ...


class Building(Preparation, Protocol):
    """The part of `AvatarPipeline` that makes avatars."""

    def build(self, characters: Sequence[Character]) -> Avatar: ...


class PicturePreparation:
    """Prepares one picture after another. All methods return at once, are callable from any thread, and raise
    EngineClosedError after `close`; their futures raise KagamiError.

    pipeline: builds avatars. preparation: searches pictures, in this process or in others.
    """

    def __init__(self, pipeline: Building, preparation: Preparation) -> None:
        self._pipeline = pipeline
        self._preparation = preparation
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "prepare", lower_priority, (UPLOAD_NICENESS,))

    def prepare(
        self,
        picture: Picture,
        framing: Framing | None = None,
        points: Points | None = None,
        views: Sequence[Character] = (),
        person: str = LARGEST_PERSON,
    ) -> Future[Avatar]:
        """Prepare a picture. framing, points, person: as in `AvatarPipeline.prepare`. views: what was found in further
        pictures before.
        """
        return self._submit(partial(self._preparation.prepare, picture, points, framing, views, person))

    def add_view(self, picture: Picture, known: Sequence[Character]) -> Future[Avatar]:
        """Prepare a character with one more picture. known: what was found in those it has."""
        return self._submit(partial(self._preparation.add_view, picture, known))

    def rebuild(self, characters: Sequence[Character]) -> Future[Avatar]:
        """Prepare a character with the pictures in which it was found before."""
        return self._submit(partial(self._pipeline.build, characters))

    def close(self) -> None:
        """Take no more pictures, and drop those that wait; may be called again."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _submit(self, work: Callable[[], Avatar]) -> Future[Avatar]:
        if self._closed:
            raise EngineClosedError
        return self._thread.submit(_prepared, work)


def _prepared(work: Callable[[], Avatar]) -> Avatar:
    """The avatar, or an error with a sentence for the person who chose the picture."""
    try:
        return work()
    except torch.OutOfMemoryError as error:
        raise DeviceMemoryError(
            "The device has no memory left for another picture: choose one again when somebody has left."
        ) from error
    except KagamiError:
        raise
    except Exception as error:
        _log.exception("a picture could not be prepared")
        raise SessionError("Something broke while this picture was prepared: choose another one.") from error
