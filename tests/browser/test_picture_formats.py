"""The page and the server name the same formats of pictures."""

from pathlib import Path

from streamer.options import PICTURE_FORMATS

WEB_CLIENT = Path(__file__).resolve().parents[2] / "web_client"


def test_page_and_server_name_the_same_formats() -> None:
    script = (WEB_CLIENT / "picture_formats.js").read_text(encoding="utf-8")
    assert f"export const FORMATS = '{PICTURE_FORMATS}';" in script
    for name in PICTURE_FORMATS.replace(" or ", ", ").lower().split(", "):
        assert f"'image/{name}'" in script
        assert f"'.{name}'" in script
