"""The pictures that programs choose from: the one of the start, the samples, a folder of the server, and what the
session has prepared before.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

from streamer.errors import KagamiError, NotKeptError, TooLargeError
from streamer.options import PICTURE_SUFFIXES
from streamer.rigging.picture_process import PictureProcess
from streamer.server.executors import Executors
from streamer.server.prepared_avatars import CharacterKey, picture_key
from streamer.server.rate_limits import RateLimiters
from streamer.server.samples import ASSETS, SAMPLES
from streamer.server.session_pictures import START, SessionPictures
from streamer.settings import Settings

SAMPLE, SHELF, KEPT = "sample/", "shelf/", "kept/"  # beginnings of ids
MAX_SHELF = 500  # pictures of the folder that are listed
MAX_IDS = 1024  # pictures whose id is known by what they are prepared from


class UnknownPictureError(KagamiError):
    """The id of a picture that there is not."""

    code = "no-picture"

    def __init__(self) -> None:
        super().__init__("There is no such picture: take one of the list of pictures.")


class PictureChoices:
    """Lists and chooses pictures. An id is looked up in a list and never becomes a path. decoder: decodes files."""

    def __init__(
        self, settings: Settings, decoder: PictureProcess, executors: Executors, limiters: RateLimiters
    ) -> None:
        self._folder = settings.pictures
        self._max_mb = settings.max_upload_mb
        self._decoder = decoder
        self._executors = executors
        self._limiters = limiters
        self._ids: OrderedDict[str, str] = OrderedDict()  # by the key of a picture

    async def listed(self, pictures: SessionPictures) -> list[dict[str, Any]]:
        """All that this session can use: `picture`, its id, `name`, and whether it is `in_use`."""
        files = await self._executors.join(self._files)
        named = [("start", pictures.start_name), *((each, name) for each, (_, name) in files.items())]
        for key, avatar in pictures.kept:
            if self._id(key).startswith(KEPT):
                named.append((self._id(key), avatar.picture.name if avatar.picture is not None else "picture"))
        in_use = self._id(pictures.key)
        return [{"picture": each, "name": name, "in_use": each == in_use} for each, name in named]

    def now(self, pictures: SessionPictures) -> dict[str, Any]:
        """The picture in use, and how the last change goes: `stage`, `coming`, `message`."""
        status = pictures.status
        stage = "ready" if status is None else status.stage
        return {
            "picture": self._id(pictures.key),
            "name": pictures.name,
            "stage": stage,
            "coming": status.name if status is not None and stage == "preparing" else None,
            "message": None if status is None else status.message,
        }

    async def choose(self, pictures: SessionPictures, choice: str, address: str) -> str:
        """Have a picture prepared in the background; its name. address: of who chooses, for rates.

        Raises UnknownPictureError, BusyError, TooFastError, TooLargeError, PictureError.
        """
        if choice == "start":
            pictures.change_to_start(by_program=True)
            return pictures.start_name
        if choice.startswith(KEPT):
            return self._use_kept(pictures, choice)
        path, name = (await self._executors.join(self._files)).get(choice, (None, ""))
        if path is None:
            raise UnknownPictureError
        key, data = await self._executors.join(partial(_read, path, self._max_mb))
        self._ids[key] = choice
        self._ids.move_to_end(key)
        if len(self._ids) > MAX_IDS:
            self._ids.popitem(last=False)
        try:
            pictures.use_kept(name, (key,), by_program=True)
        except NotKeptError:
            with pictures.upload():
                await self._limiters.uploads.wait(address)
                await self._prepare(pictures, data, name, key)
        return name

    async def upload(self, pictures: SessionPictures, data: bytes, name: str) -> str:
        """Have the picture in a file prepared in the background, within `pictures.upload`; its id.

        Raises PictureError.
        """
        key = await self._executors.decode(partial(_key, data))
        await self._prepare(pictures, data, name, key)
        return self._id((key,))

    async def _prepare(self, pictures: SessionPictures, data: bytes, name: str, key: str) -> None:
        picture = await self._executors.decode(partial(self._decoder.load, data, name))
        pictures.change(picture, name, key, by_program=True)

    def _use_kept(self, pictures: SessionPictures, choice: str) -> str:
        for key, avatar in pictures.kept:
            if self._id(key) == choice:
                name = avatar.picture.name if avatar.picture is not None else "picture"
                pictures.use_kept(name, key, by_program=True)
                return name
        raise UnknownPictureError

    def _id(self, key: CharacterKey) -> str:
        if set(key) == {START}:
            return "start"
        if len(key) == 1 and key[0] in self._ids:
            return self._ids[key[0]]
        return KEPT + hashlib.sha256(repr(key).encode()).hexdigest()[:12]

    def _files(self) -> dict[str, tuple[Path, str]]:
        """File and name of each sample and of each picture of the folder, by id. Reads folders."""
        files = {
            f"{SAMPLE}{name}": (ASSETS / file, label)
            for name, (file, label) in SAMPLES.items()
            if (ASSETS / file).is_file()
        }
        for path in _pictures_in(self._folder):
            files[f"{SHELF}{path.name}"] = (path, path.name)
        return files


def _pictures_in(folder: Path | None) -> list[Path]:
    """The pictures of a folder by name; none where it cannot be read."""
    try:
        found = [] if folder is None else sorted(folder.iterdir())
        return [
            path
            for path in found
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
        ][:MAX_SHELF]
    except OSError:  # it was removed after the start
        return []


def _key(data: bytes) -> str:
    return picture_key(hashlib.sha256(data).hexdigest())


def _read(path: Path, max_mb: float) -> tuple[str, bytes]:
    """The bytes of a picture, after what it is kept by. Raises UnknownPictureError, TooLargeError."""
    limit = round(max_mb * 1e6)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:  # it was removed a moment ago
        raise UnknownPictureError from error
    if len(data) > limit:
        raise TooLargeError(max_mb)
    return _key(data), data
