"""Render assets/driver.mp4: a person who is still for 0.6 s, then talks, turns, nods, blinks and looks around.

    python scripts/make_driver.py --facekit PATH [--out assets/driver.mp4]

The clip begins and ends in the same pose, so it loops. Its sound is a hum that follows the jaw.
"""

from __future__ import annotations

import argparse
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from training.render.character.character import Character, Traits
from training.render.character.facekit import load_facekit
from training.render.character.gestures import FPS
from training.render.character.studio import Studio
from training.render.raster.shading import Light
from training.render.scene.motion_tracks import ExpressionIndex, Track, apply_lid_gaze, speech, wander
from training.render.scene.scene import Camera, Lens, Scene

SIZE = 512  # pixels, of the frames' side
FRAMES = 150
SAMPLE_RATE = 48000  # Hz
STILL_FRAMES = 15  # frames at the beginning without motion


def make_track(names: ExpressionIndex) -> Track:
    """The motion of the clip: expression weights, gaze, head and body of each frame."""
    rng = np.random.default_rng(7)
    time = np.arange(FRAMES) / FPS
    end = FRAMES / FPS
    window = np.clip((time - STILL_FRAMES / FPS) / 0.4, 0, 1) * np.clip((end - 0.1 - time) / 0.5, 0, 1)
    window = (window * window * (3 - 2 * window)).astype(np.float32)

    def bump(middle: float, half: float) -> np.ndarray:
        return np.exp(-(((time - middle) / half) ** 2)).astype(np.float32)

    expression = speech(rng, FRAMES, names, 1.6) * window[:, None]
    for name, curve in (
        ("browInnerUp", 0.8 * bump(2.0, 0.35) + 0.5 * bump(4.4, 0.3)),
        ("browOuterUp", 0.8 * bump(2.0, 0.35) + 0.5 * bump(4.4, 0.3)),
        ("mouthSmile", 0.5 * bump(3.4, 0.6)),
        ("cheekSquint", 0.3 * bump(3.4, 0.6)),
    ):
        for column in names.columns(name):
            expression[:, column] += curve * window
    blink = np.zeros(FRAMES, np.float32)
    for moment in (1.2, 2.9, 4.9):
        blink = np.maximum(blink, np.interp(time - moment, [0, 0.1, 0.16, 0.34], [0, 1, 1, 0]))
    head = np.stack([
        0.16 * np.sin(2 * np.pi * time / 0.9) * bump(4.2, 0.5) + 0.08 * bump(2.4, 0.5),
        0.36 * bump(1.9, 0.55) - 0.36 * bump(3.3, 0.55),
        0.08 * np.sin(2 * np.pi * time / 3),
    ], 1)  # fmt: skip
    head = (head + wander(rng, FRAMES, 0.3, 3) * 0.012) * window[:, None]
    sideways = -0.3 * bump(1.5, 0.25) + 0.35 * bump(2.6, 0.2) - 0.25 * bump(5.2, 0.15)
    gaze = np.stack([sideways, 0.15 * bump(5.2, 0.15)], 1)
    gaze = (gaze * window[:, None]).astype(np.float32)
    apply_lid_gaze(expression, gaze, names)
    for column in names.columns("eyeBlink"):
        expression[:, column] = blink
    still = np.zeros((FRAMES, 3), np.float32)
    move, lean, shrug = still.copy(), still.copy(), np.zeros((FRAMES, 2), np.float32)
    move[:, 0] = 0.8 * np.sin(2 * np.pi * time / 3) * window
    lean[:, 1] = 0.06 * np.sin(2 * np.pi * time / 4) * window
    shrug[:] = (0.8 * bump(4.6, 0.4) * window)[:, None]
    return Track(np.clip(expression, 0, 1), gaze, head.astype(np.float32), move, lean, shrug)


def make_person(studio: Studio) -> Character:
    """A person of natural appearance; the seeds were chosen by looking at the results."""
    appearance = studio.painter.paint(np.random.default_rng(549), "skin")
    traits = Traits("skin", "short", 0.0, 0.0, False, False, identity_spread=0.6, hair_thickness=1.0, hat="none",
                    jewels=False)  # fmt: skip
    return Character(studio, np.random.default_rng(49), traits, appearance)


def hum(jaw: np.ndarray) -> np.ndarray:
    """A voice-like tone (samples,) −1..1: a gliding pulse train through two resonances, as loud as the jaw is open.

    jaw (FRAMES,): weight of jawOpen, 0..1.
    """
    count = FRAMES * SAMPLE_RATE // int(FPS)
    time = np.arange(count) / SAMPLE_RATE
    open_ = np.interp(time, np.arange(FRAMES) / FPS, jaw)
    pitch = 130 + 14 * np.sin(2 * np.pi * 0.7 * time) + 20 * open_
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tone = np.zeros(count)
    for n in range(1, 16):
        frequency = n * pitch
        gain = 1 / (1 + ((frequency - 450 - 350 * open_) / 160) ** 2) + 0.4 / (1 + ((frequency - 1300) / 250) ** 2)
        tone += gain * np.sin(n * phase) / n**0.3
    return 0.3 * tone / np.abs(tone).max() * np.clip(open_ * 2.5, 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the driver clip.")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=Path("assets/driver.mp4"), help="default assets/driver.mp4")
    options = parser.parse_args()
    studio = Studio(load_facekit(options.facekit))
    names = ExpressionIndex(studio.kit.expression_names)
    track, character = make_track(names), make_person(studio)
    rng = np.random.default_rng(5)
    light = Light(
        np.float32([[0.45, 0.5, 0.74, 0.62, 0.6, 0.56], [-0.7, 0.2, 0.68, 0.16, 0.18, 0.22]]),
        np.float32([0.3, 0.29, 0.29, 0.45, 0.46, 0.48]),
    )
    camera = Camera(2 * 0.48 * 75 / 22.5, 75.0, 3.0, (0.0, -0.16))
    lens = Lens(0.3, 0.0, 0, np.ones(3, np.float32), 1.0)
    y = np.linspace(1, 0, SIZE, dtype=np.float32)[:, None, None]
    background = np.broadcast_to(np.float32([0.52, 0.56, 0.6]) + 0.2 * y, (SIZE, SIZE, 3)).copy()
    scene = Scene(camera, light, background, lens, SIZE)
    partial = options.out.with_suffix(".partial.mp4")
    jaw = track.expression[:, names.columns("jawOpen")[0]]
    with av.open(str(partial), "w") as container:
        video = container.add_stream("libx264", rate=int(FPS), options={"crf": "21", "preset": "slow"})
        video.width = video.height = SIZE
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = 48000
        for n in range(FRAMES):
            image = scene.render(character, track.act(n), rng).image
            for packet in video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        container.mux(video.encode(None))
        samples = hum(jaw).astype(np.float32)[None]
        for start in range(0, samples.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    os.replace(partial, options.out)


if __name__ == "__main__":
    main()
