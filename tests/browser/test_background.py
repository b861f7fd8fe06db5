"""A background of one's own on the page: chosen, seen behind the avatar, kept over a reload, removed, refused."""

from playwright.sync_api import expect

from tests.browser.actions import (
    answer_held,
    colour_of,
    expect_alert,
    go_live,
    hold_requests,
    is_close,
    png_file,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

WALL = (20, 60, 220)


def test_a_picture_is_seen_behind_the_avatar_and_kept_over_a_reload(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    before = colour_of(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("radio", name="Own").check(force=True)
    chooser.value.set_files(png_file("wall.png", WALL))
    expect(page.locator("#background-name")).to_have_text("wall.png")
    wait_until(lambda: is_close(colour_of(page), WALL), page)
    expect(page.locator("#background-stage")).to_have_text("")

    page.reload()
    expect(page.get_by_role("radio", name="Own")).to_be_checked()
    expect(page.locator("#background-name")).to_have_text("wall.png")
    page.wait_for_selector("body[data-link=open]")
    if page.locator("body").get_attribute("data-live") == "idle":
        go_live(page)
    wait_until(lambda: is_close(colour_of(page), WALL), page)

    page.get_by_role("button", name="Remove the background").click()
    wait_until(lambda: is_close(colour_of(page), (before[0], before[1], before[2])), page)
    page.reload()
    expect(page.locator("#background-name")).to_have_text("A picture or a short clip")


def test_backgrounds_are_sent_one_after_another_and_the_last_choice_holds(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page = open_page("about:blank")
    held = hold_requests(page, "api/background", "PUT")
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method) if "api/background" in request.url else None)
    page.goto(stub.url)
    page.wait_for_selector("body[data-link=open]")
    for name in ("first.png", "second.png"):
        page.locator("#background-file").set_input_files(png_file(name, WALL))
    wait_until(lambda: len(held) == 1, page)
    answer_held(page, held[0])
    wait_until(lambda: len(held) == 2, page)
    expect(page.locator("#background-stage")).to_have_text("Sending…")
    answer_held(page, held[1])
    expect(page.locator("#background-stage")).to_have_text("")
    page.reload()
    expect(page.locator("#background-name")).to_have_text("second.png")
    wait_until(lambda: len(held) == 3, page)
    page.get_by_role("button", name="Remove the background").click()
    answer_held(page, held[2])
    wait_until(lambda: methods == ["PUT", "PUT", "PUT", "DELETE"], page)
    expect(page.locator("#background-name")).to_have_text("A picture or a short clip")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_file_that_is_neither_is_refused_here_and_a_damaged_one_by_the_server(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page = open_page(stub.url)
    page.wait_for_selector("body[data-link=open]")
    chooser = page.locator("#background-file")
    chooser.set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect_alert(page, "notes.txt is neither a picture nor a video: choose another file.")
    chooser.set_input_files({"name": "wall.mp4", "mimeType": "video/mp4", "buffer": b"\0\0\0\x18ftypmp42" + b"\0" * 99})
    expect_alert(page, "is damaged or of an unknown kind: save it as an MP4.")
    expect(page.locator("#remove-background")).to_be_hidden()
