"""What time does to a character: drift over a minute, the way back to a first frame, flicker while nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from aiortc.codecs.vpx import vp8_depayload
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.evaluation.context import Bench
from benchmarks.evaluation.eval_pipeline import Artist, animate
from benchmarks.evaluation.rendered import FRAMES, PACE, FilmSet, changed, paced, rig_of
from benchmarks.evaluation.table import Row, Rows, mean_row, table
from models.geometry.rig import Rig
from streamer.files.video_reader import VideoReader
from streamer.files.video_writer import recording
from streamer.frames import AvatarFrame, Image
from streamer.tracking.motion import Motion
from streamer.tracking.smoothing import MotionFilter
from streamer.webrtc.encoder import make_encoder
from training.render.character.appearance import STYLES
from training.render.labels.landmark_noise import NoiseModel
from training.render.scene.motion_tracks import FPS, Track, random_track

WINDOW = 5.0  # seconds compared at either end of the drift's minute
EVERY = 5  # one frame in so many of these is rendered and compared
HELD = 30  # frames that a driver is held still
SETTLE = 5  # first frames of it that do not count: the memory fills
BITRATE = 2_500_000  # bits a second of the live codec
_EASE = 1.0  # seconds from other motion into the window's
LEAST = 2 * WINDOW + _EASE  # seconds that a drift takes


def drift(truth: Sequence[Image], first: Sequence[Image], last: Sequence[Image]) -> Row:
    """psnr of the first and of the last seconds against one truth, dB, and last − first: 0 = no drift, < 0 = decay."""
    early, late = (float(np.mean([_psnr(a, b) for a, b in zip(truth, drawn, strict=True)])) for drawn in (first, last))
    return {"first_db": early, "last_db": late, "drift_db": late - early}


def loop_return(drawn: Sequence[Image]) -> Row:
    """A driver that comes back to its first motion: mean |last − first| frame, and the farthest any came; 0..255."""
    away = [_distance(drawn[0], frame) for frame in drawn]
    return {"return_l1": away[-1], "farthest_l1": max(away)}


def flicker(drawn: Sequence[Image], settle: int = SETTLE) -> float:
    """Mean |frame_t − frame_{t−1}|, 0..255, after the first `settle` frames."""
    pairs = list(pairwise(drawn))[settle:]
    return float(np.mean([_distance(a, b) for a, b in pairs]))


def come_back(track: Track, window: int, ease: int) -> Track:
    """The same motion whose last `window` frames are its first ones, led into over `ease` frames."""

    def turn(name: str, values: NDArray) -> NDArray:
        out = values.copy()
        start = len(values) - window
        share = np.linspace(0, 1, ease + 2)[1:-1].reshape(-1, *[1] * (values.ndim - 1))
        out[start - ease : start] = (1 - share) * values[start - ease : start] + share * values[0]
        out[start:] = values[:window]
        return out

    return changed(track, turn)


def file_codec(still: Image, count: int) -> list[Image]:
    """A still picture through H.264 as `streamer.files.video_writer` writes it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "still.mp4"
        with recording(path, Fraction(25)) as out:
            for i in range(count):
                out.write(AvatarFrame(still, i / 25))
        with VideoReader(path) as reader:
            return [frame.rgb for frame in reader]


