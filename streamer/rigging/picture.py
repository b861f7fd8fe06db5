"""Loads the picture of the character from a file or an upload: checked before it is decoded, upright, RGBA."""

from __future__ import annotations

import io
import logging
import math
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.options import PICTURE_FORMATS
from streamer.rigging.picture_formats import DAMAGE, decode_bytes, is_known, jpeg_decode_bytes, jpeg_scale, open_picture

MAX_BYTES = 64 * 2**20  # of the file
MAX_PIXELS = 80_000_000  # below Pillow's own limit for a warning
MAX_DECODE_BYTES = 256e6  # memory that decoding and scaling one picture may take; it sets a lower limit of pixels
MAX_SIDE = 2048  # pixels that are kept: four times the canvas of 512; more only costs memory
MIN_SIDE = 64  # pixels
MAX_DETAIL_PIXELS = 20_000_000  # of a picture in which small people are searched; its copies fit in MAX_DECODE_BYTES

_log = logging.getLogger(__name__)


class PictureError(KagamiError):
    """The picture cannot be used; the message names the reason and the remedy."""

    code = "picture"


@dataclass(frozen=True, slots=True)
class Picture:
    """A still picture in memory, or a part of one.

    rgba: (H, W, 4) uint8, sRGB, straight alpha, longest side at most MAX_SIDE.
    name: for messages, never used as a path.
    scale: pixels of `rgba` for one pixel of the upright original; at most 1.
    notes: sentences for the user.
    file: the encoded picture where it has more pixels than `rgba`; empty otherwise.
    turns: quarter turns counter-clockwise from the upright original, as its EXIF data say, to what `rgba` is a part of.
    left, top: pixels of that which are cut off.
    """

    rgba: Image
    name: str
    scale: float = 1.0
    notes: tuple[str, ...] = ()
    file: bytes = b""
    turns: int = 0
    left: float = 0.0
    top: float = 0.0

    def turned(self, turns: int) -> Picture:
        """The same whole picture turned by so many further quarters counter-clockwise."""
        assert not self.left and not self.top
        if not turns:
            return self
        rgba = np.ascontiguousarray(np.rot90(self.rgba, turns))
        return replace(self, rgba=rgba, turns=(self.turns + turns) % 4)


def original_size(picture: Picture) -> tuple[float, float]:
    """Width and height of the upright original of a whole picture, pixels."""
    height, width = picture.rgba.shape[:2]
    return width / picture.scale, height / picture.scale


def turned_place(at: tuple[float, float], turns: int, width: float, height: float) -> tuple[float, float]:
    """Where a pixel of a picture of width × height lies after so many quarter turns counter-clockwise."""
    x, y = at
    return [(x, y), (y, width - 1 - x), (width - 1 - x, height - 1 - y), (height - 1 - y, x)][turns]


def load_picture(source: Path | bytes, name: str = "") -> Picture:
    """Read a picture of `PICTURE_FORMATS` from the user's own disk (Path) or from a peer (bytes; touches no file).

    name: of bytes, for messages. The content decides about the format. Sizes are checked from the header before any
    pixel is decoded. EXIF orientation is applied, colours are brought to 8-bit sRGB, alpha is kept (opaque where the
    file has none), and a picture longer than MAX_SIDE is scaled down. Of several frames or pages it is the first.

    Raises PictureError for whatever is not a whole, readable picture of at least MIN_SIDE x MIN_SIDE.
    """
    if isinstance(source, bytes):
        subject, data = name or "The uploaded picture", source
        name = name or "uploaded picture"
    else:
        subject, name, data = f"The picture {source}", source.name, _read(source)
    if not data:
        raise PictureError(f"{subject} is empty (0 bytes): save it again.")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{subject} is larger than {MAX_BYTES >> 20} MB: save it smaller.")
    with _open(subject, data) as image:
        _check_size(subject, image)
        longest = max(image.size)
        try:
            notes = _frame_notes(name, image)
            if image.format in ("JPEG", "MPO"):
                image.draft(None, (MAX_SIDE, MAX_SIDE))  # lets the JPEG decoder scale down while decoding
            rgba = _to_rgba(image, 1)
        except DAMAGE as error:
            raise PictureError(f"{subject} is damaged or cut short: save or download it again.") from error
    if not rgba[..., 3].any():
        raise PictureError(f"{subject} is transparent everywhere: use one that shows a character.")
    scale = max(rgba.shape[:2]) / longest
    return Picture(rgba, name, scale, notes, data if scale < 1 else b"")


