"""The card with the address and the code for a phone as camera."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.actions import go_live
from tests.browser.conftest import OpenPage
from tests.browser.kagami import STUB, KagamiServer


def test_card_says_how_to_get_a_code(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.locator("#phone summary").click()
    expect(page.get_by_text("Start the server with --https --host 0.0.0.0")).to_be_visible()
    expect(page.locator("#phone-code")).to_be_hidden()


def test_card_shows_address_code_and_fingerprint_and_a_phone_is_live_over_https(
    open_page: OpenPage, tmp_path: Path
) -> None:
    flags = ("--https", "--host", "0.0.0.0", "--token", "open-sesame")
    with KagamiServer(tmp_path / "log.txt", *flags, program=STUB) as server:
        page = open_page(f"{server.url}?token=open-sesame")  # this machine itself, by HTTP
        page.locator("#phone summary").click()
        url = page.locator("#phone-url").inner_text()
        assert url.startswith("https://") and url.endswith("/?token=open-sesame") and "localhost" not in url
        assert len(page.locator("#phone-fingerprint").inner_text().split(":")) == 32
        assert page.locator("#phone-code").evaluate("(code) => code.decode().then(() => code.naturalWidth)") > 20
        go_live(page)
        phone = open_page(url, ignore_https_errors=True, viewport={"width": 390, "height": 844}, is_mobile=True)
        expect(phone.locator("#status")).not_to_have_text("Not connected")
        go_live(phone)
        expect(phone.locator("#phone")).to_be_hidden()
