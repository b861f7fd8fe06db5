"""HTTPS with a certificate made at the start, and the address for a phone, told on the server's own machine alone."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from starlette.applications import Starlette

from streamer.engine.engine import Engine
from streamer.rigging.picture_process import PictureProcess
from streamer.server.app import Server
from streamer.server.certificate import Certificate, machine_addresses, make_certificate
from streamer.server.listening import serve_config
from streamer.server.made_engine import MadeEngine
from streamer.server.phone import PhoneAddress, phone_address, phone_routes, qr_code
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker
from tests.support.page import serving
from tests.support.server_checks import http_request

TOKEN = "open sesame"


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate(["localhost", "desk.local"], ["127.0.0.1", "192.0.2.7"])


def address_of(certificate: Certificate | None, **settings: Any) -> PhoneAddress | None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        found = phone_address(Settings(**settings), listening, certificate)
        return found and PhoneAddress(found.url.replace(str(listening.getsockname()[1]), "PORT"), found.fingerprint)


async def test_server_with_the_certificate_answers_by_https_and_its_names_hold(certificate: Certificate) -> None:
    engine = Engine(FakePipeline(size=128), FakeTracker, 30, 1)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    made = MadeEngine(engine, FakeAvatar(128, 128), "fake.png", PictureProcess())
    server = Server(made, Settings(https=True))
    web = uvicorn.Server(serve_config(server.app, certificate.context))
    engine.start()
    task = asyncio.create_task(web.serve([listening]))
    try:
        while not web.started:
            await asyncio.sleep(0.01)
        port = listening.getsockname()[1]
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        der = ssl.PEM_cert_to_DER_cert(pem)
        assert hashlib.sha256(der).hexdigest() == certificate.fingerprint.replace(":", "").lower()
        names = (
            x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
        assert names.get_values_for_type(x509.DNSName) == ["localhost", "desk.local"]
        trusting = ssl.create_default_context(cadata=pem)
        async with httpx.AsyncClient(verify=trusting) as client:
            answer = await client.get(f"https://127.0.0.1:{port}/api/health")
        assert answer.json()["status"] == "ok"
    finally:
        await server.close()
        web.should_exit = True
        await task
        await asyncio.to_thread(engine.close)
        listening.close()


def test_two_starts_have_two_certificates(certificate: Certificate) -> None:
    assert make_certificate(["localhost"], ["::1"]).fingerprint != certificate.fingerprint


def test_address_for_phones_is_one_of_the_machine_and_carries_the_token(certificate: Certificate) -> None:
    found = address_of(certificate, host="0.0.0.0", https=True, token=TOKEN)
    assert found is not None
    host = machine_addresses()[0]
    name = f"[{host}]" if ":" in host else host
    assert found.url == f"https://{name}:PORT/?token=open%20sesame"
    assert found.fingerprint == certificate.fingerprint
    assert address_of(certificate, host="192.0.2.7", https=True) == PhoneAddress(
        "https://192.0.2.7:PORT/", certificate.fingerprint
    )


def test_there_is_no_address_for_phones_without_https_or_on_loopback(certificate: Certificate) -> None:
    assert address_of(None, host="0.0.0.0") is None
    for host in ("127.0.0.1", "127.0.0.5", "::1", "localhost"):
        assert address_of(certificate, host=host, https=True) is None


async def test_address_is_told_to_this_machine_alone_and_only_with_the_token() -> None:
    app = Starlette(
        routes=phone_routes(Settings(token=TOKEN), PhoneAddress("https://192.0.2.7:8080/?token=x", "AB:CD"))
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", params={"token": TOKEN}) as client:
        answer = await client.get("/api/phone")
        assert answer.json() == {"url": "https://192.0.2.7:8080/?token=x", "fingerprint": "AB:CD"}
        code = await client.get("/api/phone.svg")
        assert code.headers["content-type"] == "image/svg+xml" and code.content == qr_code(answer.json()["url"])
    async with serving(Settings(token=TOKEN)) as (address, _):
        for path in ("/api/phone", "/api/phone.svg"):
            assert (await http_request(address, "GET", path)).status_code == 401
            proxied = await http_request(
                address, "GET", path, params={"token": TOKEN}, headers={"X-Forwarded-For": "192.0.2.9"}
            )
            assert proxied.status_code == 403
        answer = await http_request(address, "GET", "/api/phone", params={"token": TOKEN})
        assert answer.json() == {"url": None, "fingerprint": None}
        assert (await http_request(address, "GET", "/api/phone.svg", params={"token": TOKEN})).status_code == 404


def test_code_is_drawn_dark_on_white() -> None:
    svg = qr_code("https://192.0.2.7:8080/").decode()
    assert svg.startswith("<svg") and "#fff" in svg and "#000" in svg and "script" not in svg
