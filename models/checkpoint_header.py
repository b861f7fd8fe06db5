"""The header of a file of weights, which tells in milliseconds whether it can be one. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

FORMAT = "kagami-dit-1"


class CheckpointError(Exception):
    """The file cannot be used as weights; the message is one sentence for the user."""


def damaged(path: Path, reason: str) -> CheckpointError:
    """The error for a file that was whole once."""
    return CheckpointError(f"{path} is damaged ({reason}): fetch or train it again.")


def read_header(path: Path) -> dict[str, str]:
    """The header's fields. Raises CheckpointError for a missing, damaged or foreign file."""
    if not path.is_file():
        raise CheckpointError(
            f"{path} is not there; train one with `python -m training.train` or use --generator geometry."
        )
    try:
        with safe_open(path, "np") as file:
            header: dict[str, str] = file.metadata() or {}
    except SafetensorError as error:
        raise damaged(path, str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}): check its permissions.") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} holds no Kagami weights ({FORMAT}): pass a file made by `python -m training.train`."
        )
    return header
