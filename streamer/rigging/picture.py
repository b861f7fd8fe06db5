"""Loads the picture of the character from a file or an upload: checked before it is decoded, upright, RGBA."""

from __future__ import annotations

import io
import logging
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from streamer.errors import KagamiError
from streamer.frames import Image

MAX_BYTES = 64 * 2**20  # of the file
MAX_PIXELS = 80_000_000  # below Pillow's own limit for a warning
MAX_DECODE_BYTES = 256e6  # memory that decoding and scaling one picture may take; it sets a lower limit of pixels
# Bytes for a pixel of the file at the peak of decoding and scaling, measured at 79 million pixels, by format and mode.
# WebP: libwebp's animation decoder holds two canvases and Pillow makes two copies. PNG with alpha or a palette: the
# decoded pixels and a copy that is converted for scaling.
_WEBP_BYTES = 17.0
_PNG_BYTES = {"1": 2.0, "L": 2.0, "RGB": 6.0, "P": 11.0, "LA": 10.0, "RGBA": 10.0}
_PNG_OTHER_BYTES = 9.0
_JPEG_PIXEL_BYTES = 5.0
_JPEG_COEFFICIENT_BYTES = 2.0  # of each sample, which a progressive JPEG keeps until its last scan
MAX_SIDE = 2048  # pixels that are kept: four times the canvas of 512; more only costs memory
MIN_SIDE = 64  # pixels

_PICTURE_FORMATS = ("PNG", "JPEG", "WEBP")
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error)
_log = logging.getLogger(__name__)


class PictureError(KagamiError):
    """The picture cannot be used; the message names the reason and the remedy."""

    code = "picture"


@dataclass(frozen=True, slots=True)
class Picture:
    """A still picture in memory.

    rgba: (H, W, 4) uint8, sRGB, straight alpha, longest side at most MAX_SIDE. name: for messages, never used as a
    path. scale: pixels of `rgba` for one pixel of the upright original, for hand-placed points; at most 1.
    """

    rgba: Image
    name: str
    scale: float = 1.0


def load_picture(source: Path | bytes) -> Picture:
    """Read a PNG, JPEG or WebP from the user's own disk (Path) or from a peer (bytes; touches no file).

    Sizes are checked from the header before any pixel is decoded. EXIF orientation is applied, colours are brought to
    8-bit sRGB, alpha is kept (opaque where the file has none), and a picture longer than MAX_SIDE is scaled down.

    Raises PictureError for whatever is not one still, whole, readable picture of at least MIN_SIDE x MIN_SIDE.
    """
    if isinstance(source, bytes):
        subject, name, data = "The uploaded picture", "uploaded picture", source
    else:
        subject, name, data = f"The picture {source}", source.name, _read(source)
    if not data:
        raise PictureError(f"{subject} is empty (0 bytes): save it again.")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{subject} is larger than {MAX_BYTES >> 20} MB: save it smaller.")
    with _open(subject, data) as image:
        _check_size_and_frames(subject, image)
        longest = max(image.size)
        try:
            rgba = _to_rgba(image)
        except _DECODE_ERRORS as error:
            raise PictureError(f"{subject} is damaged or cut short: save or download it again.") from error
    if not rgba[..., 3].any():
        raise PictureError(f"{subject} is transparent everywhere: use one that shows a character.")
    return Picture(rgba, name, max(rgba.shape[:2]) / longest)


