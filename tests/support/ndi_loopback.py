"""`python -m tests.support.ndi_loopback`: sends by NDI and receives it in another process, with cyndilib's receiver.

That one holds the interpreter's lock while it waits (cyndilib 0.1.3), so that in one process nobody sends meanwhile.
NDI finds sources by multicast DNS, which a container rarely has; its configuration file, read from the folder
NDI_CONFIG_DIR, names the address instead.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from streamer.frames import AvatarFrame
from streamer.outputs.ndi_output import NdiOutput

LIMIT_S = 40.0  # for a source that is found, and as much again for picture and sound


def write_configuration(folder: Path) -> None:
    """Have NDI look for sources on this machine alone."""
    settings = {"ndi": {"networks": {"ips": "127.0.0.1,", "discovery": ""}}}
    (folder / "ndi-config.v1.json").write_text(json.dumps(settings))


def main(arguments: Sequence[str]) -> int:
    """Exit status 0: a picture with alpha and its sound arrived as they were sent. arguments: none, or the name of a
    source to be received.
    """
    if arguments:
        return receive(arguments[0])
    name = f"Loopback {os.getpid()}"  # others may run on this machine
    output = NdiOutput(name)
    output.open(64, 48, 30.0)
    ends = threading.Event()
    thread = threading.Thread(target=_feed, args=(output, ends))
    thread.start()
    try:
        return subprocess.run([sys.executable, "-m", "tests.support.ndi_loopback", name], check=False).returncode
    finally:
        ends.set()
        thread.join()
        output.close()


def receive(name: str) -> int:
    """Receive what `main` sends. Exit status as there."""
    picture, loudness = _receive(name)
    print("left", picture[24, 8], "right", picture[24, 56], "loudness", loudness)
    arrived = np.allclose(picture[24, 8], (200, 100, 50, 255), atol=6) and np.allclose(
        picture[24, 56], (200, 100, 50, 128), atol=6
    )
    return 0 if arrived and abs(loudness - 0.25) < 0.02 else 1


def _feed(output: NdiOutput, ends: threading.Event) -> None:
    """Two halves of one colour, of which the right one is half transparent, and a constant sound."""
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:, 32:] = 128
    rgb = np.round(np.array([200, 100, 50]) * (alpha[..., None] / 255)).astype(np.uint8)
    while not ends.wait(0.02):
        output.send(AvatarFrame(rgb, time.monotonic() - 0.1, alpha))
        output.hear(np.full((960, 2), 8192, np.int16))


def _receive(source: str) -> tuple[np.ndarray, float]:
    """The newest picture (48, 64, 4), and the largest sample, once there is sound. Raises TimeoutError."""
    names = ("finder", "receiver", "video_frame", "audio_frame", "wrapper.ndi_recv")
    finders, receivers, videos, audios, kinds = (importlib.import_module(f"cyndilib.{name}") for name in names)
    deadline = time.monotonic() + LIMIT_S
    with finders.Finder() as finder:
        while not (found := [name for name in finder.get_source_names() if source in name]):
            finder.wait_for_sources(0.5)
            finder.update_sources()
            if time.monotonic() > deadline:
                raise TimeoutError("no source was found")
        receiver = receivers.Receiver(
            color_format=kinds.RecvColorFormat.RGBX_RGBA, bandwidth=kinds.RecvBandwidth.highest
        )
        video, audio = videos.VideoRecvFrame(), audios.AudioRecvFrame()
        receiver.set_video_frame(video)
        receiver.set_audio_frame(audio)
        receiver.set_source(finder.get_source(found[0]))
        picture, loudness = None, 0.0
        deadline = time.monotonic() + LIMIT_S
        try:
            while picture is None or loudness < 0.2:
                kind = receiver.receive(receivers.ReceiveFrameType.recv_all, 200)
                if kind & receivers.ReceiveFrameType.recv_video:
                    picture = np.frombuffer(video, np.uint8).reshape(48, 64, 4).copy()
                elif kind & receivers.ReceiveFrameType.recv_audio:
                    samples, _ = audio.get_read_data()
                    loudness = max(loudness, float(np.abs(samples).max()))
                if time.monotonic() > deadline:
                    raise TimeoutError(f"picture: {picture is not None}, loudness: {loudness}")
        finally:
            receiver.disconnect()
    return picture, loudness


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
