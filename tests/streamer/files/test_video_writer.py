"""Writing videos: what is read back, and no incomplete file under the final name."""

import contextlib
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamer.files.output_claim import OutputClaim
from streamer.files.sound import Sound
from streamer.files.video_reader import VideoError
from streamer.files.video_writer import check_output, open_recording
from streamer.frames import AvatarFrame
from tests.support.clips import TIMES, grey_frames, make_video

RATE = Fraction(25)


def drawn(alpha=False, height=48, width=64):
    """Premultiplied frames, as the compositor draws them; with alpha the right half is transparent."""
    for rgb, at in zip(grey_frames(height=height, width=width), TIMES, strict=True):
        mask = None
        if alpha:
            mask = np.full(rgb.shape[:2], 255, np.uint8)
            mask[:, width // 2 :] = 0
            rgb[:, width // 2 :] = 0
        yield AvatarFrame(rgb, at / 1000, mask)


def write(path, alpha=False, sound=None, **size):
    with contextlib.ExitStack() as stack:
        track = None if sound is None else stack.enter_context(Sound(sound))
        out = stack.enter_context(open_recording(path, RATE, alpha, track))
        for frame in drawn(alpha, **size):
            out.write(frame)


def read(path, pixels="rgb24", decoder=None):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return [(frame.time, frame.to_ndarray(format=pixels)) for frame in container.decode(stream)]
        context = av.CodecContext.create(decoder, "r")
        context.extradata = stream.codec_context.extradata
        frames = [
            frame for packet in container.demux(stream) for frame in context.decode(packet if packet.size else None)
        ]
        return [(frame.time, frame.to_ndarray(format=pixels)) for frame in frames]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm", "UPPER.MP4"])
def test_recording_is_read_back_with_its_timestamps(tmp_path, name):
    write(tmp_path / name)
    frames = read(tmp_path / name)
    assert [round(at * 1000) for at, _ in frames] == TIMES
    for i, (_, rgb) in enumerate(frames):
        assert np.abs(rgb[24:, 24:].astype(int) - (20 + 25 * i)).mean() < 3
        assert rgb[4, 4, 0] > 200 and rgb[4, 4, 1] < 50
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "decoder"), [("a.mov", None), ("a.webm", "libvpx-vp9")])
def test_recording_keeps_alpha_with_straight_colours(tmp_path, name, decoder):
    write(tmp_path / name, alpha=True)
    frames = read(tmp_path / name, "rgba", decoder)
    assert len(frames) == len(TIMES)
    for i, (_, rgba) in enumerate(frames):
        assert rgba[:, :28, 3].min() > 250 and rgba[:, 36:, 3].max() < 5
        assert np.abs(rgba[24:, :24, :3].astype(int) - (20 + 25 * i)).mean() < 4


def test_png_folder_keeps_colours_at_half_alpha(tmp_path):
    half = AvatarFrame(np.full((8, 8, 3), 50, np.uint8), 0.0, np.full((8, 8), 128, np.uint8))
    with open_recording(tmp_path / "pictures", RATE, alpha=True) as out:
        out.write(half)
        out.write(half)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["000000.png", "000001.png"]
    pixel = cv2.imread(str(tmp_path / "pictures" / "000000.png"), cv2.IMREAD_UNCHANGED)[3, 3]
    np.testing.assert_allclose(pixel, [100, 100, 100, 128], atol=1)


def test_recording_pads_odd_sizes(tmp_path):
    write(tmp_path / "a.mp4", height=47, width=63)
    assert read(tmp_path / "a.mp4")[0][1].shape == (48, 64, 3)
    write(tmp_path / "pictures", height=47, width=63)
    assert cv2.imread(str(tmp_path / "pictures" / "000000.png")).shape == (47, 63, 3)


