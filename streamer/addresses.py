"""The addresses that settings hold, checked: origins of pages, STUN and TURN servers, media servers.

A check gets the place of the text, for its sentence, and returns the text as it is used; it raises SettingsError.
"""

from __future__ import annotations

import ipaddress
import re

from streamer.errors import SettingsError

# An origin as browsers send it, and the URL of a STUN or TURN server; the hosts in them are checked apart.
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^\]]*\]|[^\[\]/:?#@]+)(:(?P<port>[0-9]{1,5}))?/*", re.I | re.A)
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\]]*\]|[^\[\]/:?#@]+)(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?", re.I | re.A
)
_ORIGIN_PORTS = {"http": 80, "https": 443}
_ICE_SERVER = re.compile(
    r"(?P<scheme>[a-z]+):(?P<host>[^\[\]:?]+)(:(?P<port>[0-9]{1,5}))?(\?transport=(?P<transport>udp|tcp))?"
)
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def media_server(place: str, text: str) -> str:
    """The URL of a media server, which is not repeated in a sentence, since it may hold a key."""
    if not _is_url(text):
        raise SettingsError(
            f"{place} is not the address of a media server: it must look like https://HOST/PATH, "
            "rtmp://HOST/APP/KEY or srt://HOST:PORT."
        )
    if not is_safe_url(text):
        raise SettingsError(f"{place} would send a token and the avatar in the clear: use https:// for other machines.")
    return text


def is_safe_url(text: str) -> bool:
    """Whether a URL is HTTPS, or HTTP on this machine, and holds no user name."""
    match = _URL.fullmatch(text)
    return match is not None and _is_url(text) and (match["scheme"].lower() == "https" or is_loopback(match["host"]))


def _is_url(text: str) -> bool:
    match = _URL.fullmatch(text)
    return match is not None and is_host(match["host"]) and is_port(match["port"])


def receiving_port(place: str, text: str) -> str:
    """HOST:PORT at which datagrams are received, of this machine alone where no host is given."""
    host, _, port = text.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port, re.A) or not is_port(port) or not (host == "" or is_host(host)):
        raise SettingsError(f"{place} is '{text}'; it must be PORT or HOST:PORT.")
    host = "127.0.0.1" if host.lower() in ("", "localhost") else host  # which some systems look up as ::1
    return f"{host}:{int(port)}"


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of what `receiving_port` returns."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def arrives_at(sent_to: str, received_at: str) -> bool:
    """Whether what is sent to the one reaches the other, both as `receiving_port` returns them."""
    (to, port), (at, other) = host_and_port(sent_to), host_and_port(received_at)
    return port == other and (to == at or (at in ("0.0.0.0", "::") and is_loopback(to)))


def origin(place: str, text: str) -> str:
    """The origin as browsers send it: in lower case, without the scheme's own port."""
    match = _ORIGIN.fullmatch(text)
    if match is None or not is_host(match["host"]) or not is_port(match["port"]):
        raise SettingsError(f"{place} is '{text}'; it must look like https://HOST or https://HOST:PORT.")
    port = match["port"] if match["port"] and int(match["port"]) != _ORIGIN_PORTS[match["scheme"].lower()] else None
    origin = f"{match['scheme']}://{match['host']}".lower()
    return origin if port is None else f"{origin}:{int(port)}"


def stun(place: str, text: str) -> str:
    return _ice_server("stun", place, text)


def turn(place: str, text: str) -> str:
    return _ice_server("turn", place, text)


def _ice_server(scheme: str, place: str, text: str) -> str:
    """The URL of a server as aiortc and browsers accept it (RFC 7064, RFC 7065; aiortc takes no IPv6 address)."""
    match = _ICE_SERVER.fullmatch(text)
    if (
        match is None
        or match["scheme"] not in (scheme, f"{scheme}s")
        or not is_host(match["host"])
        or not is_port(match["port"])
        or (scheme == "stun" and match["transport"] is not None)
    ):
        raise SettingsError(f"{place} is '{text}'; it must look like {scheme}:HOST:PORT.")
    return text


def is_host(text: str) -> bool:
    """True for a host name, an IPv4 address, and an IPv6 address in brackets."""
    if text.startswith("["):
        try:
            return ipaddress.ip_address(text[1:-1]).version == 6 and "%" not in text
        except ValueError:
            return False
    return len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in text.split("."))


def is_loopback(host: str) -> bool:
    """True for localhost and addresses of this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_port(text: str | None) -> bool:
    """True for the digits of a port, and for None, the default port."""
    return text is None or 1 <= int(text) <= 65535
