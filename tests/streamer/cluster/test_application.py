"""The application on a Ray of this machine, with engines that paint plain colours; skipped where Ray is missing."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import Iterator

import httpx
import pytest

from streamer.cluster.errors import ClusterUnreachableError
from streamer.cluster.session_directory import digest
from tests.support.cluster_engine import make_fake_engine
from tests.support.page import FakeCamera, Page, socket_url
from tests.support.server_checks import png

ray = pytest.importorskip("ray", reason='the cluster wants Ray: pip install "kagami[cluster]"')

pytestmark = [  # what Ray's own code warns of
    pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("DeprecationWarning", "FutureWarning", "ResourceWarning")
]
TOKEN = "a-word-of-this-test"
SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Two replicas and an ingress."""
    from streamer.cluster import start  # noqa: PLC0415 - Ray
    from streamer.cluster.settings import read_cluster_settings  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--replicas", "2", "--cores", "1", "--port", str(port), "--token", TOKEN, "--max-sessions", "2"]
    start.start_ray(None, num_cpus=3, include_dashboard=False)
    try:
        start.run(*read_cluster_settings(flags, {}), make_fake_engine)
        yield f"http://127.0.0.1:{port}"
    finally:
        start.serve.shutdown()
        ray.shutdown()


def page_of(address: str) -> Page:
    return Page(socket_url(address, f"?token={TOKEN}"))


async def test_cluster_serves_the_page_and_honours_the_token(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as http:
        assert "<title>" in (await http.get("/")).text
        assert (await http.get("/api/ready")).json() == {"status": "ready"}
        assert (await http.get("/api/health")).json() == {"status": "ok"}
        for path in ("/api/config", "/metrics"):
            assert (await http.get(path)).status_code == 401
        config = await http.get("/api/config", params={"token": TOKEN})
        assert config.json()["token_required"] and config.headers["x-content-type-options"] == "nosniff"
        assert config.headers.get_list("cache-control") == ["no-cache"]
        unknown = await http.get("/api/picture", params={"token": TOKEN, "session": "nobody"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "protocol")
        assert (await http.get("/api/v1/sessions", params={"token": TOKEN})).status_code == 404
        assert (await http.get("/", headers={"Host": "evil.example"})).status_code == 403


async def test_sessions_are_spread_come_back_and_move_with_picture_and_controls(address: str) -> None:
    async with page_of(address) as first, page_of(address) as second, httpx.AsyncClient(base_url=address) as http:
        for page, secret in ((first, SECRET), (second, SECRET[::-1])):
            hello = await page.hello(resume=secret)
            await page.start(FakeCamera())
            await page.wait_for_frames(2)
        health = (await http.get("/api/health", params={"token": TOKEN})).json()
        assert sorted(each["sessions"] for each in health["replicas"].values()) == [1, 1]
        await second.send(type="control", head=1.5)
        query = {"token": TOKEN, "session": hello["session"], "name": "red.png"}
        upload = await http.put("/api/picture", params=query, content=png((200, 30, 30)))
        assert upload.status_code == 202, upload.text
        await second.receive("picture-status", stage="ready")
        metrics = (await http.get("/metrics", params={"token": TOKEN})).text
        assert all(f'kagami_sessions{{replica="{name}"}} 1.0' in metrics for name in health["replicas"])
    async with page_of(address) as page:
        again = await page.hello(resume=SECRET[::-1])
        assert again["resumed"] and again["session"] == hello["session"]
        assert (again["picture"]["name"], again["controls"]["head"]) == ("red.png", 1.5)


async def test_session_of_a_killed_replica_goes_on_at_the_other_one(address: str) -> None:
    async with page_of(address) as page, httpx.AsyncClient(base_url=address) as http:
        hello = await page.hello(resume="a-secret-for-a-killed-replica")
        await page.start(FakeCamera())
        await page.send(type="control", head=1.5)
        await page.wait_for_frames(2)
        query = {"token": TOKEN, "session": hello["session"], "name": "red.png"}
        assert (await http.put("/api/picture", params=query, content=png((200, 30, 30)))).status_code == 202
        await page.receive("picture-status", stage="ready")
        directory = ray.serve.get_deployment_handle("directory", "kagami")
        async with asyncio.timeout(60):
            while (record := await directory.find.remote(digest("a-secret-for-a-killed-replica"))) is None or (
                (carried := pickle.loads(record.carried)).name != "red.png" or carried.controls.head != 1.5
            ):
                await asyncio.sleep(0.1)
        ray.kill(ray.get_actor(f"SERVE_REPLICA::kagami#engine#{record.replica}", namespace="serve"))
        again = await page.receive("ready", count=2)
        assert again["resumed"] and again["session"] == hello["session"]
        assert (again["picture"]["name"], again["controls"]["head"]) == ("red.png", 1.5)
        await page.drop_peer()
        await page.start(FakeCamera())
        await page.wait_for_frames(page.received + 3)


def test_cluster_that_does_not_answer_is_told_in_one_sentence() -> None:
    from streamer.cluster import start  # noqa: PLC0415 - Ray

    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # a port that is taken, and on which nobody listens
        address = f"127.0.0.1:{unheard.getsockname()[1]}"
        for written in (address, f"ray://{address}"):
            with pytest.raises(ClusterUnreachableError) as caught:
                start.start_ray(written)
            assert str(caught.value) == (
                f"No Ray cluster answers at {written}: start one with ray start --head, or leave --address away to "
                "start one on this machine."
            )
