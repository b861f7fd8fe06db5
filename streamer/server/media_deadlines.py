"""When a session ends because nothing comes from its camera and its microphone."""

from __future__ import annotations

from streamer.errors import CameraTooLargeError, KagamiError, MediaTimeoutError
from streamer.webrtc.peer import Peer

RECONNECT_TIMEOUT_S = 60.0  # from a lost connection to the next offer
MEDIA_TIMEOUT_S = 30.0  # from an offer to the first camera frame


def media_problem(peer: Peer | None, lost_at: float | None, due_since: float | None, now: float) -> KagamiError | None:
    """Why a session cannot go on: no offer came within RECONNECT_TIMEOUT_S after a lost connection, neither picture nor
    sound within MEDIA_TIMEOUT_S after an offer, or the camera's frames are too large. None where it can.

    lost_at: when there was no connection any more; None while there is one. due_since: the offer since which nothing
    came. now: all in seconds on `time.monotonic`.
    """
    if lost_at is not None and now - lost_at > RECONNECT_TIMEOUT_S:
        return MediaTimeoutError(
            f"No new media connection came within {RECONNECT_TIMEOUT_S:.0f} seconds after a lost one: "
            "check the network and start again."
        )
    if peer is None:
        return None
    if peer.too_large_frame is not None:
        return CameraTooLargeError(*peer.too_large_frame)
    if not peer.has_received_media and now - (due_since or now) > MEDIA_TIMEOUT_S:
        return MediaTimeoutError(
            f"No camera picture arrived within {MEDIA_TIMEOUT_S:.0f} seconds: check camera and network and start again."
        )
    return None
