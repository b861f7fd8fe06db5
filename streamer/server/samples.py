"""The sample pictures of the page's shelf: a fixed list of names, and routes that list them and send them."""

from __future__ import annotations

from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.errors import KagamiError, ProtocolError
from streamer.server.access import check_token, error_response
from streamer.server.executors import Executors
from streamer.settings import Settings

ASSETS = Path(__file__).resolve().parents[2] / "assets"
# The file of each sample and what the page says of it, by the only names that a request can give.
SAMPLES = {
    "portrait": ("avatar.png", "Portrait"),
    "painting": ("samples/painting.png", "Painting"),
    "anime": ("samples/anime.png", "Anime"),
    "cartoon": ("samples/cartoon.png", "Cartoon"),
    "animation": ("samples/animation.png", "3D animation"),
    "sculpture": ("samples/sculpture.png", "Sculpture"),
}
SMALL_SIDE = 128  # pixels, of a picture on the shelf


def sample_routes(executors: Executors, settings: Settings) -> list[Route]:
    """Routes `/api/samples`, which lists the samples, and `/api/samples/NAME`, with `?small` for the shelf's size.

    executors: where pictures are made small.
    """
    start = settings.ref[0].resolve() if len(settings.ref) == 1 and settings.points is None else None

    async def list_samples(request: Request) -> Response:
        check_token(request, settings.token)
        found = {name: (ASSETS / file, label) for name, (file, label) in SAMPLES.items() if (ASSETS / file).is_file()}
        return JSONResponse(
            [{"name": name, "label": label, "start": file.resolve() == start} for name, (file, label) in found.items()]
        )

    async def send_sample(request: Request) -> Response:
        check_token(request, settings.token)
        file, _ = SAMPLES.get(request.path_params["name"], (None, None))
        if file is None:
            return error_response(ProtocolError("There is no such sample picture: reload the page."), 404)
        try:
            if "small" in request.query_params:
                data, kind = await executors.decode(partial(_small, ASSETS / file)), "image/webp"
            else:
                data, kind = await executors.decode((ASSETS / file).read_bytes), "image/png"
        except (KagamiError, OSError):  # the file was removed after the start
            return error_response(ProtocolError("This sample picture is missing: choose another one."), 404)
        return Response(data, media_type=kind)

    return [Route("/api/samples", list_samples), Route("/api/samples/{name}", send_sample)]


@lru_cache(len(SAMPLES))
def _small(path: Path) -> bytes:
    """A sample as WebP of SMALL_SIDE."""
    data = BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS).save(data, "webp", quality=86)
    return data.getvalue()
