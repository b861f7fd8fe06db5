"""Clips in HLG and PQ, made from SDR pictures as ITU-R BT.2408 relates them: SDR's white is 203 cd/m²."""

from fractions import Fraction

import av
import numpy as np

PQ, HLG, BT2020 = 16, 18, 9  # ITU-T H.273
WHITE = 203.0  # cd/m²
HLG_PEAK = 1000.0  # cd/m² of the display for which HLG is seen
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])


def make_hdr_video(path, frames, transfer):
    """Write SDR frames (H, W, 3) as 10-bit HEVC, 25 a second. transfer: `PQ` or `HLG`."""
    with av.open(f"file:{path}", "w") as container:
        # Without B-frames, since x265 leaves the decoding time of a clip shorter than its reordering undefined.
        options = {"preset": "ultrafast", "x265-params": "log-level=none:lossless=1:bframes=0"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv444p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = (
            transfer,
            BT2020,
            BT2020,
            1,
        )
        for number, rgb in enumerate(frames):
            raw = av.VideoFrame.from_ndarray(hdr_signal(rgb, transfer), format="rgb48le")
            frame = raw.reformat(format="yuv444p10le", dst_colorspace=BT2020)
            frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, BT2020, BT2020, 1
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def hdr_signal(rgb, transfer):
    """The signal (H, W, 3) uint16 of SDR colours (H, W, 3) uint8 on a display with the gamma 2.4 of BT.1886."""
    light = (rgb / 255.0) ** 2.4 @ BT709_TO_BT2020.T * WHITE
    signal = pq_signal(light) if transfer == PQ else hlg_signal(light)
    return np.round(signal.clip(0, 1) * 65535).astype(np.uint16)


def pq_signal(light):
    """SMPTE ST 2084 of light in cd/m²."""
    power = (light / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg_signal(light):
    """BT.2100's inverse OOTF with gamma 1.2 and OETF, of light (H, W, 3) in cd/m² on a display of `HLG_PEAK`."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    luminance = (light @ BT2020_LUMINANCE)[..., None] / HLG_PEAK
    scene = light / HLG_PEAK * np.maximum(luminance, 1e-9) ** (1 / 1.2 - 1)
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)
