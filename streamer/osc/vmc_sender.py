"""`--vmc-send`: each drawn motion of the newest session as one VMC bundle over UDP (https://protocol.vmc.info)."""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from streamer.osc.osc_packet import bundle, encode
from streamer.osc.udp_ports import find_receiver
from streamer.osc.vmc_bones import Bone
from streamer.osc.vmc_eyes import eye_bones
from streamer.osc.vmc_faces import Faces, face_values
from streamer.osc.vmc_pose import VmcPose
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from streamer.sources.face_weights import FaceWeights
from streamer.tracking.tracker import TrackedMotion

HEARTBEAT_S = 1.0  # without a drawn motion, after which receivers are told that there is none, and again each time
_ROOT = encode("/VMC/Ext/Root/Pos", "root", *(0.0,) * 6, 1.0)
_APPLY = encode("/VMC/Ext/Blend/Apply")
_log = logging.getLogger(__name__)


class DrawnMotions(Protocol):
    """Of the newest session, as an engine's `Watchers` have them."""

    def watch_motions(self) -> Mailbox[TrackedMotion]: ...

    def unwatch_motions(self, mailbox: Mailbox[TrackedMotion]) -> None: ...


class VmcSender:
    """Sends in a thread of its own, from `start` to `close`; only the newest motion waits for it.

    host, port: of the receiver; nobody is told whether it is there. faces: the names of blendshapes. tell: called with
    a line for the console, in any thread. Raises OutputError for a host that is not found.
    """

    def __init__(self, host: str, port: int, faces: Faces, tell: Callable[[str], None]) -> None:
        family, self._receiver = find_receiver(host, port)
        self._motions: DrawnMotions | None = None
        self._faces = faces
        self._tell = tell
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._drawn: Mailbox[TrackedMotion] | None = None
        self._began = time.monotonic()
        self._is_broken = self._is_refused = False
        self._thread = threading.Thread(target=self._run, name="vmc", daemon=True)

    @property
    def left_out(self) -> int:
        """Motions that were not sent, since a newer one was there before their turn."""
        return 0 if self._drawn is None else self._drawn.drops

    def start(self, motions: DrawnMotions) -> None:
        """Send these from now on. To be called once."""
        self._motions, self._drawn = motions, motions.watch_motions()
        self._thread.start()

    def close(self) -> None:
        """Send nothing any more. Idempotent."""
        if self._motions is not None and self._drawn is not None:
            self._motions.unwatch_motions(self._drawn)
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        assert self._drawn is not None
        maker = BundleMaker(self._faces)
        while True:
            try:
                tracked = self._drawn.get(HEARTBEAT_S)
            except MailboxClosed:
                return
            seconds = time.monotonic() - self._began
            try:
                packet = heartbeat(seconds) if tracked is None else maker.bundle(tracked, seconds)
            except Exception:  # this thread's boundary: one motion must not end the next ones
                maker = BundleMaker(self._faces)  # its state may hold what was not finite
                if not self._is_broken:
                    self._is_broken = True
                    _log.exception("a motion cannot be sent by VMC")
                continue
            self._send(packet)

    def _send(self, packet: bytes) -> None:
        try:
            self._socket.sendto(packet, self._receiver)
        except OSError as error:  # no route, or no room: the next one may go
            if not self._is_refused and not isinstance(error, BlockingIOError | ConnectionError):
                self._is_refused = True
                self._tell(f"VMC is not sent to {self._receiver[0]} for now ({error.strerror}).")
        else:
            self._is_refused = False


class BundleMaker:
    """Makes the bundles of one receiver. faces: the names of blendshapes."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        self._weights, self._pose = FaceWeights(), VmcPose()

    def bundle(self, tracked: TrackedMotion, seconds: float) -> bytes:
        """Everything of one motion. seconds: since the sender's start. Raises ValueError for one that is not finite."""
        motion, neutral = tracked.motion, tracked.neutral
        bones, weights = self._pose.bones(motion, neutral, seconds), self._weights.measure(motion, neutral)
        values = face_values(weights, float(motion.extras[0]), self._faces)
        return _bundle([*bones, *eye_bones(weights)], values, seconds)


def heartbeat(seconds: float) -> bytes:
    """That the sender is there and nobody is live."""
    return bundle([encode("/VMC/Ext/OK", 0), encode("/VMC/Ext/T", seconds)])


def _bundle(bones: Iterable[Bone], values: Iterable[tuple[str, float]], seconds: float) -> bytes:
    messages = [encode("/VMC/Ext/OK", 1), encode("/VMC/Ext/T", seconds), _ROOT]
    for name, place, rotation in bones:
        messages.append(encode("/VMC/Ext/Bone/Pos", name, *place, *_finite(rotation.tolist())))
    for name, value in values:
        messages.append(encode("/VMC/Ext/Blend/Val", name, *_finite([value])))
    return bundle([*messages, _APPLY])


def _finite(numbers: list[float]) -> list[float]:
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a number is not finite")
    return numbers
