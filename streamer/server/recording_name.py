"""Names of recordings: date, time, and what of a picture's name is harmless."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from pathlib import Path

MAX_SLUG = 40  # characters
_NO_SLUG = "picture"  # for a name of which nothing stays
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_NOT_IN_A_SLUG = re.compile("[^a-z0-9]+")


def picture_slug(name: str) -> str:
    """What of a picture's name a file may be called: lower-case letters of English, digits, single dashes.

    The name of an upload is text of a peer, so neither dots nor separators of any system pass, nor does anything that
    is written in another script.
    """
    plain = unicodedata.normalize("NFKD", _SUFFIX.sub("", name)).encode("ascii", "ignore").decode()
    return _NOT_IN_A_SLUG.sub("-", plain.lower())[:MAX_SLUG].strip("-") or _NO_SLUG


def free_path(folder: Path, now: datetime, picture: str, suffix: str) -> Path:
    """A path in the folder that nothing has yet, such as `2026-11-29_21-30-05_avatar.mp4`. now: local time."""
    stem = f"{now:%Y-%m-%d_%H-%M-%S}_{picture_slug(picture)}"
    number, path = 1, folder / f"{stem}{suffix}"
    while path.exists():
        number += 1
        path = folder / f"{stem}_{number}{suffix}"
    return path
