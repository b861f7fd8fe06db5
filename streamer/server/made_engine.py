"""An engine that runs, with what a server of it needs besides."""

from __future__ import annotations

from typing import NamedTuple

from streamer.engine.engine import Engine
from streamer.generation.avatar import Avatar
from streamer.rigging.backdrop import Backdrop
from streamer.rigging.picture_process import PictureProcess


class MadeEngine(NamedTuple):
    """avatar, name, backdrop: the prepared picture that its sessions begin with, the name that the page shows for it,
    and the background. pictures: decodes uploads.
    """

    engine: Engine
    avatar: Avatar
    name: str
    pictures: PictureProcess
    backdrop: Backdrop | None = None
