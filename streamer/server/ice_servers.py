"""The STUN and TURN servers of the settings, for aiortc and for the page."""

from __future__ import annotations

from aiortc import RTCIceServer

from streamer.settings import Settings


def ice_servers(settings: Settings) -> list[RTCIceServer]:
    """The STUN and TURN servers of the settings for aiortc, none by default."""
    servers = [RTCIceServer(urls=url) for url in settings.stun]
    return servers + [
        RTCIceServer(urls=url, username=settings.turn_user, credential=settings.turn_password) for url in settings.turn
    ]


def page_ice_servers(settings: Settings) -> list[dict[str, str]]:
    """The same servers in the form of the page's RTCPeerConnection."""
    servers = []
    for server in ice_servers(settings):
        entry = {"urls": str(server.urls)}
        if server.username is not None and server.credential is not None:
            entry.update(username=server.username, credential=server.credential)
        servers.append(entry)
    return servers
