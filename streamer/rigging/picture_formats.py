"""The formats of pictures: told from the first bytes whatever a file is called, and what decoding a pixel costs.

Their names for people, and for `--help`, are `PICTURE_FORMATS` in streamer/options.py.
"""

from __future__ import annotations

import io
import struct
import warnings

import pi_heif
from PIL import AvifImagePlugin, TiffImagePlugin
from PIL import Image as Pillow

# Threads of the decoders: each reserves address space, which is limited (`MAX_ADDRESS_BYTES` in picture_process.py).
_DECODER_THREADS = 2
AvifImagePlugin.DEFAULT_MAX_THREADS = _DECODER_THREADS
# Only the picture itself is wanted of a HEIF file, not its thumbnails, depth maps and auxiliary pictures.
pi_heif.register_heif_opener(decode_threads=_DECODER_THREADS, thumbnails=False, depth_images=False, aux_images=False)

_DECODERS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF")  # Pillow's names
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Bytes for a pixel of the file at the peak of decoding and scaling, measured at 79 million pixels for PNG, JPEG and
# WebP and at 24 million for the others, docs/decisions/rigging.md.
# PNG, GIF, BMP and TIFF by mode: the decoded pixels and, with alpha or a palette, a copy that is converted for scaling.
_MODE_BYTES = {
    "1": 11.0, "L": 2.0, "RGB": 6.0, "P": 11.0, "LA": 10.0, "RGBA": 10.0, "CMYK": 6.0, "YCbCr": 6.0, "I;16": 7.5,
    "I": 13.5, "F": 17.5,
}  # fmt: skip
_OTHER_MODE_BYTES = 17.5
_WEBP_BYTES = 17.0  # libwebp's animation decoder holds two canvases and Pillow makes two copies
_AVIF_BYTES = {"RGB": 14.5, "RGBA": 20.0}  # of 10 bits and full chroma, since the header does not tell
_AVIF_OTHER_BYTES = 20.0
_HEIF_BYTES, _DEEP_HEIF_BYTES = 8.0, 12.5  # of 8 bits a sample, and of more
_HEIF_CHROMA_BYTES, _HEIF_ALPHA_BYTES = 3.0, 6.0  # more where chroma is not halved on both axes, and with alpha
_JPEG_PIXEL_BYTES = 5.0
_JPEG_COEFFICIENT_BYTES = 2.0  # of each sample, which a progressive JPEG keeps until its last scan

DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow and its plugins raise for a file that is not what its header says."""


def open_picture(data: bytes) -> Pillow.Image:
    """Parse the header only. Raises Pillow.DecompressionBombError or -Warning for too many pixels, one of DAMAGE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about damage, which raises an error as well
        image = Pillow.open(io.BytesIO(data), formats=_DECODERS)
    if image.format in ("AVIF", "HEIF") and not _is_whole(data):
        raise EOFError("the last box is cut short")
    return image


def is_known(data: bytes) -> bool:
    """Whether data begin like a picture of one of the formats."""
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith(_MAGIC) or (data[4:8] == b"ftyp" and data[8:12] in _BRANDS)


def _is_whole(data: bytes) -> bool:
    """Whether the boxes of an AVIF or HEIF file (ISO/IEC 14496-12) end within it: libheif ignores missing tiles."""
    at = 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if length == 1 and at + 16 <= len(data):  # the length follows in 64 bits
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if length == 0:  # to the end of the file
            return True
        if length < 8:
            return False
        at += length
    return at == len(data)


def decode_bytes(image: Pillow.Image, max_side: int) -> float:
    """Bytes for a pixel that decoding the picture takes at most, from its header, where it is scaled to `max_side`."""
    if image.format in ("JPEG", "MPO"):
        return jpeg_decode_bytes(image, jpeg_scale(image.size, max_side))
    if image.format == "WEBP":
        return _WEBP_BYTES
    if image.format == "AVIF":
        return _AVIF_BYTES.get(image.mode, _AVIF_OTHER_BYTES)
    if image.format == "HEIF":
        cost = _HEIF_BYTES if image.info.get("bit_depth") == 8 else _DEEP_HEIF_BYTES
        cost += _HEIF_CHROMA_BYTES * (image.info.get("chroma") != 420)
        return cost + _HEIF_ALPHA_BYTES * (image.mode != "RGB")
    transparent = "transparency" in image.info and image.mode in ("L", "RGB")  # converted to RGBA
    cost = _MODE_BYTES["RGBA"] if transparent else _MODE_BYTES.get(image.mode, _OTHER_MODE_BYTES)
    return cost + _tiff_strip_bytes(image) if isinstance(image, TiffImagePlugin.TiffImageFile) else cost


def _tiff_strip_bytes(image: TiffImagePlugin.TiffImageFile) -> float:
    """Bytes for a pixel of what libtiff holds of a compressed TIFF, which may be one strip."""
    if not any(tile[0] == "libtiff" for tile in image.tile):
        return 0.0
    samples = image.tag_v2.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    return float(samples * max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (8,))) / 8)


def jpeg_scale(size: tuple[int, int], max_side: int) -> int:
    """By how much a JPEG decoder scales a picture down so that its shorter side keeps `max_side` pixels: 1, 2, 4, 8."""
    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or factor * max_side <= min(size))


def jpeg_decode_bytes(image: Pillow.Image, scale: int) -> float:
    """As `decode_bytes`, for a JPEG that is decoded at 1 / `scale` of its size."""
    layers = getattr(image, "layer", [])  # name, horizontal and vertical sampling, table
    widest, highest = (max((layer[axis] for layer in layers), default=1) for axis in (1, 2))
    samples = sum(layer[1] * layer[2] for layer in layers) / (widest * highest) if layers else 4
    return _JPEG_COEFFICIENT_BYTES * samples + _JPEG_PIXEL_BYTES / scale**2
