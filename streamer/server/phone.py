"""The address under which a phone opens the page, as text and as QR code, for pages on the server's own machine."""

from __future__ import annotations

import io
import socket
from dataclasses import dataclass

import segno
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.errors import ForbiddenError
from streamer.server.access import check_token, is_from_this_machine
from streamer.server.certificate import Certificate
from streamer.server.listening import is_loopback_host, others_url
from streamer.settings import Settings


@dataclass(frozen=True)
class PhoneAddress:
    """url: with the token if there is one. fingerprint: of the certificate; None behind a proxy of one's own."""

    url: str
    fingerprint: str | None


def phone_address(settings: Settings, listening: socket.socket, certificate: Certificate | None) -> PhoneAddress | None:
    """The address for phones; None where the server does not listen for them, or not by HTTPS, without which a phone
    gives no camera.
    """
    if certificate is None or is_loopback_host(settings.host):
        return None
    return PhoneAddress(others_url(settings, listening), certificate.fingerprint)


def phone_routes(settings: Settings, address: PhoneAddress | None) -> list[Route]:
    """Routes `/api/phone` and `/api/phone.svg`, which answer programs on this machine alone: the address may hold the
    token.
    """

    def check(request: Request) -> None:
        check_token(request, settings.token)
        if not is_from_this_machine(request):
            raise ForbiddenError("The address for a phone is told only on the server's own machine: open it there.")

    async def tell(request: Request) -> Response:
        check(request)
        if address is None:
            return JSONResponse({"url": None, "fingerprint": None})
        return JSONResponse({"url": address.url, "fingerprint": address.fingerprint})

    async def draw(request: Request) -> Response:
        check(request)
        if address is None:
            return Response(status_code=404)
        return Response(qr_code(address.url), media_type="image/svg+xml")

    return [Route("/api/phone", tell), Route("/api/phone.svg", draw)]


def qr_code(text: str) -> bytes:
    """A QR code of a text as SVG, dark on white with the margin that readers need."""
    data = io.BytesIO()
    segno.make(text, micro=False, error="m").save(data, kind="svg", dark="#000", light="#fff", border=4, xmldecl=False)
    return data.getvalue()
