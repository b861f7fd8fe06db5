"""The sample pictures of the page's shelf."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from streamer.rigging.picture import load_picture
from streamer.server.samples import ASSETS, SAMPLES, SMALL_SIDE
from streamer.settings import Settings
from tests.support.page import serving
from tests.support.server_checks import http_request

MAX_BYTES = 1_000_000  # of one sample


async def test_samples_are_listed_in_the_order_of_the_shelf_and_every_file_is_there() -> None:
    async with serving() as (address, _):
        listed = (await http_request(address, "GET", "/api/samples")).json()
    assert listed == [
        {"name": name, "label": label, "start": name == "portrait"} for name, (_, label) in SAMPLES.items()
    ]


async def test_no_sample_is_the_start_where_the_server_has_another_picture() -> None:
    async with serving(Settings(ref=(ASSETS / "nobody.png",))) as (address, _):
        listed = (await http_request(address, "GET", "/api/samples")).json()
    assert not any(sample["start"] for sample in listed)


@pytest.mark.parametrize("name", SAMPLES)
async def test_sample_is_sent_whole_and_small(name: str) -> None:
    async with serving() as (address, _):
        whole = await http_request(address, "GET", f"/api/samples/{name}")
        small = await http_request(address, "GET", f"/api/samples/{name}", params={"small": ""})
    assert whole.headers["content-type"] == "image/png" and len(whole.content) <= MAX_BYTES
    assert load_picture(whole.content).rgba.shape == (768, 768, 4)
    assert small.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(small.content)).size == (SMALL_SIDE, SMALL_SIDE)


@pytest.mark.parametrize("name", ["nobody", "..%2Favatar.png", "%2Fetc%2Fpasswd", "avatar.png", "samples%2Fanime.png"])
async def test_name_outside_of_the_list_is_answered_404(name: str) -> None:
    async with serving() as (address, _):
        assert (await http_request(address, "GET", f"/api/samples/{name}")).status_code == 404


async def test_samples_need_the_token() -> None:
    async with serving(Settings(token="open sesame")) as (address, _):
        for path in ("/api/samples", "/api/samples/anime"):
            assert (await http_request(address, "GET", path)).status_code == 401
            assert (await http_request(address, "GET", path, params={"token": "open sesame"})).status_code == 200


def test_no_sample_lies_outside_of_the_assets() -> None:
    assert all((ASSETS / file).resolve().is_relative_to(ASSETS.resolve()) for file, _ in SAMPLES.values())
