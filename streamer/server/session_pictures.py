"""The pictures of one session: changed one at a time, in the background, while the former avatar stays live."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple

from streamer.errors import BusyError, KagamiError, NotKeptError
from streamer.generation.avatar import Avatar
from streamer.options import EVERY_PERSON, MAX_PICTURES
from streamer.rigging.framing import Framing
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points, PointsError
from streamer.rigging.rigger import NoFaceError
from streamer.rigging.views import TooManyViewsError, ViewError
from streamer.server.prepared_avatars import CharacterKey
from streamer.server.server_messages import Error, PictureStatus, ServerMessage
from streamer.server.session_services import SessionServices

START = "start"  # in a key: a picture that the server was started with
REFRAME_DELAY_S = 0.5  # after the last change of a frame, until the picture is prepared for it


class NothingRefusedError(KagamiError):
    """No picture was refused, or another one came since."""

    code = "points"

    def __init__(self) -> None:
        super().__init__("The picture without a face is not here any more: choose it again.")


class Change(NamedTuple):
    """What is prepared next.

    name, views: names of its pictures. key: what it is prepared from. begin: has it prepared. refusable: the picture,
    and its key, that is kept if points of it are missing or wrong. by_program: whether another program than the page
    chose it, as the page is told.
    """

    name: str
    views: list[str]
    key: CharacterKey
    begin: Callable[[], Future[Avatar]]
    refusable: tuple[Picture, str] | None = None
    by_program: bool = False


class SessionPictures:
    """Has the engine prepare what a page uploads, and tells the page how it goes.

    avatar: in use, made from the character's pictures. name: of the first of them. status: of the picture that was
    prepared last; None before the first one.
    session: its secret name. send: sends a message to the page. framing: the frame that is chosen now. check_room:
    raises KagamiError for an avatar that finds no room. draw: has an avatar drawn from now on, and returns once its
    first frame begins, so that the page is told of what it will see.
    """

    def __init__(
        self,
        services: SessionServices,
        session: str,
        send: Callable[[ServerMessage], Awaitable[None]],
        framing: Callable[[], Framing],
        check_room: Callable[[Avatar], None],
        draw: Callable[[Avatar], Awaitable[None]],
    ) -> None:
        self.avatar = services.avatar
        self.name = services.name
        self.status: PictureStatus | None = None
        self._start = services.avatar, services.name
        self._key: CharacterKey = self._start_key
        self._prepared = services.prepared
        self._session = session
        self._refused: tuple[Picture, str] | None = None  # and its key
        self._next_points: Points | None = None
        self._engine = services.engine
        self._send = send
        self._framing = framing
        self._check_room = check_room
        self._draw = draw
        self._swapping = asyncio.Lock()  # held from a change of the avatar until it is drawn and told
        self._shown = False
        self._uploading = False
        self._closed = False
        self._prepare_task: asyncio.Task[None] | None = None
        self._reframe_task: asyncio.Task[None] | None = None

    @property
    def _start_key(self) -> CharacterKey:
        return (START,) * max(1, len(self._start[0].characters))

    @property
    def start_name(self) -> str:
        """Name of the picture that the session began with."""
        return self._start[1]

    @property
    def key(self) -> CharacterKey:
        """What the avatar in use was prepared from."""
        return self._key

    @property
    def description(self) -> dict[str, Any]:
        """What `ready` says of the picture in use."""
        avatar = self.avatar
        return {
            "name": self.name, "notes": list(avatar.notes), "views": avatar.views, "people": avatar.people,
            "person": avatar.person, "heads": avatar.heads, "chosen": avatar.chosen,
        }  # fmt: skip

    @property
    def kept(self) -> list[tuple[CharacterKey, Avatar]]:
        """What this session has prepared and can use again at once."""
        return self._prepared.of(self._session)

    def wear(self, avatar: Avatar, name: str, key: CharacterKey) -> None:
        """Use an avatar from now on: here alone, as where another session used it, before anything is drawn."""
        self.avatar, self.name, self._key = avatar, name, key
        self._prepared.put(self._session, key, avatar)

    def close(self) -> list[asyncio.Task[None]]:
        """Change nothing any more. Returns the tasks that may still run, for the caller to cancel."""
        self._closed = True
        self._prepared.forget(self._session)
        return [task for task in (self._prepare_task, self._reframe_task) if task is not None]

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """While this context is open, a picture is read and decoded for `change` or `add_view`.

        Raises BusyError while another one is, or is being prepared.
        """
        self._check_idle()
        self._uploading = True
        try:
            yield
        finally:
            self._uploading = False

    def change(self, picture: Picture, name: str, key: str, by_program: bool = False) -> None:
        """Prepare another picture in the background and use it from the next frame after that; within `upload`.

        key: what it is prepared from, see `change_back`. Points that `hold_points` was given are used once, for the
        page's next picture. by_program: see `Change`.
        """
        points = None
        if not by_program:
            points, self._next_points = self._next_points, None
        self._change(picture, name, key, points, by_program)

    def _change(self, picture: Picture, name: str, key: str, points: Points | None, by_program: bool = False) -> None:
        self._refused = None
        own = (_key_with(key, points),)
        begin = partial(self._engine.pictures.prepare, picture, self._framing(), points)
        self._begin(Change(name, [], own, begin, (picture, key), by_program))

    def change_back(self, name: str, key: str) -> None:
        """Use a picture that this session prepared before, with the points that `hold_points` was given.

        Raises NotKeptError, after which the points are still held, BusyError.
        """
        self.use_kept(name, (_key_with(key, self._next_points),))
        self._next_points = None

    def change_to_start(self, by_program: bool = False) -> None:
        """Use the picture that the session began with. by_program: see `Change`. Raises BusyError."""
        self._check_idle()
        avatar, name = self._start
        kept = self._prepared.get(self._session, self._start_key) or avatar
        self._begin(Change(name, kept.views, self._start_key, partial(_done, kept), by_program=by_program))

    def hold_points(self, points: Points | None) -> None:
        """Keep hand-placed points for the next picture; None for none."""
        self._next_points = points

    def place_points(self, points: Points | None, on_refused: bool) -> None:
        """Prepare the picture in use with these points, its views stay, or the refused one; within `upload`.

        points: None takes those of the picture in use away. Raises NothingRefusedError.
        """
        if on_refused:
            picture, key = self._refused_picture()
            self._change(picture, picture.name, key, points)
            return
        picture, (first, *further) = self.editable(False)[0], self._key
        begin = partial(self._engine.pictures.prepare, picture, self._framing(), points, self.avatar.characters[1:])
        self._begin(Change(self.name, self.avatar.views, (_key_with(first, points), *further), begin))

    def editable(self, refused: bool) -> tuple[Picture, Avatar | None]:
        """The picture whose points can be placed, and its avatar: the one in use, or the refused one, which has none:
        the last picture, if no face was found in it or its points did not fit. Raises NothingRefusedError.
        """
        if refused:
            return self._refused_picture()[0], None
        assert self.avatar.picture is not None
        return self.avatar.picture, self.avatar

    def _refused_picture(self) -> tuple[Picture, str]:
        if self._refused is None:
            raise NothingRefusedError
        return self._refused

    def choose_person(self, person: str) -> None:
        """Prepare the picture in use for another of its people, or all, as `change` does. Raises BusyError."""
        self._check_idle()
        avatar = self.avatar
        picture, views = avatar.picture, [] if person == EVERY_PERSON else avatar.characters[1:]
        if picture is None or person == avatar.person:
            return
        begin = partial(self._engine.pictures.prepare, picture, self._framing(), None, views, person)
        self._begin(Change(self.name, [view.picture.name for view in views], self._key[: 1 + len(views)], begin))

    def check_room_for_view(self) -> None:
        """Raises TooManyViewsError if the character has as many pictures as it may have."""
        if len(self.avatar.characters) >= MAX_PICTURES:
            raise TooManyViewsError

    def add_view(self, picture: Picture, key: str) -> None:
        """Prepare the character with one more picture, as `change` does. Raises TooManyViewsError."""
        self.check_room_for_view()
        begin = partial(self._engine.pictures.add_view, picture, self.avatar.characters)
        self._begin(Change(self.name, [*self.avatar.views, picture.name], (*self._key, key), begin))

    def add_view_back(self, key: str) -> None:
        """Use the character with a view with which it was prepared before. Raises NotKeptError, BusyError."""
        self.use_kept(self.name, (*self._key, key))

    def remove_view(self, index: int) -> None:
        """Prepare the character without one of its views, 0 the first, as `change` does. Raises ViewError."""
        if not 0 <= index < len(self.avatar.views):
            raise ViewError("This view does not exist any more: reload the page.")
        kept = [character for i, character in enumerate(self.avatar.characters) if i != index + 1]
        views = [character.picture.name for character in kept[1:]]
        key = tuple(each for i, each in enumerate(self._key) if i != index + 1)
        self._begin(Change(self.name, views, key, partial(self._engine.pictures.rebuild, kept)))

    def show(self) -> None:
        """The avatar is seen now: have it prepared for the chosen frame if it is not."""
        self._shown = True
        idle = self._reframe_task is None or self._reframe_task.done()
        if idle and not self._closed and not self.avatar.is_framed(self._framing()):
            self._reframe_task = asyncio.get_running_loop().create_task(self._prepare_frame())

    @property
    def is_busy(self) -> bool:
        """Whether a picture is read or prepared."""
        return self._uploading or (self._prepare_task is not None and not self._prepare_task.done())

    def _check_idle(self) -> None:
        if self.is_busy:
            raise BusyError

    def use_kept(self, name: str, key: CharacterKey, by_program: bool = False) -> None:
        """Use an avatar of `kept`, with its views, under this name. by_program: see `Change`.

        Raises NotKeptError, BusyError.
        """
        self._check_idle()
        avatar = self._prepared.get(self._session, key)
        if avatar is None:
            raise NotKeptError
        self._begin(Change(name, avatar.views, key, partial(_done, avatar), by_program=by_program))

    def _begin(self, change: Change) -> None:
        """Prepare a change in the background."""
        if not self._closed:
            self._prepare_task = asyncio.get_running_loop().create_task(self._prepare(change))

    async def _prepare(self, change: Change) -> None:
        name, views, key, begin, refusable, by_program = change
        await self._tell(PictureStatus("preparing", name, views=views, by_program=by_program))
        try:
            avatar = await asyncio.wrap_future(begin())
            self._check_room(avatar)
        except KagamiError as error:
            if isinstance(error, NoFaceError | PointsError):
                self._refused = refusable or self._refused
            failed = PictureStatus(
                "failed", name, message=str(error), views=views, code=error.code, by_program=by_program
            )
            await self._tell(failed)
            return
        ready = PictureStatus(
            "ready", name, avatar.width, avatar.height, avatar.notes, views=avatar.views, people=avatar.people,
            person=avatar.person, heads=avatar.heads, chosen=avatar.chosen, by_program=by_program,
        )  # fmt: skip
        async with self._swapping:
            self.wear(avatar, name, key)
            await self._draw(avatar)
            await self._tell(ready)
        if self._shown:
            self.show()  # the frame may have been changed meanwhile

    async def _tell(self, status: PictureStatus) -> None:
        self.status = status
        await self._send(status)

    async def _prepare_frame(self) -> None:
        """Prepare the picture anew until it has the chosen frame, whenever that was left alone for REFRAME_DELAY_S.

        A picture that is uploaded meanwhile wins.
        """
        while not self.avatar.is_framed(self._framing()):
            framing, avatar = self._framing(), self.avatar
            await asyncio.sleep(REFRAME_DELAY_S)
            if framing != self._framing():
                continue
            assert avatar.picture is not None
            await self._send(PictureStatus("framing", self.name, views=avatar.views))
            try:
                coming = self._engine.pictures.prepare(
                    avatar.picture, framing, avatar.points, avatar.characters[1:], avatar.person
                )
                framed = await asyncio.wrap_future(coming)
            except KagamiError as error:
                await self._send(Error.of(error))
                framed = avatar
            async with self._swapping:
                if self.avatar is avatar and framed is not avatar:
                    self.wear(framed, self.name, self._key)
                    await self._draw(framed)
                now = self.avatar
                await self._send(PictureStatus("framed", self.name, now.width, now.height, views=now.views))
            if framed is avatar and self.avatar is avatar and self._framing() == framing:
                return  # it failed, and would again


def _done(avatar: Avatar) -> Future[Avatar]:
    future: Future[Avatar] = Future()
    future.set_result(avatar)
    return future


def _key_with(key: str, points: Points | None) -> str:
    """The key of a picture with these points, from its key with any or none."""
    bare = key.partition("+")[0]
    return bare if points is None else f"{bare}+{hashlib.sha256(repr(points).encode()).hexdigest()}"
