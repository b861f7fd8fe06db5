"""The names that requests give to files: for messages only, never a path."""

from __future__ import annotations

import re

from starlette.requests import Request

MAX_NAME = 80  # characters
_NOT_IN_A_NAME = re.compile(r"[^\w .,()&'+\-]", re.UNICODE)


def upload_name(request: Request, otherwise: str) -> str:
    """The name that a request gives its file. otherwise: where it gives none."""
    return _NOT_IN_A_NAME.sub("", request.query_params.get("name", ""))[:MAX_NAME].strip() or otherwise
