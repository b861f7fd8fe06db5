"""What a server speaks with besides pages, as far as its settings want that: trackers, controls, receivers of motion,
media servers, a folder of recordings. What is not wanted is not imported.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from streamer.addresses import host_and_port
from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.runtime.start_lines import StartLines
from streamer.settings import Settings
from streamer.sources.tracker_feed import TrackerFeed

if TYPE_CHECKING:
    from streamer.osc.tracker_receiver import TrackerReceiver
    from streamer.osc.udp_ports import UdpPorts
    from streamer.osc.vmc_sender import VmcSender
    from streamer.server.metrics import Metrics
    from streamer.server.recorder import Recorder


class OtherPrograms:
    """`connect` them to an engine, `turn_on` what sends frames, `close` them all.

    ports: bound, and closed by `close`, or where this raises. lines: tell whoever starts the server. Raises OutputError
    for what cannot be done on this machine.

    trackers: what the engine is fed with, None where no tracker is received. recorder: of `--record`, once connected.
    """

    def __init__(self, settings: Settings, ports: UdpPorts, lines: StartLines) -> None:
        self.recorder: Recorder | None = None
        self._settings = settings
        self._lines = lines
        self._feeds: list[OutputFeed] = []
        self._left_out: dict[str, Callable[[], int]] = {}  # frames, by output
        self._dropped: dict[str, Callable[[], int]] = {}  # datagrams, by port
        self._vmc: VmcSender | None = None
        self._receiver: TrackerReceiver | None = None
        with ExitStack() as opened:
            opened.callback(ports.close)
            self._open(ports, opened)
            self._opened = opened.pop_all()

    def _open(self, ports: UdpPorts, opened: ExitStack) -> None:
        settings, lines = self._settings, self._lines
        if self._publishes:
            from streamer.server.publishing import check_publishing  # noqa: PLC0415 - imported where it is wanted alone

            check_publishing(settings)
        if ports.controls is not None:
            from streamer.server.osc_port import osc_sentences  # noqa: PLC0415

            for sentence in osc_sentences(ports.controls, settings.token is not None):
                lines.line(sentence)
        if settings.vmc_send is not None:
            from streamer.osc.vmc_sender import VmcSender  # noqa: PLC0415

            self._vmc = VmcSender(*host_and_port(settings.vmc_send), settings.vmc_faces, lines.line)
            opened.callback(self._vmc.close)
            lines.line(f"motion goes by VMC to {settings.vmc_send}: docs/osc.md")
        if ports.trackers:
            from streamer.osc.tracker_receiver import TrackerReceiver  # noqa: PLC0415

            self._receiver = TrackerReceiver(ports.trackers)
            opened.callback(self._receiver.close)
            for port in ports.trackers:
                lines.line(port.sentence)
                self._dropped[port.kind] = partial(self._receiver.dropped, port.kind)
            self._receiver.start()
        if settings.whip:
            lines.line("encoders publish at /whip, players watch at /whep: docs/whip.md")

    @property
    def trackers(self) -> TrackerFeed | None:
        return None if self._receiver is None else self._receiver.feed

    def connect(self, engine: Engine, width: int, height: int) -> None:
        """Give them what the engine draws. width, height: see `OutputFeed`. Raises OutputError."""
        if (vmc := self._vmc) is not None:
            vmc.start(engine.watchers)
            self._left_out["VMC"] = lambda: vmc.left_out
        if self._publishes:
            from streamer.server.publishing import publish_feeds  # noqa: PLC0415

            for name, feed, left_out in publish_feeds(self._settings, engine, width, height, self._lines.line):
                self._opened.callback(feed.turn_off)
                self._feeds.append(feed)
                self._left_out[name] = left_out
        if self._settings.record is not None:
            from streamer.server.recorder import Recorder  # noqa: PLC0415

            recorder = self.recorder = Recorder(self._settings.record, self._settings.fps, self._lines.line)
            self._opened.callback(recorder.close)
            recorder.start(engine.watchers)
            self._left_out["record"] = lambda: recorder.left_out

    def turn_on(self) -> None:
        """Publish from now on. Raises OutputError."""
        for feed in self._feeds:
            feed.turn_on()

    def count_in(self, metrics: Metrics) -> None:
        """Have metrics tell what they drop and leave out. To be called when they are connected."""
        metrics.frames |= self._left_out
        metrics.datagrams |= self._dropped

    def close(self) -> None:
        """End them all after the engine, the last one first. Idempotent."""
        self._opened.close()

    @property
    def _publishes(self) -> bool:
        return self._settings.publish is not None or self._settings.ndi is not None
