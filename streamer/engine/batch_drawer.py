"""Draws the sessions that have moved as one batch. A session that cannot be drawn ends, and no other with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import torch

from streamer.engine.engine_session import EngineSession, PendingMotion
from streamer.engine.picture_preparation import Building
from streamer.engine.watchers import Watchers
from streamer.errors import DeviceMemoryError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.avatar import Avatar
from streamer.generation.stream import FrameRequest, Stream
from streamer.runtime.meter import DRAWN
from streamer.tracking.presence import NEUTRAL

FrameHook = Callable[[CameraFrame, AvatarFrame], AvatarFrame]


class Pipeline(Building, Protocol):
    """The part of `AvatarPipeline` that the engine calls, and what it draws on."""

    @property
    def device(self) -> torch.device: ...

    def open(self, avatar: Avatar) -> Stream: ...

    def swap(self, stream: Stream, avatar: Avatar) -> None: ...

    def close(self, stream: Stream) -> None: ...

    def draw(self, requests: list[FrameRequest]) -> list[AvatarFrame]: ...


class BatchEntry(NamedTuple):
    """One session's share of a batch: the motion taken from its mailbox, and the frame to draw from it."""

    session: EngineSession
    pending: PendingMotion
    request: FrameRequest


class BatchDrawer:
    """Owns the sessions' streams on the device. For the engine's thread.

    watchers: get the frames, too. leave: removes a session that failed from the engine. on_drawn: called with the
    sessions of a batch and the seconds that it took. governed, frame_hook: see `Engine`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        watchers: Watchers,
        leave: Callable[[EngineSession], None],
        on_drawn: Callable[[Sequence[EngineSession], float], None],
        governed: bool,
        frame_hook: FrameHook | None,
    ) -> None:
        self._pipeline = pipeline
        self._watchers = watchers
        self._leave = leave
        self._on_drawn = on_drawn
        self._governed = governed
        self._frame_hook = frame_hook

    def draw(self, moved: Sequence[tuple[EngineSession, PendingMotion]], newest: EngineSession) -> None:
        """Draw and deliver a frame of each motion. newest: the session whose frames `Watchers` of the newest get."""
        batch = [BatchEntry(*each, request) for each in moved if (request := self._request(*each)) is not None]
        if batch:
            self._draw(batch, newest)

    def free(self, session: EngineSession) -> None:
        """Free the device memory of a session that left."""
        if session.stream is not None:
            self._pipeline.close(session.stream)
        session.stream = None

    def _request(self, session: EngineSession, pending: PendingMotion) -> FrameRequest | None:
        """The session's next frame to draw; None if that fails, which removes the session from the engine."""
        with session.boundary():
            avatar = session.avatar
            if session.stream is None:
                session.stream = self._pipeline.open(avatar)
            elif session.stream.avatar is not avatar:
                self._pipeline.swap(session.stream, avatar)
            session.confirm(avatar)
            session.stream.set_effort(session.effort)
            tracked = pending.tracked
            further = session.characters - 1
            others = (*tracked.others[:further], *[(NEUTRAL, NEUTRAL)] * (further - len(tracked.others)))
            return FrameRequest(
                session.stream, tracked.motion, tracked.neutral, session.controls, others, backdrop=session.backdrop
            )
        self._leave(session)
        return None

    def _draw(self, batch: list[BatchEntry], newest: EngineSession) -> None:
        began = time.monotonic()
        frames, no_memory = None, False
        try:
            frames = self._pipeline.draw([entry.request for entry in batch])
        except Exception as error:
            no_memory = isinstance(error, torch.OutOfMemoryError | DeviceMemoryError)
            if len(batch) == 1:
                with batch[0].session.boundary():
                    raise
        if frames is None:  # outside of the handler, because the error keeps the batch's device memory alive
            self._isolate_failure(batch, newest, no_memory)
            return
        seconds = time.monotonic() - began
        self._on_drawn([entry.session for entry in batch], seconds)
        for (session, pending, _), frame in zip(batch, frames, strict=True):
            motion = pending.tracked.motion
            with session.boundary():
                session.meter.add({**motion.stages, **frame.stages, "draw": seconds * 1000})
                session.meter.tick(DRAWN)
                if self._governed:
                    session.govern(time.monotonic())
                self._deliver(session, pending, replace(frame, captured=motion.captured), newest)

    def _isolate_failure(self, batch: list[BatchEntry], newest: EngineSession, no_memory: bool) -> None:
        """After a batch failed, draw its sessions one by one, and remove those that fail alone as well. Where the
        device has memory for each but not for all, remove the newest, since else every tick would fail again.
        """
        if len(batch) == 1:
            self._leave(batch[0].session)
            return
        for entry in batch:
            self._draw([entry], newest)
        last = batch[-1].session
        if no_memory and not any(entry.session.failure for entry in batch):
            with last.boundary():
                raise DeviceMemoryError
            self._leave(last)

    def _deliver(
        self, session: EngineSession, pending: PendingMotion, frame: AvatarFrame, newest: EngineSession
    ) -> None:
        if self._frame_hook and pending.camera is not None:
            frame = self._frame_hook(pending.camera, frame)
        session.deliver(frame)
        self._watchers.deliver(session, session is newest, frame, pending.tracked)
