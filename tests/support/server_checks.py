"""Helpers of the server's tests: HTTP requests, uploads, what the fake pipeline draws, and waiting for a condition."""

from __future__ import annotations

import asyncio
import gc
import io
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.support.page import MESSAGE_TIMEOUT_S, Page


def left_brightness(page: Page) -> float:
    """Mean of the left half, where the fake pipeline draws the camera's brightness, 0..255."""
    picture = page.avatar_rgb()
    return float(picture[:128, : picture.shape[1] // 2 - 4].mean())


def right_colour(page: Page) -> np.ndarray:
    """Mean RGB of the right half, where the fake pipeline draws the avatar's colour."""
    picture = page.avatar_rgb()
    return picture[:128, picture.shape[1] // 2 + 4 :].reshape(-1, 3).mean(0)


async def wait_for_brightness(page: Page, value: float) -> None:
    await page.wait_until(
        lambda: page.frame is not None and abs(left_brightness(page) - value) < 12, f"brightness {value}"
    )


async def wait_for_colour(page: Page, colour: tuple[int, int, int]) -> None:
    await page.wait_until(
        lambda: page.frame is not None and np.abs(right_colour(page) - colour).max() < 14, f"colour {colour}"
    )


async def wait_until_settled(condition: Callable[[], bool], describe: Callable[[], Any] = lambda: "") -> None:
    """Collect garbage until the condition holds. describe: what to report if it does not within the time limit."""
    for _ in range(round(MESSAGE_TIMEOUT_S / 0.1)):
        if condition():
            return
        gc.collect()
        await asyncio.sleep(0.1)
    raise AssertionError(f"it did not settle: {describe()}")


def png(colour: tuple[int, int, int] = (1, 2, 3), side: int = 80) -> bytes:
    """A square PNG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(data, "PNG")
    return data.getvalue()


async def http_request(address: str, method: str, path: str, **options: Any) -> httpx.Response:
    """address: `http://HOST:PORT`. options: as for httpx."""
    async with httpx.AsyncClient(base_url=address, timeout=MESSAGE_TIMEOUT_S) as client:
        return await client.request(method, path, **options)
