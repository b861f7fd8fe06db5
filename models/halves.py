"""Batches that hold one half after the other, as right eyes and left ones, or motions and their neutrals."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

Batch = TypeVar("Batch")


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """The first and the second half (views) of a dataclass whose fields are all tensors (2B, ...)."""
    given: Any = batch
    first, second = zip(*(getattr(given, f.name).chunk(2) for f in fields(given)), strict=True)
    return type(batch)(*first), type(batch)(*second)
