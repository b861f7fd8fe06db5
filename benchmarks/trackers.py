"""`python -m benchmarks.trackers`: what trackers of other programs cost, and what holding their newest pose does.

Costs are processor time of one datagram, and of the motion that is made of it. Holding is simulated: a head swings by
±25° at 0.7 Hz, a tracker sends it 60 or 30 times a second with jitter of the network, and 30 frames a second are drawn
with the newest pose that has arrived, or with what lies between the two newest ones, which is one period later. The
deviation is that of the drawn angles from the swing at the delay that fits best, as root mean square. Floods come from
another process as fast as it can send, from one address.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.hardware import describe, machine_lines
from benchmarks.common.jsonfile import run
from models.geometry.expressions import NAMES
from streamer.osc.ifacialmocap import parse
from streamer.osc.osc_packet import bundle, encode
from streamer.osc.osc_server import open_port, osc_messages
from streamer.osc.tracker_receiver import TrackerReceiver
from streamer.osc.udp_ports import TrackerPort
from streamer.osc.vmc_hands import finger_bone_names
from streamer.osc.vmc_receiver import VmcReceiver
from streamer.sources.received_pose import ReceivedPose, Tare, to_motion

Angles = NDArray[np.float64]
BONES = 55  # of an avatar
SWING_DEGREES, SWING_HZ = 25.0, 0.7
DRAWN_FPS, SECONDS, SEED = 30.0, 60.0, 5

# Sends the datagrams of its input again and again, and prints how many they were.
_SENDER = """
import contextlib, itertools, json, socket, sys, time
datagrams = [bytes.fromhex(each) for each in json.load(sys.stdin)]
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect(("127.0.0.1", int(sys.argv[1])))
end = time.monotonic() + float(sys.argv[2])
for count, datagram in enumerate(itertools.cycle(datagrams)):
    with contextlib.suppress(OSError):
        sender.send(datagram)
    if time.monotonic() > end:
        break