def load_detail(picture: Picture) -> Picture:
    """The same whole picture with as many pixels as memory allows, MAX_DETAIL_PIXELS at most; without its file.

    Raises PictureError.
    """
    if not picture.file:
        return picture
    with _open(picture.name, picture.file) as image:
        width, height = image.size
        pixels = width * height
        shrink = math.ceil(math.sqrt(pixels / MAX_DETAIL_PIXELS))
        if image.format in ("JPEG", "MPO"):
            while (
                pixels * jpeg_decode_bytes(image, jpeg_scale(image.size, min(image.size) // shrink)) > MAX_DECODE_BYTES
            ):
                shrink += 1
            image.draft(None, (width // shrink, height // shrink))
        try:
            rgba = _to_rgba(image, shrink, kept=(width, height))
        except DAMAGE as error:
            raise PictureError(f"{picture.name} is damaged or cut short: save or download it again.") from error
    return replace(Picture(rgba, picture.name, max(rgba.shape[:2]) / max(width, height)).turned(picture.turns))


def _read(path: Path) -> bytes:
    """At most MAX_BYTES + 1 bytes of a regular file, so that a device or a growing file cannot fill the memory."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{path} is a directory: give the path of a {PICTURE_FORMATS} picture.")
        if not stat.S_ISREG(mode):
            raise PictureError(f"{path} is not a regular file: give the path of a {PICTURE_FORMATS} picture.")
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
        return open_picture(data)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise PictureError(_too_many_pixels(subject)) from error
    except DAMAGE as error:
        if is_known(data):
            raise PictureError(f"{subject} is damaged or cut short: save or download it again.") from error
        raise PictureError(f"{subject} is not a {PICTURE_FORMATS} image: convert it to one of these.") from error


def _too_many_pixels(subject: str, limit: float = MAX_PIXELS) -> str:
    return f"{subject} has more than {int(limit / 1e6)} million pixels: scale it down."


def _check_size(subject: str, image: Pillow.Image) -> None:
    width, height = image.size
    limit = min(MAX_PIXELS, MAX_DECODE_BYTES / decode_bytes(image, MAX_SIDE))
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


def _frame_notes(name: str, image: Pillow.Image) -> tuple[str, ...]:
    """What is said of a file with several frames or pages, of which the first is used.

    A JPEG or HEIF file of several pictures, as phones store depth and previews, is a still.
    """
    if image.format == "TIFF":
        try:
            image.seek(1)  # `n_frames` would follow a chain of any length
        except EOFError:
            return ()
        image.seek(0)
        return (f"{name} has several pages: the first one is used.",)
    if image.format in ("PNG", "WEBP", "GIF", "AVIF") and getattr(image, "n_frames", 1) > 1:
        return (f"{name} is animated: its first frame is used.",)
    return ()


def _to_rgba(image: Pillow.Image, shrink: int, kept: tuple[int, int] | None = None) -> Image:
    """Decode to (H, W, 4) uint8. Raises one of DAMAGE when the data do not match the header.

    shrink: whole number by which the sides of the file are divided; kept: the sides of the file, if it is not scaled
    down to MAX_SIDE.
    """
    pixels = image.width * image.height
    image.load()
    if image.width * image.height > pixels:
        raise ValueError("the picture is larger than its header says")
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":  # grey of 16 bits or more, which `convert` would clip to white
        info = image.info
        image = Pillow.fromarray(_to_8_bits(np.asarray(image)))
        image.info, profile = info, None
    has_transparent_colour = "transparency" in image.info and image.mode in ("L", "RGB")
    if has_transparent_colour or image.mode in ("P", "PA", "1", "La", "RGBa"):
        image = image.convert("RGBA")  # scaling cannot mix palette indices and drops the transparent colour
    if kept is None and max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    elif kept is not None:
        drafted = round(max(kept) / max(image.size))  # what the JPEG decoder did of it
        if shrink > drafted:
            image = image.reduce(-(-shrink // drafted))
    image = _upright(image)  # after the scaling, because it makes a copy
    if profile:
        image = _to_srgb(image, profile)
    return np.array(image.convert("RGBA"))


def _to_8_bits(grey: np.ndarray) -> np.ndarray:
    """Grey values (H, W), whole ones of 16 bits or floats up to 1, 255 or 65535, as uint8."""
    if grey.dtype.kind == "f":
        largest = float(np.nanmax(grey, initial=0.0))
        white = next((value for value in (1.0, 255.0) if largest <= value), 65535.0)
        return (np.nan_to_num(grey).clip(0, white) * (255 / white)).astype(np.uint8)
    return (grey.clip(0, 65535) >> 8).astype(np.uint8)


def _upright(image: Pillow.Image) -> Pillow.Image:
    try:
        return ImageOps.exif_transpose(image)
    except DAMAGE:
        _log.debug("unreadable EXIF data ignored", exc_info=True)  # the picture is usable without it
        return image


def _to_srgb(image: Pillow.Image, profile: bytes) -> Pillow.Image:
    """Convert an embedded ICC profile's colours to sRGB; a profile that is broken or not RGB or grey is ignored."""
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert({"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, *DAMAGE):
        _log.debug("unusable colour profile ignored", exc_info=True)
        return image
    if converted is None:
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
