"""Small video and audio files for tests, and the clip and picture of the repository."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

DRIVER = Path(__file__).parents[2] / "assets" / "driver.mp4"
AVATAR = Path(__file__).parents[2] / "assets" / "avatar.png"
TIMES = [0, 40, 90, 130, 200, 240, 400, 440]  # ms; irregular, as those of cameras


def make_video(path, frames, times=TIMES, sound=None, codec="libx264", pixel_aspect=None, options=None, seconds=0.4):
    """Write (H, W, 3) frames at `times` ms, and so many seconds of a 440 Hz tone in the audio codec `sound`.
    pixel_aspect: width over height of the pixels. options: of the video codec.
    """
    with av.open(f"file:{path}", "w") as container:
        video = container.add_stream(codec, rate=25, options=options or {})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        if pixel_aspect is not None:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for rgb, at in zip(frames, times, strict=False):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.time_base, frame.pts = Fraction(1, 1000), at
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for packet in tone(audio, seconds):
                container.mux(packet)
    return path


def make_sound(path, codec="aac"):
    """A file with an audio track only."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=48_000, layout="mono")
        for packet in tone(audio, 0.4):
            container.mux(packet)
    return path


def tone(stream, seconds):
    """Packets of a 440 Hz tone, encoded for an audio stream."""
    wave = (8000 * np.sin(2 * np.pi * 440 * np.arange(round(48_000 * seconds)) / 48_000)).astype(np.int16)[None]
    context = stream.codec_context
    resampler = av.AudioResampler(format=context.format, layout="mono", rate=48_000, frame_size=context.frame_size)
    frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        yield from stream.encode(piece)
    yield from stream.encode(None)


def grey_frames(count=8, height=48, width=64):
    """Frames of rising grey, red in the upper left corner."""
    frames = []
    for i in range(count):
        rgb = np.full((height, width, 3), 20 + 25 * i, np.uint8)
        rgb[:12, :12] = 230, 20, 20
        frames.append(rgb)
    return frames


def set_display_matrix(path, a, b, c, d):
    """Set the display matrix of an MP4's first track, as phones do: (p, q) is shown at (a p + c q, b p + d q)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
