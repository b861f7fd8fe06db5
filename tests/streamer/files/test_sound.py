"""The sound of a part begins and ends where its frames do, and is read no further than the frames are."""

from fractions import Fraction

import av
import numpy as np
import pytest

from streamer.files.sound import Sound
from streamer.files.video_reader import VideoReader
from streamer.files.video_writer import open_recording
from streamer.frames import AvatarFrame
from streamer.options import ClipRange

RATE = 48_000
FLASH_S = 3.0  # when the picture turns white and the noise begins
PACKET_S = 0.025  # a packet of 1024 samples, and some delay of a coder


@pytest.fixture(scope="module")
def flashes(tmp_path_factory):
    """Five seconds of black and silence; from FLASH_S on white and a tone, in AAC (MP4), Opus (WebM) and FLAC (MKV)."""
    folder, made = tmp_path_factory.mktemp("flashes"), {}
    for name, video, audio in (
        ("a.mp4", "libx264", "aac"), ("a.webm", "libvpx-vp9", "libopus"), ("a.mkv", "libx264", "flac"),
    ):  # fmt: skip
        made[name] = folder / name
        write_flash(made[name], video, audio)
    return made


def write_flash(path, video, audio):
    fast = {"cpu-used": "8", "deadline": "realtime"} if video == "libvpx-vp9" else {"preset": "ultrafast"}
    with av.open(str(path), "w") as container:
        picture = container.add_stream(video, rate=25, options={"g": "25", **fast})
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream(audio, rate=RATE, layout="mono")
        resampler = av.AudioResampler(
            track.codec_context.format, "mono", RATE, frame_size=track.codec_context.frame_size
        )
        for i in range(125):
            rgb = np.full((48, 64, 3), 255 if i / 25 >= FLASH_S else 0, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(picture.encode(frame))
            at = i / 25 + np.arange(RATE // 25) / RATE
            wave = np.where(at >= FLASH_S, 12_000 * np.sin(2 * np.pi * 1000 * at), 0).astype(np.int16)
            sound = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = RATE, i * RATE // 25, Fraction(1, RATE)
            for piece in resampler.resample(sound):
                container.mux(track.encode(piece))
        for piece in resampler.resample(None):
            container.mux(track.encode(piece))
        container.mux(picture.encode(None))
        container.mux(track.encode(None))


def cut(source, out, clip):
    """Write a part of a file frame by frame, as a film is written."""
    with (
        VideoReader(source, clip) as reader,
        Sound(source, clip) as sound,
        open_recording(out, reader.rate, sound=sound) as written,
    ):
        for frame in reader:
            written.write(AvatarFrame(frame.rgb, frame.captured))
    return out


def onsets(path):
    """When the picture turns white, when the tone begins, when each of them ends; seconds as players count them."""
    with av.open(str(path)) as container:
        white = [frame.time for frame in container.decode(video=0) if frame.to_ndarray(format="gray").mean() > 128]
    with av.open(str(path)) as container:
        loud, end = [], 0.0
        for frame in container.decode(audio=0):
            wave = np.abs(frame.to_ndarray().astype(float).mean(0) if frame.format.is_planar else frame.to_ndarray()[0])
            if frame.format.name.startswith("s"):
                wave = wave / 32768
            loud += [frame.time + i / frame.sample_rate for i in np.flatnonzero(wave > 0.1)[:1]]
            end = frame.time + frame.samples / frame.sample_rate
    return white[0], loud[0], white[-1] + 0.04, end


@pytest.mark.parametrize(
    ("source", "out"), [("a.mp4", "b.mp4"), ("a.webm", "b.webm"), ("a.mp4", "b.webm"), ("a.mkv", "b.mp4")]
)
@pytest.mark.parametrize("clip", [(2.51, 4.0), (2.51, None), (0.0, 4.0)])
def test_sound_of_a_part_stays_with_its_pictures(flashes, tmp_path, source, out, clip):
    white, loud, last, end = onsets(cut(flashes[source], tmp_path / out, ClipRange(*clip)))
    assert white == pytest.approx(FLASH_S - clip[0], abs=0.002)
    assert loud == pytest.approx(white, abs=PACKET_S)
    assert last == pytest.approx((clip[1] or 5.0) - clip[0], abs=0.04)
    assert end == pytest.approx(last, abs=0.09)  # whole packets of up to 85 ms


def test_sound_is_read_as_far_as_the_frames_are(flashes):
    """However long the film is, no more than one packet waits."""

    class Container:
        written = 0

        def add_stream_from_template(self, template):
            return template

        def mux(self, packet):
            self.written += 1

    container = Container()
    with Sound(flashes["a.mp4"]) as sound:
        taken = []
        demux = sound._selected
        sound._selected = lambda: (taken.append(0) or packet for packet in demux())
        sound.start(container, frozenset({"aac"}), "aac")
        for i in range(125):
            sound.write(container, i / 25)
            assert len(taken) <= container.written + 1 and container.written <= i / 25 * RATE / 1024 + 2
        sound.write(container, None)
        assert container.written >= 5 * RATE // 1024