print(count)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser("benchmarks.trackers", description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the report")
    parser.add_argument("--rounds", type=int, default=300, help="of each measurement of cost")
    parser.add_argument("--flood-seconds", type=float, default=4.0, help="that each flood lasts")
    options = parser.parse_args(arguments)
    return run("trackers", options.json, lambda: measure(options.rounds, options.flood_seconds), table)


def measure(rounds: int, flood_s: float) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report."""
    text = ("|".join(f"{name}&{number}" for number, name in enumerate(NAMES)) + "|=head#1,2,3,.1,.2,-.6|").encode()
    poses: list[ReceivedPose] = []
    readings = itertools.count()  # of the clock, one a message
    receive = osc_messages(VmcReceiver(lambda pose, _: poses.append(pose), lambda: next(readings) / 10_000).receive)
    sent = ("Head", "Neck", *(bone[0].upper() + bone[1:] for side in (0, 1) for bone in finger_bone_names(side)))
    messages = [
        encode("/VMC/Ext/Bone/Pos", sent[k % len(sent)], 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.995) for k in range(BONES)
    ]
    messages += [encode("/VMC/Ext/Blend/Val", name, 0.5) for name in NAMES]
    messages.append(encode("/VMC/Ext/Blend/Apply"))
    packet = bundle(messages)
    pose = parse(text)
    assert pose is not None
    costs = {
        "iFacialMocap datagram": _cost_us(lambda: parse(text), rounds),
        f"VMC bundle of {len(messages)} messages": _cost_us(lambda: receive(packet, ("127.0.0.1", 1)), rounds),
        "motion of a pose": _cost_us(lambda: to_motion(pose, Tare(), 0.0), rounds),
    }
    held = []
    for sent_fps in (60.0, 30.0):
        for jitter_ms in (0.0, 4.0, 12.0):
            for between in (False, True):
                lag, deviation = _drawn(sent_fps, jitter_ms / 1000, between)
                held.append(
                    {"sent_fps": sent_fps, "jitter_ms": jitter_ms, "between": between, "lag_ms": lag, "rms": deviation}
                )
    floods = {"VMC messages": messages, "VMC bundles": [packet], "nonsense": [bytes(200)]}
    return {
        "cost_us": costs,
        "held": held,
        "flood": {name: _flood(datagrams, flood_s) for name, datagrams in floods.items()},
        "hardware": describe(),
    }


def _flood(datagrams: Sequence[bytes], seconds: float) -> dict[str, float]:
    """share: processor time a second that a flood of these costs whoever receives it. sent: a second."""
    bound = open_port("--vmc-receive", "127.0.0.1", 0)
    receiver = TrackerReceiver([TrackerPort("VMC", bound)])
    receiver.start()
    try:
        began = time.process_time()
        command = [sys.executable, "-c", _SENDER, str(bound.getsockname()[1]), str(seconds)]
        done = subprocess.run(command, input=json.dumps([each.hex() for each in datagrams]).encode(), check=True,
                              stdout=subprocess.PIPE)  # fmt: skip
        return {
            "share": round((time.process_time() - began) / seconds, 3),
            "sent": round(int(done.stdout) / seconds),
        }
    finally:
        receiver.close()


def _cost_us(work: Callable[[], object], rounds: int) -> float:
    """Median processor time of some work, microseconds."""
    work()
    times = []
    for _ in range(rounds):
        began = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - began)
    return round(float(np.median(times)) / 1000, 1)


def _drawn(sent_fps: float, jitter_s: float, between: bool) -> tuple[float, float]:
    """The best fitting delay in ms, and the deviation from the swing at it in degrees.

    jitter_s: mean of exponentially distributed delays of the network; who arrives late is overtaken.
    """
    random = np.random.default_rng(SEED)
    sent = np.arange(0, SECONDS, 1 / sent_fps)
    arrived = sent + random.exponential(jitter_s, len(sent)) if jitter_s else sent
    order = np.argsort(arrived, kind="stable")
    arrived, angles = arrived[order], _swing(sent[order])
    at = np.arange(1, SECONDS - 1, 1 / DRAWN_FPS) + random.uniform(0, 1 / sent_fps, int((SECONDS - 2) * DRAWN_FPS))
    newest = np.searchsorted(arrived, at, side="right") - 1
    shown = angles[newest]
    if between:
        share = np.clip((at - arrived[newest]) * sent_fps, 0, 1)
        shown = angles[newest - 1] + share * (angles[newest] - angles[newest - 1])
    lags = np.arange(0, 0.1, 0.0005)
    errors = [float(np.sqrt(np.mean((shown - _swing(at - lag)) ** 2))) for lag in lags]
    best = int(np.argmin(errors))
    return round(float(lags[best]) * 1000, 1), round(errors[best], 2)


def _swing(at: Angles) -> Angles:
    """Degrees at some seconds."""
    swing: Angles = SWING_DEGREES * np.sin(2 * math.pi * SWING_HZ * at)
    return swing


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [*machine_lines(report["hardware"]), "", "processor time, microseconds, median"]
    lines += [f"  {name:36} {cost:8.1f}" for name, cost in report["cost_us"].items()]
    lines += ["", "sent a second, jitter ms: held / between two: delay ms, deviation degrees"]
    held = report["held"]
    for newest, between in zip(held[0::2], held[1::2], strict=True):
        pairs = " / ".join(f"{each['lag_ms']:5.1f} ms {each['rms']:.2f}°" for each in (newest, between))
        lines.append(f"  {newest['sent_fps']:3.0f} {newest['jitter_ms']:4.0f}: {pairs}")
    lines += ["", "floods: sent a second, processor time a second of whoever receives them"]
    lines += [f"  {name:14} {flood['sent']:8.0f} {flood['share']:6.3f} s" for name, flood in report["flood"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
