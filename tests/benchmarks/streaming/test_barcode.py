"""The bar code: numbers survive VP8, scaling and changes of brightness; noise is never read as a number."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from aiortc.codecs.vpx import Vp8Decoder, Vp8Encoder, VpxPayloadDescriptor
from aiortc.jitterbuffer import JitterFrame

from benchmarks.streaming import barcode
from streamer.frames import Image


def scene(seed: int, width: int = 640, height: int = 480) -> Image:
    """A picture with detail everywhere, so that the encoder has few bits for the strip."""
    noise = np.random.default_rng(seed).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)


def through_vp8(frames: list[Image], bitrate: int) -> list[Image]:
    encoder, decoder = Vp8Encoder(), Vp8Decoder()
    encoder.target_bitrate = bitrate
    received = []
    for index, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index * 3600, Fraction(1, 90_000)
        payloads, timestamp = encoder.encode(frame)
        data = b"".join(VpxPayloadDescriptor.parse(payload)[1] for payload in payloads)
        received += decoder.decode(JitterFrame(data=data, timestamp=timestamp))
    return [frame.to_ndarray(format="rgb24") for frame in received]


@pytest.mark.parametrize(("bitrate", "size"), [(500_000, (640, 480)), (500_000, (512, 512)), (1_500_000, (320, 240))])
def test_numbers_survive_vp8(bitrate: int, size: tuple[int, int]) -> None:
    numbers = [0, 1, 2, 255, 256, 0x5555, 0xAAAA, 65535, 12345, 25]
    frames = [scene(index, *size) for index in range(len(numbers))]
    for rgb, number in zip(frames, numbers, strict=True):
        barcode.draw(rgb, number)
    assert [barcode.read(rgb) for rgb in through_vp8(frames, bitrate)] == numbers


def test_numbers_survive_both_directions() -> None:
    numbers = list(range(1000, 1012))
    camera = [scene(index) for index in range(len(numbers))]
    for rgb, number in zip(camera, numbers, strict=True):
        barcode.draw(rgb, number)
    avatar = [scene(99 + index, 512, 512) for index in range(len(numbers))]
    for source, target in zip(through_vp8(camera, 1_000_000), avatar, strict=True):
        barcode.copy(source, target)
    assert [barcode.read(rgb) for rgb in through_vp8(avatar, 1_000_000)] == numbers


def test_read_is_independent_of_brightness_and_contrast() -> None:
    rgb = scene(0)
    barcode.draw(rgb, 4711)
    assert barcode.read((rgb * 0.4 + 90).astype(np.uint8)) == 4711
    assert barcode.read(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)) == 4711  # the luma plane alone


def test_read_detects_a_wrong_bit() -> None:
    for cell in range(24):
        rgb = scene(0, 480, 480)
        barcode.draw(rgb, 4711)
        rgb[: barcode.STRIP, cell * 20 : cell * 20 + 20] = 255 - rgb[: barcode.STRIP, cell * 20 : cell * 20 + 20]
        assert barcode.read(rgb) is None


def test_read_finds_no_number_in_pictures_without_a_code() -> None:
    assert barcode.read(np.zeros((512, 512, 3), np.uint8)) is None
    assert barcode.read(np.full((512, 512, 3), 128, np.uint8)) is None
    assert barcode.read(np.zeros((16, 100, 3), np.uint8)) is None
    assert [barcode.read(scene(seed)) for seed in range(50)] == [None] * 50


def test_draw_refuses_large_numbers_and_small_frames() -> None:
    with pytest.raises(ValueError, match="bar codes hold 0 to 65535, not 65536"):
        barcode.draw(scene(0), barcode.NUMBERS)
    with pytest.raises(ValueError, match="at least 192 x 32 pixels, not 100 x 100"):
        barcode.draw(np.zeros((100, 100, 3), np.uint8), 1)