def _read(path: Path) -> bytes:
    """At most MAX_BYTES + 1 bytes of a regular file, so that a device or a growing file cannot fill the memory."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{path} is a directory: give the path of a PNG, JPEG or WebP picture.")
        if not stat.S_ISREG(mode):
            raise PictureError(f"{path} is not a regular file: give the path of a PNG, JPEG or WebP picture.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PictureError(f"There is no picture at {path}: check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise PictureError(
            f"The picture {path} cannot be read ({reason}): check the path and its permissions."
        ) from error


def _open(subject: str, data: bytes) -> Pillow.Image:
    """Parse the header only. Raises PictureError for another format or for too many pixels."""
    try:
        return Pillow.open(io.BytesIO(data), formats=_PICTURE_FORMATS)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise PictureError(_too_many_pixels(subject)) from error
    except _DECODE_ERRORS as error:
        if _has_known_magic(data):
            raise PictureError(f"{subject} is damaged or cut short: save or download it again.") from error
        raise PictureError(f"{subject} is not a PNG, JPEG or WebP image: convert it to one of these.") from error


def _has_known_magic(data: bytes) -> bool:
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def _too_many_pixels(subject: str, limit: float = MAX_PIXELS) -> str:
    return f"{subject} has more than {int(limit / 1e6)} million pixels: scale it down."


def _decode_bytes(image: Pillow.Image) -> float:
    """Bytes for a pixel that decoding the picture takes at most, from its header."""
    if image.format == "WEBP":
        return _WEBP_BYTES
    if image.format == "PNG":
        transparent = "transparency" in image.info and image.mode in ("L", "RGB")  # converted to RGBA
        return _PNG_BYTES["RGBA"] if transparent else _PNG_BYTES.get(image.mode, _PNG_OTHER_BYTES)
    layers = getattr(image, "layer", [])  # of a JPEG: name, horizontal and vertical sampling, table
    widest, highest = (max((layer[axis] for layer in layers), default=1) for axis in (1, 2))
    samples = sum(layer[1] * layer[2] for layer in layers) / (widest * highest) if layers else 4
    scale = max(factor for factor in (1, 2, 4, 8) if factor == 1 or factor * MAX_SIDE <= min(image.size))  # see `draft`
    return _JPEG_COEFFICIENT_BYTES * samples + _JPEG_PIXEL_BYTES / scale**2


def _check_size_and_frames(subject: str, image: Pillow.Image) -> None:
    width, height = image.size
    limit = min(MAX_PIXELS, MAX_DECODE_BYTES / _decode_bytes(image))
    if width * height > limit:
        raise PictureError(_too_many_pixels(subject, limit))
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"{subject} has only {width} x {height} pixels: use one of at least {MIN_SIDE} x {MIN_SIDE}."
        )
    shrink = min(1.0, MAX_SIDE / max(width, height))
    if round(min(width, height) * shrink) < MIN_SIDE:
        left = f"{round(width * shrink)} x {round(height * shrink)}"
        raise PictureError(
            f"{subject} has {width} x {height} pixels, of which only {left} are left when it is scaled: "
            "cut it to the character."
        )
    # An MPO file (JPEG of several pictures, as phones store depth and previews) is a still: its first picture counts.
    if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise PictureError(f"{subject} is animated: save one frame of it as a still image.")


def _to_rgba(image: Pillow.Image) -> Image:
    """Decode to (H, W, 4) uint8. Raises one of _DECODE_ERRORS when the data do not match the header."""
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (MAX_SIDE, MAX_SIDE))  # lets the JPEG decoder scale down while decoding
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's convert would clip to white
        grey = np.asarray(image)
        info = image.info
        image = Pillow.fromarray((np.clip(grey, 0, 65535) >> 8).astype(np.uint8))
        image.info, profile = info, None
    has_transparent_colour = "transparency" in image.info and image.mode in ("L", "RGB")
    if has_transparent_colour or image.mode in ("P", "PA", "1", "La", "RGBa"):
        image = image.convert("RGBA")  # scaling cannot mix palette indices and drops the transparent colour
    if max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    image = _upright(image)  # after the scaling, because it makes a copy
    if profile:
        image = _to_srgb(image, profile)
    return np.array(image.convert("RGBA"))


def _upright(image: Pillow.Image) -> Pillow.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DECODE_ERRORS:
        _log.debug("unreadable EXIF data ignored", exc_info=True)  # the picture is usable without it
        return image


def _to_srgb(image: Pillow.Image, profile: bytes) -> Pillow.Image:
    """Convert an embedded ICC profile's colours to sRGB; a profile that is broken or not RGB or grey is ignored."""
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert({"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *_DECODE_ERRORS):
        _log.debug("unusable colour profile ignored", exc_info=True)
        return image
    if converted is None:
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
