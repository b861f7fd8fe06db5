"""Video containers by their first bytes.

What comes from elsewhere is opened as nothing else: a playlist would let FFmpeg open other files.
"""

from __future__ import annotations

HEAD_BYTES = 12  # of a file, which tell its container

# Of pictures in boxes as MP4 has them.
STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
_MATROSKA = b"\x1a\x45\xdf\xa3"


def container_kind(data: bytes) -> str | None:
    """FFmpeg's name of the video container that the bytes begin; None if they are none."""
    if data.startswith(_MATROSKA):
        return "matroska"
    return "mov" if data[4:8] == b"ftyp" and data[8:12] not in STILL_BRANDS else None
