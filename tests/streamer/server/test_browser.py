"""When the page is shown in a browser: for whoever sits before one, once, and never by a program."""

import os
import threading
import time
import webbrowser

import pytest

from streamer.server import browser
from streamer.server.browser import FIRST_DELAY_S, KEPT_S, RETURN_S, PageOpener, is_at_desktop, page_opener
from streamer.settings import Settings


@pytest.mark.parametrize(
    ("environment", "system", "is_terminal", "shown"),
    [
        ({"DISPLAY": ":0"}, "linux", True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, True),
        ({}, "linux", True, False),
        ({}, "darwin", True, True),
        ({}, "win32", True, True),
        ({}, "win32", False, False),  # started by another program
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "linux", True, False),
        ({"SSH_TTY": "/dev/ttys1"}, "darwin", True, False),
        ({"CI": "true"}, "win32", True, False),
    ],
)
def test_a_desktop_is_told_from_its_environment(environment, system, is_terminal, shown):
    assert is_at_desktop(environment, system, is_terminal) is shown


def test_no_open_and_a_token_keep_it_away(monkeypatch):
    monkeypatch.setattr(browser, "is_at_desktop", lambda: True)
    assert page_opener(Settings()) is not None
    assert page_opener(Settings(open=False)) is None
    assert page_opener(Settings(token="a secret word")) is None
    monkeypatch.setattr(browser, "is_at_desktop", lambda: False)
    assert page_opener(Settings()) is None


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """The URLs that were shown; a list whose next one `wait` awaits."""
    urls = []
    monkeypatch.setattr(browser, "temporary_cache_folder", lambda: tmp_path)
    monkeypatch.setattr(browser, "_another_runs", lambda: False)
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.BackgroundBrowser("firefox"))
    monkeypatch.setattr(webbrowser, "open", urls.append)
    return urls


def show(opener):
    opener("http://localhost:8080/")
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join()


def test_the_next_start_waits_for_the_page_that_an_earlier_one_has_shown(shown, tmp_path):
    opener = PageOpener()
    assert opener.delay_s == FIRST_DELAY_S
    show(opener)
    assert shown == ["http://localhost:8080/"]
    assert PageOpener().delay_s == RETURN_S
    before = time.time() - KEPT_S - 60
    os.utime(tmp_path / "page-shown", (before, before))
    assert PageOpener().delay_s == FIRST_DELAY_S


def test_it_is_not_shown_beside_another_server_nor_in_the_terminal(shown, monkeypatch):
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("w3m"))
    show(PageOpener())
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.BackgroundBrowser("firefox"))
    monkeypatch.setattr(browser, "_another_runs", lambda: True)
    show(PageOpener())
    assert shown == []


def test_no_browser_at_all_is_no_error(shown, monkeypatch):
    def refuse():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", refuse)
    show(PageOpener())
    assert shown == []


def test_another_server_is_told_by_its_command(monkeypatch):
    commands = [["python", "-m", "http.server"], ["/usr/bin/vi", "notes.txt", "x", "run_server.py"], None]

    def process(command, pid):
        return type("Process", (), {"info": {"pid": pid, "cmdline": command}})

    def running(_names):
        return [process(command, pid) for pid, command in enumerate(commands, os.getpid())]

    monkeypatch.setattr(browser.psutil, "process_iter", running)
    assert not browser._another_runs()
    commands.append(["python", "-u", "/opt/kagami/run_server.py"])
    assert browser._another_runs()
    commands[:] = [["python", "run_server.py"]]  # this process
    assert not browser._another_runs()
