"""The HTTP answers to requests that failed: each error's sentence, with the status that fits it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from streamer.errors import (
    BackdropBusyError,
    BusyError,
    ForbiddenError,
    KagamiError,
    MissingTokenError,
    NoPageError,
    NotKeptError,
    NotLiveError,
    NotSeenError,
    OutputError,
    TooFastError,
    TooLargeError,
    UnknownHandleError,
    UnknownSessionError,
)
from streamer.rigging.points import TooManyPointsError
from streamer.server.access import error_response
from streamer.server.control_api_pictures import UnknownPictureError
from streamer.server.films import ClipTooLargeError, FilmBusyError, FilmsOffError, NoFilmError

STATUS_OF_ERROR: dict[type[Exception], int] = {
    UnknownSessionError: 404,
    NoPageError: 404,
    UnknownHandleError: 404,
    UnknownPictureError: 404,
    NotKeptError: 404,
    NoFilmError: 404,
    MissingTokenError: 401,
    ForbiddenError: 403,
    FilmsOffError: 403,
    NotLiveError: 409,
    NotSeenError: 409,
    OutputError: 409,
    BusyError: 409,
    BackdropBusyError: 409,
    FilmBusyError: 409,
    TooLargeError: 413,
    TooManyPointsError: 413,
    ClipTooLargeError: 413,
    TooFastError: 429,
}


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to a request whose route raised a KagamiError."""
    assert isinstance(error, KagamiError)
    return error_response(error, STATUS_OF_ERROR.get(type(error), 400))


async def answer_nobody(request: Request, error: Exception) -> Response:
    """The answer to a request whose client went away before its body was read: it is not sent any more."""
    return Response(status_code=400)
