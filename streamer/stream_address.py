"""The addresses that `--publish` takes: of WHIP endpoints, and of RTMP and SRT servers, which are taken apart here.

No sentence repeats an address, and no `repr` shows its secrets: paths hold stream keys, queries passphrases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from streamer.addresses import is_host, is_loopback, is_port, media_server
from streamer.errors import SettingsError

RTMP_PORTS = {"rtmp": 1935, "rtmps": 443}
MIN_PASSPHRASE, MAX_PASSPHRASE = 10, 79  # characters, of libsrt
MAX_STREAM_ID = 512  # bytes, of libsrt
KEY_LENGTHS = (0, 16, 24, 32)  # bytes, of AES; 0: the other side's
MAX_LATENCY_S = 30.0
_PARTS = re.compile(
    r"(?P<scheme>rtmps?|srt)://(?P<host>\[[^\]]*\]|[^\[\]/:?#@]+)(:(?P<port>[0-9]{1,5}))?"
    r"(/(?P<path>[!-~]*?))?(\?(?P<query>[!-~]*))?",
    re.I | re.A,
)
_IGNORED = {"transtype", "tlpktdrop", "pkt_size", "payload_size"}  # with the values that a live stream has anyway


@dataclass(frozen=True, slots=True)
class RtmpAddress:
    """secure: by TLS. app: what the server calls the application. key: of the stream, "" where the address has none."""

    host: str
    port: int
    secure: bool
    app: str = field(repr=False)
    key: str = field(repr=False)

    @property
    def is_clear(self) -> bool:
        """Whether others on the way can read the key."""
        return not (self.secure or is_loopback(self.host))

    @property
    def url(self) -> str:
        """Of the application, as RTMP's `tcUrl`; an application may be a secret as a key is."""
        scheme = "rtmps" if self.secure else "rtmp"
        port = "" if self.port == RTMP_PORTS[scheme] else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}{port}/{self.app}"


@dataclass(frozen=True, slots=True)
class SrtAddress:
    """latency_s: of the receiver's buffer, None for libsrt's 120 ms. key_length: bytes of the AES key."""

    host: str
    port: int
    latency_s: float | None = None
    connect_timeout_s: float = 3.0
    key_length: int = 0
    stream_id: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)

    @property
    def is_clear(self) -> bool:
        """Whether others on the way can watch."""
        return not (self.passphrase or is_loopback(self.host))


def publish_address(place: str, text: str) -> str:
    """The check of `--publish`. Raises SettingsError."""
    if read_stream_address(place, text) is None:
        return media_server(place, text)
    return text


def is_whip(text: str) -> bool:
    """Whether a checked address is that of a WHIP endpoint."""
    return read_stream_address("", text) is None


def read_stream_address(place: str, text: str) -> RtmpAddress | SrtAddress | None:
    """What an address of RTMP or SRT names; None for other schemes. Raises SettingsError."""
    scheme = text.partition("://")[0].lower()
    if scheme not in (*RTMP_PORTS, "srt"):
        return None
    match = _PARTS.fullmatch(text)
    looks = "srt://HOST:PORT?streamid=ID" if scheme == "srt" else f"{scheme}://HOST/APP/KEY"
    if match is None or not is_host(match["host"]) or not is_port(match["port"]):
        raise SettingsError(f"{place} is not the address of a media server: it must look like {looks}.")
    host, port = match["host"].strip("[]"), match["port"]
    path, query = match["path"] or "", match["query"] or ""
    if scheme == "srt":
        if port is None:
            raise SettingsError(f"{place} names no port: it must look like {looks}.")
        return _srt(place, host, int(port), query)
    return _rtmp(place, scheme, host, int(port or RTMP_PORTS[scheme]), path, query, looks)


def _rtmp(place: str, scheme: str, host: str, port: int, path: str, query: str, looks: str) -> RtmpAddress:
    """The key is what follows the last slash of the path, with the query; without a slash there is none."""
    app, _, key = path.rstrip("/").rpartition("/")
    app, key = (app, key) if app else (key, "")
    if not app:
        raise SettingsError(f"{place} names no application: it must look like {looks}.")
    query = f"?{query}" if query else ""
    app, key = (app, key + query) if key else (app + query, "")
    return RtmpAddress(host, port, scheme == "rtmps", app, key)


def _srt(place: str, host: str, port: int, query: str) -> SrtAddress:
    """The parameters are FFmpeg's, in its units: `latency` in microseconds, `connect_timeout` in milliseconds."""
    given: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        given[name] = unquote_plus(value)
    if given.pop("mode", "caller") != "caller":
        raise SettingsError(
            f"{place} wants Kagami to be called: leave out mode, and let the other side be the listener."
        )
    latency = _number(place, "latency", given.pop("latency", None), MAX_LATENCY_S * 1e6, "microseconds")
    timeout = _number(place, "connect_timeout", given.pop("connect_timeout", None), MAX_LATENCY_S * 1e3, "milliseconds")
    length = _number(place, "pbkeylen", given.pop("pbkeylen", None), 32, "bytes") or 0
    passphrase = given.pop("passphrase", "")
    stream_id = given.pop("srt_streamid", None) or given.pop("streamid", "")
    given.pop("streamid", None)
    if length not in KEY_LENGTHS:
        raise SettingsError(f"{place} has a pbkeylen that SRT does not know: 16, 24 or 32.")
    if passphrase and not MIN_PASSPHRASE <= len(passphrase.encode()) <= MAX_PASSPHRASE:
        raise SettingsError(
            f"{place} has a passphrase that is not {MIN_PASSPHRASE} to {MAX_PASSPHRASE} characters long."
        )
    if len(stream_id.encode()) > MAX_STREAM_ID:
        raise SettingsError(f"{place} has a streamid of more than {MAX_STREAM_ID} bytes: shorten it.")
    if unknown := [name for name in given if name not in _IGNORED]:
        known = "streamid, passphrase, pbkeylen, latency, connect_timeout and mode"
        named = f" '{unknown[0]}'" if re.fullmatch(r"[a-z_]{1,20}", unknown[0]) else ""
        raise SettingsError(f"{place} has an unknown parameter{named}: known are {known}.")
    seconds = None if latency is None else latency / 1e6
    return SrtAddress(
        host, port, seconds, 3.0 if timeout is None else timeout / 1e3, int(length), stream_id, passphrase
    )


def _number(place: str, name: str, text: str | None, most: float, unit: str) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > most:
        raise SettingsError(f"{place} has a {name} that is no number of {unit} from 0 to {most:.0f}.")
    return float(text)
