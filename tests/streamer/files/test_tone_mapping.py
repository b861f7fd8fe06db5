"""HDR clips have the colours of their SDR twins, and so have the mouth and the light that are measured in them."""

import numpy as np
import pytest

from streamer.files.tone_mapping import MAX_SIDE
from streamer.files.video_reader import VideoReader
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.mouth_tracker import MouthTracker
from streamer.tracking.shading_tracker import ShadingTracker
from tests.support.clips import DRIVER
from tests.support.hdr_clips import HLG, PQ, make_hdr_video

SKIN, LIPS, TEETH, DARK = (200, 140, 120), (180, 90, 80), (230, 220, 200), (30, 12, 10)


def read(path):
    with VideoReader(path) as reader:
        return list(reader)


@pytest.fixture(scope="module")
def talking():
    """Four frames of the repository's clip with an open mouth, and their landmarks."""
    with VideoReader(DRIVER) as reader:
        frames = [frame for frame, _ in zip(reader, range(44), strict=False)][32::3]
    with MotionExtractor(body=False, smooth=False, live=False) as extractor:
        return frames, [extractor.process(frame).face for frame in frames]


@pytest.mark.parametrize("transfer", [HLG, PQ], ids=["HLG", "PQ"])
def test_tone_mapping_gives_the_mouth_and_the_light_of_the_sdr_twin(tmp_path, talking, transfer):
    frames, faces = talking
    mapped = read(make_hdr_video(tmp_path / "phone.mov", [frame.rgb for frame in frames], transfer))
    mouths, lights = (MouthTracker(), MouthTracker()), (ShadingTracker(), ShadingTracker())
    measured = 0.0
    for sdr, hdr, face in zip(frames, mapped, faces, strict=True):
        assert np.abs(sdr.rgb.astype(int) - hdr.rgb).mean() < 1
        a, b = (one.track(frame.rgb, sdr.captured, face) for one, frame in zip(mouths, (sdr, hdr), strict=True))
        measured += float(a[..., 3].sum())
        assert np.abs(a - b).max() < 2 / 255
        a, b = (one.track(frame.rgb, sdr.captured, face) for one, frame in zip(lights, (sdr, hdr), strict=True))
        assert np.abs((a - b)[..., 0] * a[..., 1]).max() < 2 / 255
    assert measured > 100  # the mouth was open


@pytest.mark.parametrize("transfer", [HLG, PQ], ids=["HLG", "PQ"])
def test_tone_mapping_keeps_the_colours_of_a_face(tmp_path, transfer):
    patches = np.repeat(np.repeat(np.array([[SKIN, LIPS, TEETH, DARK]], np.uint8), 64, 0), 32, 1)
    rgb = read(make_hdr_video(tmp_path / "phone.mov", [patches], transfer))[0].rgb
    for i, colour in enumerate((SKIN, LIPS, TEETH, DARK)):
        np.testing.assert_allclose(rgb[32, 32 * i + 16], colour, atol=2)


def test_tone_mapping_shrinks_large_pictures(tmp_path):
    grey = np.full((64, MAX_SIDE + 64, 3), 128, np.uint8)
    rgb = read(make_hdr_video(tmp_path / "phone.mov", [grey], HLG))[0].rgb
    assert rgb.shape == (32, MAX_SIDE // 2 + 32, 3) and np.abs(rgb.astype(int) - 128).max() <= 1
