"""Nothing of the camera's picture leaves the tracker: not in an avatar frame, a file, a log or shared memory, whatever
happens. A camera shows signal colours and stripes around the face, and a chequer of them in the open mouth.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from aiortc import VideoStreamTrack
from av import VideoFrame
from numpy.typing import NDArray

from models.geometry.topology import INNER_LIPS, MESH
from streamer.files.video_reader import VideoReader
from streamer.frames import Image
from streamer.rigging.picture import load_picture
from streamer.tracking.image_points import to_pixels
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.virtual_camera import fit_to_size
from tests.support.clips import AVATAR, DRIVER
from tests.support.page import Page, socket_url

ROOT = Path(__file__).parent.parent
SIZE = 256  # pixels, of the avatar's frames
GREEN, MAGENTA = (0, 255, 0), (255, 0, 255)
STRIPE = 8  # pixels: 3 of the avatar's frame
MIN_SIGNAL = 60  # 0..255, by which green is more than the other colours, or less, in a pixel of a signal colour
MAX_SIGNAL_SHARE = 0.002  # of a frame's pixels, more than in the reference picture
MAX_LIKENESS = 0.06  # correlation with the camera's picture, more than that of the reference picture
PATIENCE_S = 120.0
Measure = NDArray[np.float32]


def surrounded(rgb: Image, face: NDArray[np.floating[Any]]) -> Image:
    """The picture with stripes around the face, and a chequer in the mouth. face (478, 3): camera units."""
    points = to_pixels(face[:, :2], rgb.shape)
    outside, mouth = np.ones(rgb.shape[:2], np.uint8), np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(points[:MESH].astype(np.int32)), 0)
    cv2.fillPoly(mouth, [points[list(INNER_LIPS)].astype(np.int32)], 1)
    y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    stripes = (x // STRIPE + (y // 120) % 2) % 2
    chequer = (x // 4 + y // 4) % 2
    marked = np.where((stripes > 0)[..., None], GREEN, MAGENTA).astype(np.uint8)
    in_mouth = np.where((chequer > 0)[..., None], GREEN, MAGENTA).astype(np.uint8)
    marked = np.where(mouth[..., None] > 0, in_mouth, marked)
    return np.where((outside | mouth)[..., None] > 0, marked, rgb)


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    """A second of a person who talks, (480, 640, 3), each surrounded."""
    with VideoReader(DRIVER) as reader, MotionExtractor(body=False, live=False) as extractor:
        marked = []
        for frame, _ in zip(reader, range(40), strict=False):
            rgb = fit_to_size(frame.rgb, 640, 480)
            face = extractor.process(type(frame)(rgb, frame.captured, frame.index)).face
            assert face is not None
            marked.append(surrounded(rgb, face))
    return marked


def greenness(rgb: Image) -> Measure:
    """Green over the other colours, (H, W), negative for magenta."""
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    return np.where(
        green > np.maximum(red, blue), green - np.maximum(red, blue), np.minimum(0, green - np.minimum(red, blue))
    )


def signal_share(rgb: Image) -> float:
    """Share of the pixels that have a signal colour."""
    return float((np.abs(greenness(rgb)) > MIN_SIGNAL).mean())


def likeness(rgb: Image, camera: Image) -> float:
    """How much of a camera's picture of any size is in a frame: the larger of the correlations of their fine greenness,
    as the camera sees it and mirrored.
    """
    frame, shown = (
        _fine(greenness(each)) for each in (rgb, cv2.resize(camera, rgb.shape[1::-1], interpolation=cv2.INTER_AREA))
    )
    norm = float(np.linalg.norm(frame) * np.linalg.norm(shown)) or 1.0
    return max(abs(float((frame * each).sum())) / norm for each in (shown, shown[:, ::-1]))


def _fine(values: Measure) -> Measure:
    return values - cv2.GaussianBlur(values, (0, 0), 4.0)


class Camera(VideoStreamTrack):
    """Shows pictures one after another, forwards and backwards."""

    def __init__(self, pictures: list[Image]) -> None:
        super().__init__()
        self.pictures = pictures
        self._index = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        order = [*self.pictures, *self.pictures[-2:0:-1]]
        frame = VideoFrame.from_ndarray(order[self._index % len(order)], format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        self._index += 1
        return frame


class Witness(Page):
    """Keeps every avatar frame, by the name of what happens then."""

    def __init__(self, url: str) -> None:
        self.seen: dict[str, list[Image]] = {}
        self.now = "first frames"
        super().__init__(url)

    @property
    def frame(self) -> VideoFrame | None:  # type: ignore[override]
        return None

    @frame.setter
    def frame(self, frame: VideoFrame | None) -> None:
        if frame is not None:
            self.seen.setdefault(self.now, []).append(frame.to_ndarray(format="rgb24"))

    async def phase(self, name: str, since: int = 0) -> None:
        """Wait until the server tells of this phase. since: how many messages had come before what leads to it."""
        await self.wait_until(
            lambda: any(m["type"] == "state" and m["phase"] == name for m in self.messages[since:]), f"phase {name}"
        )

    @property
    def told_phase(self) -> str:
        """The last phase that the server told of."""
        return next(m["phase"] for m in reversed(self.messages) if m["type"] == "state")

    async def stay(self, now: str, frames: int = 20) -> None:
        """Call what happens from here on so, for this many frames."""
        self.now = now
        await self.wait_until(lambda: len(self.seen.get(now, [])) >= frames, f"frames while {now}")


@contextmanager
def server(folder: Path) -> Iterator[tuple[psutil.Process, str, Path]]:
    """A server that logs everything, with folders of its own for whatever it writes. Its process, URL and log."""
    log = folder / "server.log"
    own = {
        name: str(folder / name) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    }
    for path in own.values():
        Path(path).mkdir()
    command = [sys.executable, "-u", "run_server.py", "--port", "0", "--generator", "geometry", "--size", str(SIZE)]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, "--log-level", "debug"],
            cwd=ROOT, env=os.environ | own, stdout=subprocess.PIPE, stderr=file, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            line = next(line for line in iter(process.stdout.readline, "") if "open http://" in line)
            yield psutil.Process(process.pid), line.split("open ")[1].split()[0], log
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def trackers(root: psutil.Process) -> set[psutil.Process]:
    """The server's processes that lead a session of their own, as only trackers do."""
    found = set()
    for process in root.children(recursive=True):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(process.pid) == process.pid:
                found.add(process)
    return found


