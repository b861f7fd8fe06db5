"""The page's switch of the virtual camera."""

from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

SENTENCE = 'The virtual camera needs pyvirtualcam: run `pip install -e ".[obs]"` and start again.'


def test_it_is_switched_on_and_off_and_stays_on_over_a_reload(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    switch = page.get_by_role("switch", name="Virtual camera")
    expect(switch).not_to_be_checked()
    expect(switch).to_be_enabled()
    switch.press("Space")
    expect(switch).to_be_enabled()
    expect(switch).to_be_checked()
    page.reload()
    expect(switch).to_be_checked()
    switch.press("Space")
    expect(switch).to_be_enabled()
    page.reload()
    expect(switch).to_be_enabled()
    expect(switch).not_to_be_checked()


def test_what_is_missing_is_said_on_the_card(open_page: OpenPage, stub: KagamiServer) -> None:
    def answer(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(json={"state": "missing", "message": SENTENCE})
        else:
            route.fulfill(status=409, json={"code": "output", "message": SENTENCE})

    page = open_page("about:blank")
    page.route("**/api/virtual-camera", answer)
    page.goto(stub.url)
    expect(page.locator("#virtual-camera-note")).to_have_text(SENTENCE)
    switch = page.get_by_role("switch", name="Virtual camera")
    switch.press("Space")
    expect(switch).to_be_enabled()
    expect(switch).not_to_be_checked()
