"""Several people, before the camera and in the picture: the page says so once and chooses. The stub sees nobody, so the
numbers of people are put into the server's messages on their way.
"""

from typing import Any

from playwright.sync_api import expect

from tests.browser.actions import changing_messages, go_live, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

NOTICE = "Several people are seen: one of them is followed, and you choose who under Camera."


def with_people(before_camera: int, in_picture: int, sent: list[dict[str, Any]]) -> Any:
    """A handler of the page's WebSocket that changes how many people the server tells; appends what the page sends."""

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "state":
            message["people"] = before_camera
        elif message["type"] == "ready":
            message["picture"]["people"] = in_picture
        elif message["type"] == "picture-status":
            message["people"] = in_picture

    return changing_messages(change, sent)


def test_page_says_once_that_several_people_are_seen_and_chooses_who_is_followed(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    sent: list[dict[str, Any]] = []
    page = open_page("about:blank")
    page.route_web_socket("**/*", with_people(2, 1, sent))
    page.goto(stub.url)
    expect(page.get_by_label("Follow")).not_to_be_visible()
    go_live(page)
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_label("Animate")).not_to_be_visible()
    page.get_by_label("Follow").select_option("The first from the right")
    wait_until(lambda: {"type": "control", "who": "right"} in sent, page)
    page.locator("#notice-close").dispatch_event("click")  # it may be gone by itself already
    expect(page.get_by_text(NOTICE)).not_to_be_visible()
    page.get_by_label("Follow").select_option("The nearest person")
    wait_until(lambda: {"type": "control", "who": "largest"} in sent, page)  # the page was rendered since
    expect(page.get_by_text(NOTICE)).not_to_be_visible()


def test_page_animates_all_people_of_a_picture(open_page: OpenPage, stub: KagamiServer) -> None:
    sent: list[dict[str, Any]] = []
    page = open_page("about:blank")
    page.route_web_socket("**/*", with_people(0, 3, sent))
    page.goto(stub.url)
    choice = page.get_by_label("Animate")
    expect(choice).to_have_value("largest")
    assert choice.locator("option[value='3']").is_hidden()
    choice.select_option("All, by as many people")
    wait_until(lambda: {"type": "person", "person": "all"} in sent, page)
    expect(choice).to_have_value("all")
    page.locator("body").click(position={"x": 2, "y": 2})
    choice.select_option("The second from the left")
    wait_until(lambda: {"type": "person", "person": "2"} in sent, page)
