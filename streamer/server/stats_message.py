"""What the page is told of a session's speed."""

from __future__ import annotations

from dataclasses import asdict

from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.generation.device import device_name
from streamer.runtime.meter import QUEUE_AGE, RECEIVED, TOTAL, Meter, percentiles
from streamer.server.server_messages import Stats
from streamer.webrtc.peer import Peer


def stats_message(engine: Engine, session: EngineSession | None, viewer_meter: Meter, peer: Peer) -> Stats:
    """The statistics of a session, or of a viewer, whose session is None and whose meter is `viewer_meter`.

    Computes percentiles of many samples, which takes milliseconds: not for the event loop.
    """
    device = engine.pipeline.device
    meter = viewer_meter if session is None else session.meter
    stages = meter.stages()
    return Stats(
        fps={"in": round(meter.rate(RECEIVED), 1), "out": round(meter.rate("out"), 1)},
        latency_ms=stages.pop(TOTAL, percentiles(())),
        queue_age_ms=stages.pop(QUEUE_AGE, percentiles(())),
        stage_ms=stages,
        drops={} if session is None else session.drops,
        bitrate_kbps=round(peer.target_bitrate / 1000),
        sessions=engine.session_count,
        spread=engine.spread(),
        device={"kind": device.type, "name": device_name(device)},
        given_up=[] if session is None else session.effort.given_up,
        tracker=None if session is None or (state := session.feed_state) is None else asdict(state),
        memory_mb={kind: round(size / 2**20) for kind, size in engine.memory().items()},
    )
