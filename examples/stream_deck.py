"""Keys for a Kagami avatar: in a terminal, or on an Elgato Stream Deck.

    python examples/stream_deck.py                                  # keys in this terminal; needs nothing but Python
    pip install streamdeck && python examples/stream_deck.py --deck # the keys of a Stream Deck
    python examples/stream_deck.py --press smile --seconds 3        # one face, for a script or a hotkey program

It speaks the control API (docs/control-api.md). `--keys FILE` takes a JSON list of keys in place of KEYS below.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

URL = "http://127.0.0.1:8080"
TIMEOUT_S = 15.0
MOST_HELD_S = 300.0  # for which a key of a deck holds a face at most, so that none stays where this program dies
ROUTES = {
    "state": ("GET", "/state"),
    "pictures": ("GET", "/pictures"),
    "choose": ("POST", "/picture"),
    "act": ("POST", "/acts"),
    "release": ("DELETE", "/acts"),
    "controls": ("GET", "/controls"),
    "control": ("PATCH", "/controls"),
    "set_mood": ("PUT", "/mood"),
    "snapshot": ("GET", "/snapshot"),
}


class RefusedError(Exception):
    """Kagami does not do it, or is not there; one sentence."""


@dataclass(frozen=True)
class Key:
    """One key. key: its letter in a terminal. do: a call of the API, or a command of `Pad`. fields: of the call."""

    key: str
    label: str
    do: str
    fields: dict[str, Any] = field(default_factory=dict)


KEYS = (
    Key("1", "Smile", "act", {"name": "smile"}),
    Key("2", "Laugh", "act", {"name": "laugh"}),
    Key("3", "Surprise", "act", {"name": "surprise"}),
    Key("4", "Sad", "act", {"name": "sadness"}),
    Key("5", "Angry", "act", {"name": "anger"}),
    Key("6", "Wink", "act", {"name": "wink-left"}),
    Key("n", "Nod", "act", {"name": "nod"}),
    Key("k", "No", "act", {"name": "shake"}),
    Key("v", "Wave", "act", {"name": "wave"}),
    Key("[", "Last picture", "step", {"by": -1}),
    Key("]", "Next picture", "step", {"by": 1}),
    Key("p", "Pause", "toggle", {"paused": [True, False]}),
    Key("b", "Background", "toggle", {"background": ["original", "transparent"]}),
    Key("c", "Calibrate", "control", {"calibrate": True}),
    Key("g", "Snapshot", "save", {"folder": "."}),
)


class Kagami:
    """The control API over HTTP. session: a handle; None: the newest session."""

    def __init__(self, url: str = URL, token: str | None = None, session: str | None = None) -> None:
        self._url = url.rstrip("/") + "/api/v1"
        self._token = token
        self._session = session

    def call(self, do: str, **fields: Any) -> dict[str, Any]:
        """The answer to one call of ROUTES. Raises RefusedError."""
        method, path = ROUTES[do]
        answer: dict[str, Any] = json.loads(self._send(method, path, fields))
        return answer

    def snapshot(self) -> bytes:
        """The avatar as PNG. Raises RefusedError."""
        return self._send("GET", "/snapshot", {})

    def _send(self, method: str, path: str, fields: dict[str, Any]) -> bytes:
        query = {} if self._session is None else {"session": self._session}
        address = f"{self._url}{path}?{urllib.parse.urlencode(query)}"
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        body = json.dumps(fields).encode() if method != "GET" else None
        request = urllib.request.Request(address, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                data: bytes = response.read()
                return data
        except urllib.error.HTTPError as error:
            raise RefusedError(_sentence(error)) from error
        except (OSError, ValueError) as error:
            raise RefusedError(f"Kagami does not answer at {self._url} ({error}): start it, or give --url.") from error


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError):
        return f"The server answers {error.code} {error.reason}: is it Kagami, and a version with a control API?"


class Pad:
    """Does what keys stand for. say: shows one line."""

    def __init__(self, kagami: Kagami, say: Callable[[str], object] = print) -> None:
        self._kagami = kagami
        self._say = say

    def press(self, key: Key) -> None:
        """Do what a key stands for; a face is shown for a moment, since a terminal does not tell of the release."""
        self._attempt(key, lambda: self._do(key))

    def down(self, key: Key) -> None:
        """As `press`, but a face is held until `up`."""
        held = {"on": True, "seconds": MOST_HELD_S, **key.fields}
        self._attempt(key, lambda: self._kagami.call("act", **held) if key.do == "act" else self._do(key))

    def up(self, key: Key) -> None:
        """End the face that `down` holds."""
        if key.do == "act":
            self._attempt(key, lambda: self._kagami.call("act", name=key.fields["name"], on=False))

    def _attempt(self, key: Key, work: Callable[[], object]) -> None:
        try:
            work()
            self._say(key.label)
        except RefusedError as error:
            self._say(f"{key.label}: {error}")

    def _do(self, key: Key) -> None:
        if key.do == "step":
            self._step_picture(**key.fields)
        elif key.do == "toggle":
            self._toggle(key.fields)
        elif key.do == "save":
            self._save(**key.fields)
        else:
            self._kagami.call(key.do, **key.fields)

    def _step_picture(self, by: int) -> None:
        """Use the picture before or after the one in use."""
        pictures = self._kagami.call("pictures")["pictures"]
        used = next((i for i, each in enumerate(pictures) if each["in_use"]), 0)
        self._kagami.call("choose", picture=pictures[(used + by) % len(pictures)]["picture"])

    def _toggle(self, choices: dict[str, list[Any]]) -> None:
        """Set each control to the first of its values that follows the present one."""
        now = self._kagami.call("controls")["controls"]
        for name, values in choices.items():
            at = values.index(now[name]) if now[name] in values else -1
            self._kagami.call("control", **{name: values[(at + 1) % len(values)]})

    def _save(self, folder: str) -> None:
        """Save the avatar as a picture."""
        path = Path(folder) / f"avatar-{time.strftime('%Y%m%d-%H%M%S')}.png"
        path.write_bytes(self._kagami.snapshot())
        self._say(f"saved {path}")


def load_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a JSON file: a list of objects with the fields of `Key`. Raises RefusedError."""
    try:
        return tuple(Key(**each) for each in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        example = json.dumps([asdict(KEYS[0])])
        raise RefusedError(f"{path} is no file of keys ({error}): write for example {example}.") from error


def typed_letters() -> Iterator[str]:
    """Letters as they are typed in this terminal, without Enter, until Ctrl-C or Ctrl-D."""
    if not sys.stdin.isatty():
        yield from iter(lambda: sys.stdin.read(1), "")
        return
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows alone has it

        while (letter := msvcrt.getwch()) not in ("\x03", "\x04"):
            yield letter
        return
    import termios  # noqa: PLC0415 - Windows lacks both
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        while (letter := sys.stdin.read(1)) not in ("", "\x04"):
            yield letter
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def run_in_terminal(pad: Pad, keys: Sequence[Key], letters: Iterator[str]) -> None:
    """Press the keys whose letters are typed, until there are no more."""
    by_letter = {key.key: key for key in keys}
    for letter in letters:
        if letter in by_letter:
            pad.press(by_letter[letter])


class Deck:
    """A Stream Deck of the package `streamdeck`: `device` is open. Its keys show labels, and hold faces while pressed.

    to_image: makes of a label what the device shows.
    """

    def __init__(self, device: Any, pad: Pad, keys: Sequence[Key], to_image: Callable[[str], bytes]) -> None:
        self._pad = pad
        self._keys = keys[: device.key_count()]
        for number, key in enumerate(self._keys):
            device.set_key_image(number, to_image(key.label))
        device.set_key_callback(self._on_key)

    def _on_key(self, _device: Any, number: int, is_down: bool) -> None:
        """Called by the package in a thread of its own."""
        if number < len(self._keys):
            (self._pad.down if is_down else self._pad.up)(self._keys[number])


def run_on_deck(pad: Pad, keys: Sequence[Key]) -> None:
    """Serve the first Stream Deck until Ctrl-C. Raises RefusedError."""
    try:
        from PIL import Image, ImageDraw  # noqa: PLC0415 - only for a deck, as the next
        from StreamDeck.DeviceManager import DeviceManager  # noqa: PLC0415
        from StreamDeck.ImageHelpers import PILHelper  # noqa: PLC0415
    except ImportError as error:
        raise RefusedError(f"{error}: pip install streamdeck pillow, or leave --deck out.") from error
    try:
        devices = [each for each in DeviceManager().enumerate() if each.is_visual()]
    except Exception as error:  # the package raises one of its own where the system lacks HIDAPI
        raise RefusedError(f"Stream Decks cannot be looked for ({error}): install libhidapi-libusb0.") from error
    if not devices:
        raise RefusedError(
            "No Stream Deck is found: plug it in, close other programs that use it, or leave --deck out."
        )
    device = devices[0]

    def to_image(label: str) -> bytes:
        image: Image.Image = PILHelper.create_key_image(device)
        middle = (image.width / 2, image.height / 2)
        ImageDraw.Draw(image).multiline_text(middle, label.replace(" ", "\n"), "white", anchor="mm", align="center")
        native: bytes = PILHelper.to_native_key_format(device, image)
        return native

    device.open()
    try:
        device.reset()
        Deck(device, pad, keys, to_image)
        threading.Event().wait()
    finally:
        device.reset()
        device.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; problems are one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Keys for a Kagami avatar.")
    parser.add_argument("--url", default=URL, help=f"of the server ({URL})")
    parser.add_argument("--token", default=os.environ.get("KAGAMI_TOKEN"), help="of the server; better in KAGAMI_TOKEN")
    parser.add_argument("--session", help="handle of a session; the newest one without")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="JSON list of keys in place of the built-in ones")
    parser.add_argument("--deck", action="store_true", help="use a Stream Deck in place of this terminal")
    parser.add_argument("--press", metavar="NAME", help="press one face or gesture and end")
    parser.add_argument("--seconds", type=float, default=2.0, help="for which --press shows a face")
    options = parser.parse_args(arguments)
    kagami = Kagami(options.url, options.token, options.session)
    try:
        keys = KEYS if options.keys is None else load_keys(options.keys)
        if options.press is not None:
            kagami.call("act", name=options.press, seconds=options.seconds)
            return 0
        kagami.call("state")  # says at once what is missing
        if options.deck:
            run_on_deck(Pad(kagami), keys)
        else:
            print("  ".join(f"{key.key} {key.label}" for key in keys) + "  (Ctrl-C ends)")
            run_in_terminal(Pad(kagami), keys, typed_letters())
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
