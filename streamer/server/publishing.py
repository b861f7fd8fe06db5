"""The outputs of `--publish` and `--ndi`: the avatar of the newest session, sent to a media server and announced."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.errors import OutputError
from streamer.outputs.ndi_output import NdiOutput
from streamer.outputs.rtmp_link import RtmpLink
from streamer.outputs.srt_library import srt_library
from streamer.outputs.srt_link import SrtLink
from streamer.outputs.stream_output import StreamOutput
from streamer.server.ice_servers import ice_servers
from streamer.settings import Settings
from streamer.stream_address import RtmpAddress, SrtAddress, read_stream_address
from streamer.webrtc.whip_output import WhipOutput


class Published(NamedTuple):
    """An output with its feed, which is switched off yet. name: for metrics. left_out: frames so far."""

    name: str
    feed: OutputFeed
    left_out: Callable[[], int]


def check_publishing(settings: Settings) -> None:
    """Find out whether `publish_feeds` has what it needs. Raises OutputError."""
    if settings.ndi is not None and (problem := NdiOutput(settings.ndi).problem()):
        raise OutputError(problem)
    if settings.publish is not None and isinstance(read_stream_address("--publish", settings.publish), SrtAddress):
        srt_library()


def publish_feeds(
    settings: Settings, engine: Engine, width: int, height: int, tell: Callable[[str], None]
) -> list[Published]:
    """What the settings want. tell: called with one line at each change, in any thread. width, height: see
    `OutputFeed`.
    """
    outputs: dict[str, WhipOutput | StreamOutput | NdiOutput] = {}
    if settings.publish is not None:
        outputs["publish"] = _publish_output(settings.publish, settings, tell, engine.sound_lag_s)
    if settings.ndi is not None:
        ndi = outputs["NDI"] = NdiOutput(settings.ndi, engine.sound_lag_s)
        tell(f"everybody in this network can receive the NDI source '{ndi.name}': docs/outputs.md")
    return [
        Published(name, OutputFeed(engine, output, width, height, output.hear), partial(_left_out, output))
        for name, output in outputs.items()
    ]


def _left_out(output: WhipOutput | StreamOutput | NdiOutput) -> int:
    return output.left_out


def _publish_output(
    url: str, settings: Settings, tell: Callable[[str], None], lag_s: Callable[[], float]
) -> WhipOutput | StreamOutput:
    address = read_stream_address("--publish", url)
    if address is not None:
        return _stream_output(address, settings, tell, lag_s)
    return WhipOutput(
        url,
        settings.publish_token,
        tell,
        ice_servers=ice_servers(settings),
        codec=settings.codec,
        max_bitrate=round(settings.bitrate * 1e6),
        lag_s=lag_s,
    )


def _stream_output(
    address: RtmpAddress | SrtAddress, settings: Settings, tell: Callable[[str], None], lag_s: Callable[[], float]
) -> StreamOutput:
    server = f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
    if address.is_clear:
        remedy = "a passphrase" if isinstance(address, SrtAddress) else "rtmps:// where the server has it"
        secret = "the avatar" if isinstance(address, SrtAddress) else "the stream key"
        tell(f"{secret} goes to {server} in the clear: use {remedy}")
    return StreamOutput(
        lambda: SrtLink(address) if isinstance(address, SrtAddress) else RtmpLink(address),
        server,
        tell,
        max_bitrate=round(settings.bitrate * 1e6),
        lag_s=lag_s,
    )