@pytest.mark.parametrize(
    ("source", "name", "codec"),
    [("aac", "a.mp4", "aac"), ("libopus", "a.webm", "opus"), ("aac", "a.webm", "opus"), ("flac", "a.mp4", "aac")],
)
def test_recording_keeps_the_sound(tmp_path, source, name, codec):
    driver = make_video(tmp_path / "driver.mkv", grey_frames(), sound=source)
    write(tmp_path / name, sound=driver)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.audio[0].codec_context.name == codec
        frames = list(container.decode(container.streams.audio[0]))
    wave = np.concatenate([frame.to_ndarray().reshape(-1, frame.samples)[0] for frame in frames]).astype(float)
    seconds = len(wave) / frames[0].sample_rate
    assert 0.35 < seconds < 0.5 and abs(frames[0].time) < 0.03
    peak = np.abs(np.fft.rfft(wave)).argmax() / seconds
    assert peak == pytest.approx(440, abs=10)


def test_recording_takes_names_with_colons_for_files(tmp_path):
    source = make_video(tmp_path / "clip:1.mp4", grey_frames(), sound="aac")
    write(tmp_path / "out:1.mp4", sound=source)
    with av.open(f"file:{tmp_path / 'out:1.mp4'}") as container:
        assert len(list(container.decode(container.streams.video[0]))) == len(TIMES) and container.streams.audio


def test_recording_of_a_silent_driver_has_no_sound(tmp_path):
    driver = make_video(tmp_path / "driver.mp4", grey_frames())
    write(tmp_path / "a.mp4", sound=driver)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mov", "pictures"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_recording_interrupted_leaves_no_file(tmp_path, name, error):
    with pytest.raises(error), open_recording(tmp_path / name, RATE) as out:
        frames = drawn()
        out.write(next(frames))
        assert not (tmp_path / name).exists()
        raise error
    assert list(tmp_path.iterdir()) == []


