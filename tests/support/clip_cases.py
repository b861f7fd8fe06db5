"""Clips that go wrong easily, as frames, made of the repository's clip; each is small and short."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np

from streamer.files.video_reader import VideoReader
from streamer.film.performance import resolve
from streamer.frames import CameraFrame
from streamer.rigging.picture import load_picture
from streamer.tracking.bridging import bridge
from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.smoothing import smooth_both_ways
from tests.support.clips import AVATAR, DRIVER

SIDE = 256  # pixels


@cache
def plain(first=0, count=40):
    """Frames of someone who speaks."""
    with VideoReader(DRIVER) as reader:
        frames = [frame.rgb for frame, _ in zip(reader, range(first + count), strict=False)][first:]
    return [cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for rgb in frames]


def cut_to_another_place(at=20):
    """From frame `at` on the same person elsewhere."""
    return plain()[:at] + before_another_wall(plain()[at:])


def cut_to_another_person(at=20):
    """From frame `at` on the person of the repository's picture elsewhere, who sways."""
    picture = cv2.resize(load_picture(AVATAR).rgba[..., :3], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    sway = [np.float32([[1, 0, 3 * np.sin(i / 5)], [0, 1, 2 * np.sin(i / 4)]]) for i in range(len(plain()) - at)]
    moved = [cv2.warpAffine(picture, grid, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE) for grid in sway]
    return plain()[:at] + before_another_wall(moved)


def before_another_wall(frames):
    """The frames smaller, at the side, before another background."""
    grid = np.float32([[0.7, 0, SIDE * 0.25], [0, 0.7, SIDE * 0.1]])
    noise = np.random.default_rng(0).normal(128, 50, (8, 8, 3)).clip(0, 255).astype(np.uint8)
    wall = cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    inside = cv2.warpAffine(np.ones((SIDE, SIDE, 1), np.uint8), grid, (SIDE, SIDE))[..., None]
    return [np.where(inside, cv2.warpAffine(rgb, grid, (SIDE, SIDE)), wall) for rgb in frames]


def two_bad_frames(at=20):
    """One black and one green frame in a row."""
    frames = list(plain())
    frames[at], frames[at + 1] = np.zeros_like(frames[at]), np.zeros_like(frames[at]) + np.uint8([0, 255, 0])
    return frames


def walks_out_and_back(leaves=12, returns=48, count=66):
    """Nobody is seen in between."""
    return [np.full_like(rgb, 128) if leaves <= i < returns else rgb for i, rgb in enumerate(plain(0, count))]


def held_still_noisy(count=30):
    """One frame with the noise of a sensor: 3 of 255 in the pixels of the clip, of which four make one of these."""
    noise = np.random.default_rng(0)
    return [np.clip(plain()[0] + noise.normal(0, 1.5, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8) for _ in range(count)]


def dark_room():
    """15 % of the light, and a noise of 8 of 255 in the pixels of the clip, of which four make one of these."""
    noise = np.random.default_rng(1)
    return [np.clip(rgb * 0.15 + noise.normal(0, 4, rgb.shape), 0, 255).astype(np.uint8) for rgb in plain()]


def tracked(frames):
    """Motions as they are tracked in a file, 25 a second, without bodies."""
    with MotionExtractor(body=False, smooth=False, live=False) as extractor:
        return [extractor.process(CameraFrame(rgb, i / 25, i)) for i, rgb in enumerate(frames)]


def resolved(motions, neutral="first"):
    """What an avatar shows of them, and the neutral of each."""
    return [each[:2] for each in resolve(smooth_both_ways(bridge(iter(motions))), neutral)]


def relations(pairs):
    """(N, 7) of motions and neutrals: rotation vector, log of growth, shift in sizes of the neutral's face."""
    rows = []
    for motion, neutral in pairs:
        head, base = head_pose(motion.face), head_pose(neutral.face)
        turn = rotation_vector(head.rotation @ base.rotation.T)
        rows.append([*turn, np.log(head.scale / base.scale), *((head.shift - base.shift) / base.scale)])
    return np.array(rows)


def retimed(motions):
    """The motions in this order, 25 a second."""
    return [replace(motion, captured=i / 25) for i, motion in enumerate(motions)]