def shared_memory(root: psutil.Process) -> list[str]:
    """What the server's processes have mapped to share and write: shared memory with and without a name, and files."""
    found = []
    for process in [root, *root.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{process.pid}/maps").read_text(errors="replace").splitlines()
        except OSError:
            continue
        # Not uvloop's rings of the kernel, semaphores, and the machine code by which ctypes is called back.
        harmless = re.compile(r"anon_inode:\[io_uring\]|/ffi\w{6} \(deleted\)|/dev/shm/sem\.\w+ \(deleted\)")
        found += [line for line in lines if re.search(r"^\S+ [r-]w[x-]s", line) and not harmless.search(line)]
    return found


@pytest.fixture(scope="module")
def witnessed(pictures: list[Image], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen of one session: frames by phase, shared memory by phase, files, log."""
    return asyncio.run(witness(pictures, tmp_path_factory.mktemp("privacy")))


async def witness(pictures: list[Image], folder: Path) -> dict[str, Any]:
    nobody = [surrounded(pictures[0], np.zeros((478, 3), np.float32))]
    memory: dict[str, list[str]] = {}
    with server(folder) as (process, url, log):
        before = trackers(process)
        async with Witness(socket_url(url.rstrip("/"))) as page:
            await page.hello()
            log_start = log.stat().st_size  # before it, Pillow tells of the reference picture's bytes
            camera = Camera(pictures)
            await page.start(camera)
            await page.phase("live")
            await page.stay("live", 40)
            memory["live"] = shared_memory(process)
            came = len(page.messages)
            await page.send(type="control", calibrate=True)
            await page.phase("calibrating", came)
            await page.stay("calibrating", 10)
            await page.phase("live", came)
            camera.pictures = nobody
            await page.phase("lost", came)
            await page.stay("lost", 40)
            camera.pictures = pictures
            await page.send(type="control", paused=True)
            await page.phase("paused")
            await page.stay("paused")
            memory["paused"] = shared_memory(process)
            came = len(page.messages)
            await page.send(type="control", paused=False)
            await page.phase("live", came)
            (tracker,) = trackers(process) - before
            page.now = "tracker killed"
            tracker.kill()
            await page.wait_until(lambda: trackers(process) - before - {tracker} != set(), "a new tracker")
            await page.stay("tracker killed", 60)  # two seconds: where it stalls meanwhile, the server has said so
            await page.wait_until(lambda: page.told_phase == "live", "phase live")
            await page.stay("new tracker")
            memory["new tracker"] = shared_memory(process)
    files = [path for path in folder.rglob("*") if path.is_file() and path != log]
    talk = log.read_bytes()[log_start:].decode(errors="replace")
    return {"seen": page.seen, "memory": memory, "files": files, "log": talk}


def reference() -> Image:
    return fit_to_size(load_picture(AVATAR).rgba[..., :3], SIZE, SIZE)


def test_measures_notice_what_they_are_meant_to_notice(pictures: list[Image]) -> None:
    """A twentieth of the camera's picture over all of a frame, or a small piece of it anywhere."""
    camera, frame = pictures[0], reference()
    whole = cv2.resize(camera, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    for leaked in (whole, whole[:, ::-1]):
        veiled = np.rint(0.95 * frame + 0.05 * leaked).astype(np.uint8)
        assert likeness(veiled, camera) > likeness(frame, camera) + MAX_LIKENESS
    pasted = frame.copy()
    pasted[100:116, 100:116] = camera[:16, :16]
    assert signal_share(pasted) > signal_share(frame) + MAX_SIGNAL_SHARE


@pytest.mark.parametrize(
    "phase", ["first frames", "calibrating", "live", "lost", "paused", "tracker killed", "new tracker"]
)
def test_no_avatar_frame_shows_the_camera(witnessed: dict[str, Any], pictures: list[Image], phase: str) -> None:
    frames, shown = witnessed["seen"][phase], reference()
    assert len(frames) >= 1
    signal, like = signal_share(shown), likeness(shown, pictures[0])
    for frame in frames:
        assert signal_share(frame) <= signal + MAX_SIGNAL_SHARE
        assert likeness(frame, pictures[0]) <= like + MAX_LIKENESS


def test_no_file_is_written_while_somebody_is_live(witnessed: dict[str, Any]) -> None:
    assert [path.name for path in witnessed["files"]] == []


def test_log_tells_of_no_picture(witnessed: dict[str, Any]) -> None:
    """Also at its most talkative."""
    log = witnessed["log"]
    assert "DEBUG" in log
    assert not re.search(r"array\(|(\\x[0-9a-f]{2}[^\\]{0,3}){40}", log)  # bytes beyond the 20 of STUN's checksums
    assert not re.search(r"[0-9A-Za-z+/]{300}", log)  # base64, hexadecimal
    assert not re.search(r"(-?\d+(\.\d+)?[,;\s]+){64}", log)  # rows of numbers


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process maps")
def test_no_shared_memory_is_mapped(witnessed: dict[str, Any]) -> None:
    assert witnessed["memory"].keys() == {"live", "paused", "new tracker"}
    for phase, mappings in witnessed["memory"].items():
        assert mappings == [], phase
