"""Writes drawn frames to a video file or a folder of PNGs; an incomplete result never has the final name."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from streamer.files.output_claim import OutputClaim
from streamer.files.sound import Sound
from streamer.files.straight_alpha import straight_rgba
from streamer.files.video_reader import VideoError, local_file, reason
from streamer.frames import AvatarFrame, Image

TIME_BASE = Fraction(1, 90_000)  # seconds; fine enough for the frame times of any camera
MAX_CRF = 63  # of VP9, the largest of all codecs
_PICTURE = re.compile(r"[0-9]{6,}\.png")  # the files of a folder of PNGs


class SoundTrack(Protocol):
    """The sound of a recording: `Sound`, that of a file, or `LiveSound`."""

    def start(self, container: Any, copied: frozenset[str], codec: str) -> None:
        """Add the track to a container before its first packet. copied: codecs to copy. codec: for all others."""

    def write(self, container: Any, until: float | None) -> None:
        """Write the packets up to `until` seconds, None: all that are left."""


class Recording(ABC):
    """Receives drawn frames in order; `finish` gives the result its final name. As a context it finishes at the end of
    the block, and is abandoned on any error or Ctrl-C.
    """

    @abstractmethod
    def write(self, frame: AvatarFrame) -> None:
        """Append a frame, shown at `frame.captured` seconds. All frames have the same size. Raises VideoError."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the file and rename it to the final name. Raises VideoError."""

    @abstractmethod
    def abandon(self) -> None:
        """Delete what was written; does nothing after `finish`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.abandon()


@dataclass(frozen=True, slots=True)
class _Format:
    """A container format and its codecs, by FFmpeg's names.

    name: of the codec, for people. max_crf: None where the codec has none. sound: audio codecs that the container
    copies; others are re-encoded with `sound_encoder`. muxer_options: of the container. threads: of the video codec;
    0: as many as it likes.
    """

    muxer: str
    codec: str
    name: str
    pixels: str
    options: dict[str, str]
    max_crf: int | None
    sound: frozenset[str]
    sound_encoder: str
    muxer_options: dict[str, str] = field(default_factory=dict)
    threads: int = 0

    @property
    def alpha(self) -> bool:
        return self.pixels.startswith("yuva")


_MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_WEBM_SOUND = frozenset({"opus", "vorbis"})
_H264 = {"crf": "16", "preset": "medium"}
_VP9 = {"crf": "20", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"}
_PRORES = {"profile": "4444"}
_FORMATS = {
    (".mp4", False): _Format("mp4", "libx264", "H.264", "yuv420p", _H264, 51, _MP4_SOUND, "aac"),
    (".mov", False): _Format("mov", "libx264", "H.264", "yuv420p", _H264, 51, _MP4_SOUND, "aac"),
    (".mov", True): _Format("mov", "prores_ks", "ProRes 4444", "yuva444p10le", _PRORES, None, _MP4_SOUND, "aac"),
    (".webm", False): _Format("webm", "libvpx-vp9", "VP9", "yuv420p", _VP9, MAX_CRF, _WEBM_SOUND, "libopus"),
    (".webm", True): _Format("webm", "libvpx-vp9", "VP9", "yuva420p", _VP9, MAX_CRF, _WEBM_SOUND, "libopus"),
}
# Of what is live, which is written where it ends up, in parts of a second that are readable each without what follows.
_LIVE_H264 = {"crf": "20", "preset": "veryfast", "g": "60", "bf": "0"}  # B-frames would shift the parts' times
_LIVE_VP9 = {"crf": "24", "deadline": "realtime", "cpu-used": "8", "row-mt": "1", "auto-alt-ref": "0", "g": "60"}
# FFmpeg rewrites the beginning when the file is complete, so that it is then a plain MP4, which every program reads.
_LIVE_MP4 = {"movflags": "hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"}
_LIVE_WEBM = {"cluster_time_limit": "1000", "flush_packets": "1"}
_LIVE_FORMATS = {
    False: _Format("mp4", "libx264", "H.264", "yuv420p", _LIVE_H264, 51, frozenset(), "aac", _LIVE_MP4, 2),
    True: _Format("webm", "libvpx-vp9", "VP9", "yuva420p", _LIVE_VP9, 63, frozenset(), "libopus", _LIVE_WEBM, 2),
}


def check_format(path: Path, alpha: bool = False, crf: int | None = None) -> None:
    """Find out whether the file extension can hold what is wanted. Arguments and errors as `open_recording`."""
    _format_of(path, alpha, crf)


def check_output(path: Path, alpha: bool = False, crf: int | None = None, replace: bool = False) -> None:
    """Find out whether a recording can be made, before there is a frame. Arguments and errors as `open_recording`."""
    open_recording(path, Fraction(25), alpha, crf=crf, replace=replace).abandon()


def open_recording(
    path: Path,
    rate: Fraction,
    alpha: bool = False,
    sound: Sound | None = None,
    crf: int | None = None,
    replace: bool = False,
) -> Recording:
    """A recording chosen by the file extension: .mp4 (H.264), .webm (VP9), .mov (H.264; ProRes 4444 with alpha), none
    for a folder of PNGs.

    rate: frames per second. alpha: keep transparency. sound: the audio track to keep, open until the recording is
    finished. crf: constant rate factor of H.264 (0 to 51) or VP9 (0 to 63), smaller is better and larger; None: 16 and
    20. replace: whether an earlier result under this path gives way, when the new one is complete.

    Raises VideoError for another extension, for one that cannot hold alpha or has no crf, if there is something under
    the path that may not be replaced, if another run is writing it, or if it cannot be written.
    """
    form = _format_of(path, alpha, crf)
    claim = _claim(path, form is None)
    try:
        _check_free(path, form is None, replace)
        return _Folder(path, claim, alpha) if form is None else _File(path, claim, form, rate, sound, crf)
    except BaseException:
        claim.discard()
        raise


def live_suffix(alpha: bool) -> str:
    """The file extension of `open_live_recording`."""
    return ".webm" if alpha else ".mp4"


def open_live_recording(path: Path, rate: Fraction, alpha: bool, sound: SoundTrack) -> Recording:
    """A recording of what is live: MP4 (H.264, AAC), or with alpha WebM (VP9, Opus), coded fast.

    It has its name from the beginning, and what was written until a second ago is playable if the process is killed;
    `abandon` keeps that, too. Arguments as `open_recording`. Raises VideoError, also where the path exists.
    """
    try:
        path.touch(exist_ok=False)
    except OSError as error:
        raise _unwritable(path, error) from error
    return _File(path, _InPlace(path), _LIVE_FORMATS[alpha], rate, sound, None)


def _format_of(path: Path, alpha: bool, crf: int | None) -> _Format | None:
    """The format of a file; None for a folder of PNGs."""
    suffix = path.suffix.lower()
    if not suffix:
        if crf is not None:
            raise VideoError("PNGs lose nothing and have no --crf: leave it out, or let --out end in .mp4 or .webm.")
        return None
    if (suffix, alpha) not in _FORMATS:
        if suffix == ".mp4":
            raise VideoError("MP4 cannot hold transparency: let --out end in .webm or .mov, or name a folder for PNGs.")
        raise VideoError(f"{path.name} does not end in .mp4, .webm or .mov: use one of these, or a folder for PNGs.")
    form = _FORMATS[suffix, alpha]
    if crf is not None and form.max_crf is None:
        raise VideoError(f"{form.name} has no --crf: leave it out, or let --out end in .webm.")
    if crf is not None and form.max_crf is not None and not 0 <= crf <= form.max_crf:
        raise VideoError(f"--crf is {crf}; {form.name} takes 0 (best) to {form.max_crf} (smallest).")
    return form


class _InPlace:
    """In place of an `OutputClaim`: a file that has its name from the beginning and keeps it."""

    def __init__(self, path: Path) -> None:
        self.part = path

    def publish(self) -> None:
        pass

    def discard(self) -> None:
        pass


class _File(Recording):
    """A video file."""

    def __init__(
        self,
        path: Path,
        claim: OutputClaim | _InPlace,
        form: _Format,
        rate: Fraction,
        sound: SoundTrack | None,
        crf: int | None,
    ) -> None:
        self._path, self._claim, self._form, self._rate = path, claim, form, rate
        self._options = form.options if crf is None else form.options | {"crf": str(crf)}
        try:
            self._container: Any = av.open(local_file(claim.part), "w", format=form.muxer, options=form.muxer_options)
        except (OSError, FFmpegError) as error:
            raise _unwritable(path, error) from error
        self._stream: Any = None
        self._sound = sound
        self._reformatter = VideoReformatter()

    def write(self, frame: AvatarFrame) -> None:
        picture = _even(_pixels(frame, self._form.alpha))
        try:
            if self._stream is None:
                self._stream = self._start(*picture.shape[:2])
            if self._sound is not None:
                self._sound.write(self._container, frame.captured)
            self._container.mux(self._stream.encode(self._video_frame(picture, frame.captured)))
        except (OSError, FFmpegError) as error:
            raise _unwritable(self._path, error) from error

    def finish(self) -> None:
        try:
            if self._stream is not None:
                if self._sound is not None:
                    self._sound.write(self._container, None)
                self._container.mux(self._stream.encode(None))
            self._container.close()
            self._claim.publish()
        except (OSError, FFmpegError) as error:
            raise _unwritable(self._path, error) from error

    def abandon(self) -> None:
        with contextlib.suppress(OSError, FFmpegError):  # a full disk fails again when the file is closed
            self._container.close()
        self._claim.discard()

    def _start(self, height: int, width: int) -> Any:
        stream = self._container.add_stream(self._form.codec, rate=self._rate, options=self._options)
        stream.width, stream.height, stream.pix_fmt = width, height, self._form.pixels
        context = stream.codec_context
        context.thread_count = self._form.threads
        context.time_base, context.bit_rate = TIME_BASE, 0  # the quality is set by crf alone
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1  # BT.709, written explicitly because players guess otherwise
        if self._sound is not None:
            self._sound.start(self._container, self._form.sound, self._form.sound_encoder)
        return stream

    def _video_frame(self, picture: Image, seconds: float) -> av.VideoFrame:
        raw = av.VideoFrame.from_ndarray(picture, format="rgba" if self._form.alpha else "rgb24")
        frame = self._reformatter.reformat(raw, format=self._form.pixels, dst_colorspace=Colorspace.ITU709)
        frame.time_base, frame.pts = TIME_BASE, round(seconds / TIME_BASE)
        return frame


class _Folder(Recording):
    """A folder of 000000.png, 000001.png and so on."""

    def __init__(self, path: Path, claim: OutputClaim, alpha: bool) -> None:
        self._path, self._claim, self._alpha = path, claim, alpha
        self._count = 0

    def write(self, frame: AvatarFrame) -> None:
        picture = _pixels(frame, self._alpha)
        order = cv2.COLOR_RGBA2BGRA if self._alpha else cv2.COLOR_RGB2BGR
        data = cv2.imencode(".png", cv2.cvtColor(picture, order))[1]
        try:
            (self._claim.part / f"{self._count:06}.png").write_bytes(data.tobytes())
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._count += 1

    def finish(self) -> None:
        try:
            self._claim.publish()
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def abandon(self) -> None:
        self._claim.discard()


def _claim(path: Path, is_folder: bool) -> OutputClaim:
    """Keep a result for this run."""
    if not path.parent.is_dir():
        raise VideoError(f"There is no folder {path.parent}: make it first or choose another --out.")
    try:
        return OutputClaim(path, is_folder)
    except BlockingIOError as error:
        raise VideoError(f"{path} is being written by another run: wait for it, or choose another --out.") from error
    except OSError as error:
        raise _unwritable(path, error) from error


def _check_free(path: Path, is_folder: bool, replace: bool) -> None:
    """Find out whether what there is under a path gives way."""
    is_there = any(path.iterdir()) if is_folder and path.is_dir() else path.exists()
    if path.is_dir() and not is_folder:
        raise VideoError(f"{path} is a folder: choose another --out.")
    if is_there and not replace:
        raise VideoError(f"{path} exists already: give --force to replace it, or choose another --out.")
    if is_there and is_folder and not (path.is_dir() and all(_PICTURE.fullmatch(one.name) for one in path.iterdir())):
        raise VideoError(f"{path} holds more than pictures of an earlier run: choose another --out.")


def _unwritable(path: Path, error: Exception) -> VideoError:
    return VideoError(f"{path} cannot be written ({reason(error)}): free some space or choose another --out.")


def _pixels(frame: AvatarFrame, alpha: bool) -> Image:
    """The frame as RGB (H, W, 3), or as RGBA (H, W, 4) if `alpha`, opaque if the frame has none.

    Frames are premultiplied (drawn over black); PNG, ProRes and VP9 store straight colours.
    """
    if not alpha or frame.alpha is None:
        return np.dstack([frame.rgb, np.full(frame.rgb.shape[:2], 255, np.uint8)]) if alpha else frame.rgb
    return straight_rgba(frame.rgb, frame.alpha)


def _even(picture: Image) -> Image:
    """Repeat an odd last row or column, because subsampled chroma needs even sizes."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)
