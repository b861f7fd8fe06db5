"""The command line, as people run it: a process of its own, with the true exit code."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from PIL import Image
from websockets.sync.client import connect

from benchmarks.streaming.attacks import plain_png
from benchmarks.streaming.webrtc_client import WebRtcClient

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0
# By which each system asks a program to end.
ENDS = [signal.SIGINT, signal.SIGTERM] if sys.platform != "win32" else [signal.CTRL_BREAK_EVENT]
needs_sigterm = pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM asks a program to end here")
needs_sigstop = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no signal stops a process here")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run_server.py", *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def picture(path: Path) -> Path:
    """A picture without a face."""
    Image.fromarray(np.full((96, 96, 3), 128, np.uint8)).save(path)
    return path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_help_names_the_flags() -> None:
    done = run("--help")
    assert done.returncode == 0 and "--ref FILE" in done.stdout and "--virtual-camera" in done.stdout


def test_a_taken_port(taken: int) -> None:
    done = run("--port", str(taken))
    assert done.returncode == 1 and "loading" not in done.stdout
    assert done.stderr == (
        f"Port {taken} on 127.0.0.1 is already in use: stop the other program or choose another port with --port.\n"
    )


def test_an_address_that_is_not_ours() -> None:
    done = run("--host", "192.0.2.1")
    assert done.returncode == 1 and done.stderr.startswith("Cannot listen on 192.0.2.1 port 8080 (")
    assert done.stderr.endswith(": choose another address with --host and --port.\n")


def test_a_host_that_is_no_name() -> None:
    done = run("--host", "a..b")
    assert done.returncode == 1 and "loading" not in done.stdout
    assert done.stderr == (
        "Cannot listen on a..b port 8080 (it is not a name or an IP address): "
        "choose another address with --host and --port.\n"
    )


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "check the path"), (b"", "empty"), (b"hello", ""), (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "")],
)
def test_a_picture_that_cannot_be_used(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "ref.png"
    if content is not None:
        path.write_bytes(content)
    done = run("--ref", str(path), "--port", "0")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert str(path) in done.stderr and word in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is not there; train one with"),
        (b"", "is damaged ("),
        (b"hello" * 20, "is damaged ("),
        (b"\x08\0\0\0\0\0\0\0{}      ", "holds no Kagami weights"),
    ],
    ids=["missing", "empty", "damaged", "foreign"],
)
def test_weights_that_cannot_be_used_are_told_before_torch_is_imported(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    done = run("--checkpoint", str(path), "--port", "0")
    assert done.returncode == 1 and "loading" not in done.stdout
    assert done.stderr.count("\n") == 1 and str(path) in done.stderr and words in done.stderr


def test_a_picture_without_a_face(tmp_path: Path) -> None:
    done = run("--ref", str(picture(tmp_path / "grey.png")), "--port", "0", "--generator", "geometry")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "grey.png" in done.stderr and "--points" in done.stderr


def test_wrong_settings(tmp_path: Path) -> None:
    done = run("--fps", "0")
    assert (done.returncode, done.stderr) == (1, "--fps is 0.0; it must be a number from 1 to 60.\n")
    for content in (None, b"fps = = 3", b"\xff\xfe\0", b'fps = "fast"', b"nonsense = 1"):
        path = tmp_path / "kagami.toml"
        if content is not None:
            path.write_bytes(content)
        done = run("--config", str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1 and str(path) in done.stderr and "Traceback" not in done.stderr
    done = run("--prot", "1")
    assert done.returncode == 2 and done.stderr.endswith("unrecognized arguments: --prot 1\n")


@pytest.mark.parametrize("end", ENDS)
def test_it_serves_and_stops_when_it_is_told(tmp_path: Path, end: signal.Signals) -> None:
    """A picture's path in other letters and with spaces, told where the encoding lacks them, without a home folder."""
    path = tmp_path / "鏡 und Spiegel" / "Bild é.png"
    path.parent.mkdir()
    shutil.copy(ROOT / "assets" / "avatar.png", path)
    plain = {"PYTHONIOENCODING": "ascii", "HOME": os.devnull, "USERPROFILE": os.devnull}
    with serving("--port", "0", "--generator", "geometry", "--ref", str(path), **plain) as (process, lines):
        while not (line := next(lines)).count("open http://"):
            assert line.startswith("[")
        url = line.split()[line.split().index("open") + 1]
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            assert answer.status == 200
        process.send_signal(end)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None and process.stderr.read() == ""


@needs_sigterm
def test_slow_requests_neither_delay_its_end_nor_leave_a_traceback() -> None:
    with serving("--port", "0", "--generator", "geometry") as (process, lines):
        while not (line := next(lines)).count("open http://"):
            pass
        port = urlsplit(line.split()[line.split().index("open") + 1]).port
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for each in slow:
            each.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None and process.stderr.read() == ""
        for each in slow:
            each.close()


@needs_sigstop
@pytest.mark.realtime
@pytest.mark.parametrize(("end", "code"), [("SIGTERM", 0), ("SIGKILL", -9)])
async def test_a_hanging_tracker_neither_keeps_it_from_ending_nor_is_left(end: str, code: int) -> None:
    with serving("--port", "0", "--generator", "geometry") as (process, lines):
        url = await_url(lines)
        before = set(psutil.Process(process.pid).children(recursive=True))
        frames = [np.full((480, 640, 3), grey, np.uint8) for grey in (60, 180)]
        async with WebRtcClient(url.replace("http", "ws", 1).rstrip("/") + "/ws", frames, 15.0) as client:
            async with asyncio.timeout(PATIENCE):
                while not client.log.frames:
                    await asyncio.sleep(0.1)
            everyone = psutil.Process(process.pid).children(recursive=True)
            (tracker,) = set(everyone) - before
            tracker.suspend()
            try:
                process.send_signal(signal.Signals[end])
                assert await asyncio.to_thread(process.wait, PATIENCE) == code
                assert process.stderr is not None and process.stderr.read() == ""
                _, alive = await asyncio.to_thread(psutil.wait_procs, [*everyone, *before], PATIENCE)
                assert not alive
            finally:
                with suppress(psutil.NoSuchProcess):
                    tracker.kill()


@needs_sigterm
def test_a_picture_being_decoded_neither_delays_its_end_nor_leaves_a_traceback() -> None:
    with serving("--port", "0", "--generator", "geometry") as (process, lines):
        url = await_url(lines)
        before = set(psutil.Process(process.pid).children(recursive=True))
        with connect(url.replace("http", "ws", 1).rstrip("/") + "/ws") as page:
            page.send('{"type": "hello", "protocol": 1}')
            while (message := json.loads(page.recv(PATIENCE)))["type"] != "ready":
                pass
            data = plain_png(6400)
            with socket.create_connection(("127.0.0.1", urlsplit(url).port or 80)) as upload:
                head = f"PUT /api/picture?session={message['session']} HTTP/1.1\r\nHost: localhost\r\n"
                upload.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
                deadline = time.monotonic() + PATIENCE
                while not (started := set(psutil.Process(process.pid).children(recursive=True)) - before):
                    assert time.monotonic() < deadline
                    time.sleep(0.002)
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
                assert process.stderr is not None and process.stderr.read() == ""
                _, alive = psutil.wait_procs([*before, *started], PATIENCE)
                assert not alive


def await_url(lines: Iterator[str]) -> str:
    """The address that the server prints once it listens."""
    return next(line for line in lines if "open http://" in line).split("open ")[1].split()[0]


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-u", "run_server.py", *arguments],
        cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # which alone gets Windows' Ctrl-Break
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, iter(process.stdout.readline, "")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
