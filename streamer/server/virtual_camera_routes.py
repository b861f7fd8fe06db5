"""The virtual camera, switched on and off by the page on the server's own machine."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.engine.output_feed import OutputFeed
from streamer.errors import ForbiddenError, OutputError
from streamer.server.access import check_token, is_from_this_machine
from streamer.server.executors import Executors
from streamer.settings import Settings


def virtual_camera_routes(settings: Settings, executors: Executors, feed: OutputFeed | None) -> list[Route]:
    """`/api/virtual-camera`: GET tells its state, PUT switches it on, DELETE off. Programs on other machines are
    refused. feed: None where the server has no such output.

    The state is `on`, `off`, or `missing`, with the sentence that says what to install.
    """

    def check(request: Request) -> OutputFeed:
        check_token(request, settings.token)
        if not is_from_this_machine(request):
            raise ForbiddenError(
                "The virtual camera is switched on the server's own machine only: open the page there."
            )
        if feed is None:
            raise OutputError("This server has no virtual camera: start it with run_server.py.")
        return feed

    async def tell(request: Request) -> Response:
        return await answer(check(request))

    async def turn_on(request: Request) -> Response:
        camera = check(request)
        await executors.join(camera.turn_on)
        return await answer(camera)

    async def turn_off(request: Request) -> Response:
        camera = check(request)
        await executors.join(camera.turn_off)
        return await answer(camera)

    async def answer(camera: OutputFeed) -> Response:
        problem = await executors.join(camera.problem)
        state = "on" if camera.is_on else "off" if problem is None else "missing"
        return JSONResponse({"state": state, "message": problem}, headers={"Cache-Control": "no-store"})

    path = "/api/virtual-camera"
    return [
        Route(path, tell, methods=["GET"]),
        Route(path, turn_on, methods=["PUT"]),
        Route(path, turn_off, methods=["DELETE"]),
    ]
