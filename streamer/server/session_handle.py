"""The public name of a session."""

from __future__ import annotations

import hashlib


def session_handle(name: str) -> str:
    """Eight hexadecimal digits, from which the session's secret name does not follow."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]
