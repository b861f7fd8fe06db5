"""What a server speaks with besides pages: all of it is closed, the last one first, however far a start came."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from streamer.engine.output_feed import OutputFeed
from streamer.errors import OutputError
from streamer.osc.tracker_receiver import TrackerReceiver
from streamer.osc.udp_ports import UdpPorts, open_udp_ports
from streamer.osc.vmc_sender import VmcSender
from streamer.other_programs import OtherPrograms
from streamer.outputs.ndi_output import NdiOutput
from streamer.runtime.start_lines import StartLines
from streamer.server.metrics import Metrics
from streamer.server.recorder import Recorder
from streamer.settings import Settings
from tests.support.engines import running

HERE = "127.0.0.1:0"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the classes whose `close` was called."""
    names: list[str] = []

    def note(kind: type, method: str) -> None:
        close = getattr(kind, method)

        def noted(self: Any) -> None:
            names.append(kind.__name__)
            close(self)

        monkeypatch.setattr(kind, method, noted)

    for kind in (VmcSender, TrackerReceiver, Recorder, UdpPorts):
        note(kind, "close")
    note(OutputFeed, "turn_off")
    return names


def made(settings: Settings) -> tuple[OtherPrograms, UdpPorts]:
    ports = open_udp_ports(settings)
    return OtherPrograms(settings, ports, StartLines(io.StringIO())), ports


def are_closed(ports: UdpPorts) -> bool:
    assert ports.controls is not None
    return {-1} == {bound.fileno() for bound in (ports.controls, *(port.bound for port in ports.trackers))}


def everything(folder: Path) -> Settings:
    return Settings(
        osc=HERE, vmc_receive=HERE, ifacialmocap=HERE, vmc_send="127.0.0.1:9", publish="rtmp://127.0.0.1:9/live/me",
        record=folder,
    )  # fmt: skip


def test_all_are_closed_the_last_one_first(tmp_path: Path, closed: list[str]) -> None:
    others, ports = made(everything(tmp_path))
    with running() as engine:
        others.connect(engine, 128, 128)
        others.turn_on()
        assert closed == [] and len(engine.watchers) == 4  # frames and sound twice
        engine.close()
        for _ in range(2):
            others.close()
        assert closed == ["Recorder", "OutputFeed", "TrackerReceiver", "VmcSender", "UdpPorts"]
    assert are_closed(ports)


def test_a_start_that_fails_leaves_no_port_open(monkeypatch: pytest.MonkeyPatch, closed: list[str]) -> None:
    def fail(*_: object) -> None:
        raise OutputError("no")

    monkeypatch.setattr(TrackerReceiver, "__init__", fail)
    settings = Settings(osc=HERE, vmc_receive=HERE, vmc_send="127.0.0.1:9")
    ports = open_udp_ports(settings)
    with pytest.raises(OutputError):
        OtherPrograms(settings, ports, StartLines(io.StringIO()))
    assert closed == ["VmcSender", "UdpPorts"] and are_closed(ports)


def test_an_output_that_cannot_begin_lets_the_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: list[str]
) -> None:
    def fail(*_: object) -> None:
        raise OutputError("no")

    monkeypatch.setattr(NdiOutput, "problem", lambda _: None)
    monkeypatch.setattr(NdiOutput, "open", fail)
    others, ports = made(Settings(osc=HERE, ndi="me", record=tmp_path))
    with running() as engine:
        others.connect(engine, 128, 128)
        with pytest.raises(OutputError):
            others.turn_on()
        others.close()
        assert not len(engine.watchers)
    assert closed == ["Recorder", "OutputFeed", "UdpPorts"] and are_closed(ports)


def test_metrics_tell_what_is_dropped_and_left_out(tmp_path: Path) -> None:
    others, _ = made(everything(tmp_path))
    with running() as engine:
        others.connect(engine, 128, 128)
        metrics = Metrics(engine)
        others.count_in(metrics)
        assert others.recorder is not None
        others.recorder.left_out = 7
        values = {
            (sample.name, *sample.labels.values()): sample.value
            for family in metrics.collect() for sample in family.samples
            if family.name in ("kagami_datagrams_dropped", "kagami_frames_left_out")
        }  # fmt: skip
        others.close()
    dropped, left_out = "kagami_datagrams_dropped_total", "kagami_frames_left_out_total"
    assert values == {
        (dropped, "VMC"): 0, (dropped, "iFacialMocap"): 0,
        (left_out, "VMC"): 0, (left_out, "publish"): 0, (left_out, "record"): 7,
    }  # fmt: skip
