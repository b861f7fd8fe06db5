"""What a server speaks with besides pages, as far as its settings want that: trackers, controls, receivers of motion,
media servers, a folder of recordings. What is not wanted is not imported.
"""

from __future__ import annotations

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
    from streamer.server.recorder import Recorder


class OtherPrograms:
    """`connect` them to an engine, `turn_on` what sends frames, `close` them all.

    ports: bound, and closed by `close`, but for the one of the controls, which the server owns. lines: tell whoever
    starts the server. Raises OutputError for what cannot be done on this machine.

    trackers: what the engine is fed with, None where no tracker is received. recorder: of `--record`, once connected.
    """

    def __init__(self, settings: Settings, ports: UdpPorts, lines: StartLines) -> None:
        self.recorder: Recorder | None = None
        self._settings = settings
        self._lines = lines
        self._feeds: list[OutputFeed] = []
        self._vmc: VmcSender | None = None
        self._receiver: TrackerReceiver | None = None
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
            lines.line(f"motion goes by VMC to {settings.vmc_send}: docs/osc.md")
        if ports.trackers:
            from streamer.osc.tracker_receiver import TrackerReceiver  # noqa: PLC0415

            for port in ports.trackers:
                lines.line(port.sentence)
            self._receiver = TrackerReceiver(ports.trackers)
            self._receiver.start()
        if settings.whip:
            lines.line("encoders publish at /whip, players watch at /whep: docs/whip.md")

    @property
    def trackers(self) -> TrackerFeed | None:
        return None if self._receiver is None else self._receiver.feed

    def connect(self, engine: Engine, width: int, height: int) -> None:
        """Give them what the engine draws. width, height: see `OutputFeed`. Raises OutputError."""
        if self._vmc is not None:
            self._vmc.start(engine.watchers)
        if self._publishes:
            from streamer.server.publishing import publish_feeds  # noqa: PLC0415

            self._feeds = publish_feeds(self._settings, engine, width, height, self._lines.line)
        if self._settings.record is not None:
            from streamer.server.recorder import Recorder  # noqa: PLC0415

            self.recorder = Recorder(self._settings.record, self._settings.fps, self._lines.line)
            self.recorder.start(engine.watchers)

    def turn_on(self) -> None:
        """Publish from now on. Raises OutputError."""
        for feed in self._feeds:
            feed.turn_on()

    def close(self) -> None:
        """End them all, after the engine. Idempotent."""
        for feed in self._feeds:
            feed.turn_off()
        for other in (self._receiver, self._vmc, self.recorder):
            if other is not None:
                other.close()

    @property
    def _publishes(self) -> bool:
        return self._settings.publish is not None or self._settings.ndi is not None
