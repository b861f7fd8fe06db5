"""The virtual camera over HTTP: its states, from this machine alone."""

from __future__ import annotations

import httpx
from starlette.applications import Starlette

from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.errors import KagamiError
from streamer.server.error_answers import answer_error
from streamer.server.executors import Executors
from streamer.server.virtual_camera_routes import virtual_camera_routes
from streamer.settings import Settings
from tests.support.fakes import FakeOutput, FakePipeline, FakeTracker

THIS_MACHINE = "127.0.0.1"
PATH = "/api/virtual-camera"


def client_of(
    output: FakeOutput | None, settings: Settings | None = None, address: str = THIS_MACHINE
) -> httpx.AsyncClient:
    """A program with this address that asks a server with this output."""
    engine = Engine(FakePipeline(size=32), FakeTracker, fps=30)
    feed = None if output is None else OutputFeed(engine, output, 32, 32)
    routes = virtual_camera_routes(settings or Settings(), Executors(), feed)
    app = Starlette(routes=routes, exception_handlers={KagamiError: answer_error})
    transport = httpx.ASGITransport(app, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")


async def test_it_is_switched_on_and_off() -> None:
    output = FakeOutput()
    client = client_of(output)
    assert (await client.get(PATH)).json() == {"state": "off", "message": None}
    assert (await client.put(PATH)).json() == {"state": "on", "message": None} and output.is_open
    assert (await client.get(PATH)).json()["state"] == "on"
    assert (await client.delete(PATH)).json() == {"state": "off", "message": None} and not output.is_open


async def test_what_is_missing_is_said_in_one_sentence() -> None:
    client = client_of(FakeOutput("Install it first."))
    assert (await client.get(PATH)).json() == {"state": "missing", "message": "Install it first."}
    answer = await client.put(PATH)
    assert answer.status_code == 409 and answer.json() == {"code": "output", "message": "Install it first."}
    assert (await client_of(None).get(PATH)).status_code == 409


async def test_other_machines_and_strangers_are_refused() -> None:
    output = FakeOutput()
    far = client_of(output, address="192.0.2.7")
    behind_a_proxy = client_of(output)
    for method in ("GET", "PUT", "DELETE"):
        assert (await far.request(method, PATH)).status_code == 403
        assert (await behind_a_proxy.request(method, PATH, headers={"X-Forwarded-For": "192.0.2.7"})).status_code == 403
        assert (await client_of(output, Settings(token="a secret word")).request(method, PATH)).status_code == 401
    assert not output.is_open
