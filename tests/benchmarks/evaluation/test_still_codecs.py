"""A still picture through the codecs."""

import numpy as np

from benchmarks.evaluation.stability import flicker
from benchmarks.evaluation.still_codecs import file_codec, live_codec


def test_codecs_add_little_flicker_to_a_still_picture():
    random = np.random.default_rng(0)
    still = random.integers(0, 256, (64, 64, 3), np.uint8)
    for codec in (file_codec, live_codec):
        frames = codec(still, 12)
        assert len(frames) == 12 and frames[0].shape == still.shape
        assert 0 <= flicker(frames) < 20