def live_codec(still: Image, count: int) -> list[Image]:
    """A still picture through VP8 as a session sends it."""
    encoder = make_encoder("VP8", BITRATE, 25, lambda milliseconds: None)
    decoder: Any = av.CodecContext.create("vp8", "r")
    out = []
    for i in range(count):
        frame = av.VideoFrame.from_ndarray(still, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = i * 3600, Fraction(1, 90_000)
        data = b"".join(vp8_depayload(payload) for payload in encoder.encode(frame)[0])
        out += [decoded.to_ndarray(format="rgb24") for decoded in decoder.decode(av.Packet(data))]
    return out


def stability(bench: Bench) -> dict[str, Any]:
    """All three. Flicker stands beside that of codecs which are shown one and the same picture."""
    film, artists, count = bench.film, bench.artists, bench.options.count or 2
    out: dict[str, Any] = {}
    seconds = bench.options.seconds
    names = list(STYLES)
    cast = [(5000 + 2 * i, names[i % len(names)]) for i in range(count)]  # even numbers begin at rest
    out["drift"] = _mean([drift_rows(film, artists, *one, seconds) for one in cast])
    print(table(f"Drift over {seconds:g} s: the same {WINDOW:g} s of motion first and last", out["drift"]))
    out["loop"] = _mean([loop_rows(film, artists, *one) for one in cast])
    print(table("Loop: back at the first motion", out["loop"]))
    out["flicker"] = _mean([flicker_rows(film, artists, *one) for one in cast])
    print(table("Flicker of a driver held still: landmarks frozen; tracker's noise and live smoothing", out["flicker"]))
    return out


def drift_rows(film: FilmSet, artists: dict[str, Artist], number: int, style: str, seconds: float) -> Rows:
    """A minute by 25 fps; the truth is rendered once, for it is the same first and last. Geometry has no memory, so
    only the ends of its minute are drawn.
    """
    frames, window = round(seconds * FPS), round(WINDOW * FPS)
    whole = random_track(np.random.default_rng([number, 3]), frames, film.names)
    track = come_back(whole, window, round(_EASE * FPS))
    character, scene = film.character(number, style), film.scene(number)
    motions = film.motions(character, scene, [track.act(i) for i in range(frames)], fps=FPS)
    chosen = range(0, window, EVERY)
    shots = film.shoot(character, scene, [track.act(i) for i in chosen])
    rig, truth = rig_of(shots[0], motions[0]), [shot.image for shot in shots]
    rows = {}
    for name, artist in artists.items():
        if name == "geometry":
            first, last = animate(artist, rig, motions[:window]), animate(artist, rig, motions[-window:])
        else:
            drawn = animate(artist, rig, tqdm(motions, f"{seconds:g} s, {name}", unit="frame", leave=False))
            first, last = drawn[:window], drawn[-window:]
        rows[name] = drift(truth, [first[i] for i in chosen], [last[i] for i in chosen])
    return rows


def loop_rows(film: FilmSet, artists: dict[str, Artist], number: int, style: str) -> Rows:
    """Two seconds out of rest and back into it."""
    away = np.minimum(np.arange(FRAMES), np.arange(FRAMES)[::-1])
    whole = random_track(np.random.default_rng([number, 4]), FRAMES * PACE, film.names)
    track = paced(whole, PACE, np.clip(away / 6, 0, 1))
    motions, rig = _stage(film, number, style, track)
    return {name: loop_return(animate(artist, rig, motions)) for name, artist in artists.items()}


def flicker_rows(film: FilmSet, artists: dict[str, Artist], number: int, style: str) -> Rows:
    """A motion amid things, held. frozen: its landmarks stay; tracked: they tremble as the tracker's do in
    training, and are smoothed as live.
    """
    track = film.track(number)
    motions, rig = _stage(film, number, style, track)
    middle = FRAMES // 2
    face, body = motions[middle].face, motions[middle].body
    assert face is not None and body is not None
    held = [Motion.still(face, body, i / FPS) for i in range(HELD)]
    rng, smooth = np.random.default_rng([number, 5]), MotionFilter()
    said = NoiseModel.load().perturb(rng, np.stack([face] * HELD), [track.act(middle)] * HELD, film.names)
    trembling = face + said - said.mean(0)
    tracked = [smooth(Motion.still(each, body, i / FPS)) for i, each in enumerate(trembling)]
    rows: Rows = {}
    for name, artist in artists.items():
        still = animate(artist, rig, [motions[0], *held])[1:]
        rows[name] = {
            "frozen": flicker(still),
            "tracked": flicker(animate(artist, rig, [motions[0], *tracked])[1:]),
        }
    for name, codec in (("H.264, file", file_codec), ("VP8, live", live_codec)):
        rows[name] = {"frozen": flicker(codec(still[-1], HELD)), "tracked": np.nan}
    return rows


def _distance(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def _psnr(a: Image, b: Image) -> float:
    return float(10 * np.log10(255**2 / max(float(np.mean((a.astype(np.float64) - b) ** 2)), 1e-3)))


def _mean(rows: Sequence[Rows]) -> Rows:
    """The mean over characters of each row."""
    return {name: mean_row([each[name] for each in rows]) for name in rows[0]}


def _stage(film: FilmSet, number: int, style: str, track: Track) -> tuple[list[Motion], Rig]:
    character, scene = film.character(number, style), film.scene(number)
    motions = film.motions(character, scene, [track.act(i) for i in range(len(track))])
    return motions, rig_of(scene.render(character, track.act(0), np.random.default_rng(0)), motions[0])
