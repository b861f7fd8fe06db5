"""Make docs/images/characters.webp: the driver of the project's clip, and the six characters that make that motion.

    python scripts/make_showcase.py [--out docs/images/characters.webp]

Run it again when characters are drawn better than before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PilImage

from streamer.files.video_reader import VideoReader
from streamer.film.performance import perform
from streamer.frames import Image
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.rigging.picture import load_picture
from streamer.runtime.native_logs import filter_native_logs
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.smoothing import smooth_both_ways

CHARACTERS = (
    "avatar.png",
    "samples/anime.png",
    "samples/painting.png",
    "samples/cartoon.png",
    "samples/animation.png",
    "samples/sculpture.png",
)
DRIVER = Path("assets/driver.mp4")  # as wide as high
COLUMNS = 3  # of characters, beside the driver, who is as high as all of them
DRAWN_SIDE = 512  # pixels
EVERY = 2  # of the clip's frames only each second one is shown
QUALITY = 62  # of WebP, 0..100


def scaled(frames: Sequence[Image], side: int) -> list[Image]:
    """The shown frames, as squares of `side` pixels."""
    return [cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in frames[::EVERY]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/characters.webp"), metavar="FILE")
    parser.add_argument("--tile", type=int, default=144, metavar="N", help="pixels of a character's side (144)")
    given = parser.parse_args()
    filter_native_logs()
    with VideoReader(DRIVER) as reader, MotionExtractor(smooth=False, live=False) as extractor:
        frames = list(reader)
        motions = list(smooth_both_ways([extractor.process(frame) for frame in frames]))
        duration_ms = round(1000 * EVERY / reader.rate)
    pipeline = make_pipeline("dit", "cpu", DRAWN_SIDE)
    columns: list[list[list[Image]]] = [[] for _ in range(COLUMNS)]
    for number, name in enumerate(CHARACTERS):
        avatar = pipeline.prepare(load_picture(Path("assets") / name))
        drawn = [frame.rgb for frame in perform(pipeline, avatar, motions, Controls(mirror=False))]
        columns[number % COLUMNS].append(scaled(drawn, given.tile))
        print(f"{name}: {len(drawn)} frames drawn", flush=True)
    driver = scaled([frame.rgb for frame in frames], given.tile * len(columns[0]))
    pictures = [
        PilImage.fromarray(np.hstack([driver[i], *(np.vstack([tile[i] for tile in column]) for column in columns)]))
        for i in range(len(driver))
    ]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        given.out, save_all=True, append_images=pictures[1:], duration=duration_ms, loop=0, quality=QUALITY, method=6
    )
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