def test_recording_failed_keeps_the_previous_file(tmp_path):
    write(tmp_path / "a.mp4")
    before = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(RuntimeError), open_recording(tmp_path / "a.mp4", RATE, replace=True) as out:
        out.write(next(drawn()))
        raise RuntimeError
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_recording_replaces_the_partial_folder_of_a_killed_run(tmp_path):
    (tmp_path / "pictures.part").mkdir()
    (tmp_path / "pictures.part" / "000099.png").touch()
    write(tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").iterdir())) == len(TIMES)
    assert not (tmp_path / "pictures.part").exists()


@pytest.mark.parametrize("name", ["a.mp4", "pictures"])
def test_a_second_run_is_refused_while_the_first_writes_and_leaves_its_result_alone(tmp_path, name):
    out = tmp_path / name
    frames = drawn()
    with open_recording(out, RATE) as first:
        first.write(next(frames))
        for replace in (False, True):
            assert sentence(out, replace=replace) == (
                f"{out} is being written by another run: wait for it, or choose another --out."
            )
        for frame in frames:
            first.write(frame)
    assert len(list(out.iterdir()) if out.is_dir() else read(out)) == len(TIMES)
    assert sentence(out).startswith(f"{out} exists already:")
    assert list(tmp_path.iterdir()) == [out]


def test_the_claim_of_a_process_that_was_killed_ends_with_it(tmp_path):
    """The killed process has written part of a film, which the next run takes over."""
    program = (
        "import os, signal, sys; from pathlib import Path; from streamer.files.output_claim import OutputClaim\n"
        "claim = OutputClaim(Path(sys.argv[1]), False); claim.part.write_text('half')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.mp4")], check=False)
    assert done.returncode == -signal.SIGKILL and [path.name for path in tmp_path.iterdir()] == ["a.mp4.part"]
    write(tmp_path / "a.mp4")
    assert len(read(tmp_path / "a.mp4")) == len(TIMES) and [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_claim_is_not_of_a_file_that_was_renamed_to_the_result_meanwhile(tmp_path, monkeypatch):
    """The first run finishes between the moment at which the second one opens the file and the one of its lock."""
    fcntl = pytest.importorskip("fcntl", reason="no locks of files here")
    out = tmp_path / "a.mp4"
    first = OutputClaim(out, False)
    first.part.write_text("the first film")
    lock = fcntl.flock

    def finish_first(*given):
        monkeypatch.setattr(fcntl, "flock", lock)
        first.publish()
        lock(*given)

    monkeypatch.setattr(fcntl, "flock", finish_first)
    second = OutputClaim(out, False)
    second.discard()
    assert out.read_text() == "the first film" and list(tmp_path.iterdir()) == [out]


def test_crf_makes_files_smaller(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (8, 96, 96, 3), np.uint8)
    for name, values in {"a.mp4": (10, 40, 51), "a.mov": (0, 30, 51), "a.webm": (10, 50, 63)}.items():
        sizes = []
        for crf in values:
            with open_recording(tmp_path / name, RATE, crf=crf, replace=True) as out:
                for i, rgb in enumerate(noise):
                    out.write(AvatarFrame(rgb, i / 25))
            sizes.append((tmp_path / name).stat().st_size)
        assert sizes[0] > sizes[1] > sizes[2]


def test_what_exists_is_replaced_only_when_asked_and_only_if_an_earlier_run_made_it(tmp_path):
    write(tmp_path / "a.mp4")
    write(tmp_path / "pictures")
    for name in ("a.mp4", "pictures"):
        assert sentence(tmp_path / name) == (
            f"{tmp_path / name} exists already: give --force to replace it, or choose another --out."
        )
        check_output(tmp_path / name, replace=True)
        with open_recording(tmp_path / name, RATE, replace=True) as out:
            out.write(next(drawn()))
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["000000.png"]
    assert len(read(tmp_path / "a.mp4")) == 1
    (tmp_path / "pictures" / "mine.txt").touch()
    assert sentence(tmp_path / "pictures", replace=True) == (
        f"{tmp_path / 'pictures'} holds more than pictures of an earlier run: choose another --out."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "pictures"]


def sentence(path, alpha=False, **more):
    with pytest.raises(VideoError) as caught:
        check_output(path, alpha, **more)
    return str(caught.value)


def test_recording_raises_one_sentence_for_each_unusable_path(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "folder.mp4").mkdir()
    gone = tmp_path / "gone"
    assert sentence(tmp_path / "a.avi") == (
        "a.avi does not end in .mp4, .webm or .mov: use one of these, or a folder for PNGs."
    )
    assert sentence(tmp_path / "a.mp4", alpha=True) == (
        "MP4 cannot hold transparency: let --out end in .webm or .mov, or name a folder for PNGs."
    )
    assert sentence(tmp_path / "a.mp4", crf=52) == "--crf is 52; H.264 takes 0 (best) to 51 (smallest)."
    assert sentence(tmp_path / "a.mov", alpha=True, crf=20) == (
        "ProRes 4444 has no --crf: leave it out, or let --out end in .webm."
    )
    assert sentence(tmp_path / "new", crf=20) == (
        "PNGs lose nothing and have no --crf: leave it out, or let --out end in .mp4 or .webm."
    )
    assert sentence(gone / "a.mp4") == f"There is no folder {gone}: make it first or choose another --out."
    assert sentence(tmp_path / "folder.mp4") == f"{tmp_path / 'folder.mp4'} is a folder: choose another --out."
    assert sentence(tmp_path / "full") == (
        f"{tmp_path / 'full'} exists already: give --force to replace it, or choose another --out."
    )
    assert sentence(Path("/proc/a.mp4")).startswith("/proc/a.mp4 cannot be written (")
    assert (tmp_path / "full" / "mine.txt").exists()


def test_recording_on_a_full_disk_raises_one_sentence_and_leaves_no_file(tmp_path, monkeypatch):
    def fill_up():
        frames = drawn()
        with open_recording(tmp_path / "pictures", RATE) as out:
            out.write(next(frames))
            monkeypatch.setattr(Path, "write_bytes", full_disk)
            out.write(next(frames))

    with pytest.raises(VideoError, match=r"cannot be written \(No space left on device\)"):
        fill_up()
    assert list(tmp_path.iterdir()) == []


def full_disk(path, data):
    raise OSError(28, "No space left on device")
