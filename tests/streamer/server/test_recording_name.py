"""Names of recordings hold nothing that a file system, or a person at a console, stumbles over."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from streamer.server.recording_name import MAX_SLUG, free_path, picture_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("avatar.png", "avatar"),
        ("My café, 2.JPEG", "my-cafe-2"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\con", "c-windows-con"),
        ("a\nb\x1b[31m\x00.png", "a-b-31m"),
        ("鏡.png", "picture"),
        ("...", "picture"),
        ("", "picture"),
        ("x" * 200 + ".png", "x" * MAX_SLUG),
    ],
)
def test_slug_keeps_letters_and_digits_alone(name: str, slug: str) -> None:
    assert picture_slug(name) == slug


def test_path_is_one_that_nothing_has(tmp_path: Path) -> None:
    now = datetime(2026, 11, 29, 21, 30, 5)
    names = []
    for _ in range(3):
        path = free_path(tmp_path, now, "a.png", ".mp4")
        path.touch()
        names.append(path.name)
    assert names == [f"2026-11-29_21-30-05_a{number}.mp4" for number in ("", "_2", "_3")]
