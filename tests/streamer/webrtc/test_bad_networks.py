"""A page on a bad network: frames come through loss and reordering, and again after each disturbance."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiortc import RTCPeerConnection

from benchmarks.streaming.lossy_network import LossyNetwork
from streamer.webrtc.decoder_queue import install_decoder_queue
from streamer.webrtc.jitter_buffer import install_jitter_buffer
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import wait_for_brightness


class LossyPage(Page):
    """A page whose media pass a network. camera: its camera, in whose brightness the avatar's left half follows."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.network = LossyNetwork(seed=4)
        self.camera = FakeCamera(40)

    async def connect(self) -> None:
        """Set a peer connection up, over the network as it is then, with a camera that goes on as the last one did."""
        self.camera = FakeCamera(self.camera.brightness)
        await self.start(self.camera, on_gathered=self._on_gathered)

    def _on_gathered(self, connection: RTCPeerConnection) -> None:
        self.network.install(connection)
        receiver = connection.getTransceivers()[0].receiver
        decoding = install_decoder_queue(receiver, lambda width, height: None)  # as browsers do, and aiortc does not
        assert decoding is not None
        install_jitter_buffer(receiver, decoding.expect_key_frame)

    async def follows(self, brightness: int) -> None:
        """The camera's picture changes, and so does the avatar."""
        self.camera.brightness = brightness
        await wait_for_brightness(self, brightness)


@pytest.fixture
async def page() -> AsyncIterator[LossyPage]:
    async with serving(limits=UNLIMITED) as (address, _), LossyPage(socket_url(address)) as page:
        await page.hello()
        await page.connect()
        await page.wait_for_frames(10)
        yield page


@pytest.mark.parametrize("loss", [0.1, 0.2, 0.4])
async def test_avatar_follows_through_loss_and_reordering(page: LossyPage, loss: float) -> None:
    page.network.loss, page.network.reordered, page.network.delay_s = loss, 0.1, 0.02
    await page.follows(90)
    await page.wait_for_frames(5)
    page.network.loss = page.network.reordered = 0.0
    await page.follows(170)


async def test_avatar_follows_again_after_a_blackout(page: LossyPage) -> None:
    page.network.is_dark = True
    page.camera.brightness = 120
    sent = page.camera.sent
    await page.wait_until(lambda: page.camera.sent > sent + 90, "three seconds of camera frames")
    page.network.is_dark = False
    await page.follows(200)


async def test_avatar_follows_on_a_connection_that_replaces_another(page: LossyPage) -> None:
    """As after an ICE restart, which is another offer in this protocol."""
    for brightness in (90, 160):
        await page.drop_peer()
        await page.connect()
        await page.follows(brightness)
