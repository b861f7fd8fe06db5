"""Who may use the control API, and how often."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from streamer.errors import ForbiddenError
from streamer.server.access import address_of, check_token, is_from_this_machine
from streamer.server.rate_limits import RateLimiters
from streamer.settings import Settings


class ControlAccess:
    """Programs on this machine, with the token where there is one; by `--control-api token` also others that have it.

    `AccessMiddleware` has refused pages of other origins by their `Origin`; where a browser leaves that out, it says by
    `Sec-Fetch-Site` that another site asks.
    """

    def __init__(self, settings: Settings, limiters: RateLimiters) -> None:
        self._who = settings.control_api
        self._token = settings.token
        self._limiters = limiters

    def check(self, connection: HTTPConnection) -> str:
        """The address of a request that may come in. Raises MissingTokenError, ForbiddenError."""
        if self._who == "off":
            raise ForbiddenError("The control API is switched off: start the server without --control-api off.")
        check_token(connection, self._token)
        if connection.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise ForbiddenError("The request comes from another site: the control API is for programs.")
        if (self._token is None or self._who == "local") and not is_from_this_machine(connection):
            raise ForbiddenError(
                "The control API is for programs on the server's own machine: start the server with --token and "
                "--control-api token to use it from elsewhere."
            )
        return address_of(connection)

    def count(self, address: str) -> None:
        """Count one call. Raises TooFastError."""
        self._limiters.calls.reserve(address)
