"""The output of `--publish`: the avatar of the newest session, sent to a media server."""

from __future__ import annotations

from collections.abc import Callable

from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.server.ice_servers import ice_servers
from streamer.server.whip_resources import sound_lag_s
from streamer.settings import Settings
from streamer.webrtc.whip_output import WhipOutput


def publish_feed(
    settings: Settings, engine: Engine, width: int, height: int, tell: Callable[[str], None]
) -> OutputFeed:
    """The feed of the address in the settings, switched off yet. tell: called with one line at each change, in any
    thread. width, height: see `OutputFeed`.
    """
    assert settings.publish is not None
    output = WhipOutput(
        settings.publish,
        settings.publish_token,
        tell,
        ice_servers=ice_servers(settings),
        codec=settings.codec,
        max_bitrate=round(settings.bitrate * 1e6),
        lag_s=lambda: sound_lag_s(engine),
    )
    return OutputFeed(engine, output, width, height, output.hear)
