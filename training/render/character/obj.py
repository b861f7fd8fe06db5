"""Wavefront OBJ files: vertices, texture coordinates, polygons with their material or group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.render.arrays import Array, Ints


class ObjError(Exception):
    """The file is missing or no OBJ; the message is one sentence for the user."""


@dataclass(frozen=True)
class Obj:
    """A mesh; each polygon (a, b, c, d) is split into the triangles (a, b, c), (a, c, d)."""

    vertices: Array  # (V, 3)
    uv: Array  # (U, 2)
    faces: Ints  # (F, 3)
    corner_uv: Ints  # (F, 3); −1 where a polygon has none
    part: Ints  # (F,) index into part_names
    part_names: list[str]


def read_obj(path: Path, parts: str = "usemtl") -> Obj:
    """Read an OBJ file; parts = the keyword that names the parts, `usemtl` or `g`. Raises ObjError."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[tuple[int, ...]] = []
    uv_corners: list[tuple[int, ...]] = []
    part: list[int] = []
    names: list[str] = []
    current = -1
    for number, words in _lines(path):
        try:
            if words[0] == "v":
                vertices.append([float(x) for x in words[1:4]])
            elif words[0] == "vt":
                uv.append([float(x) for x in words[1:3]])
            elif words[0] == parts:
                name = words[1] if len(words) > 1 else ""
                if name not in names:
                    names.append(name)
                current = names.index(name)
            elif words[0] == "f":
                corners = [corner.split("/") for corner in words[1:]]
                point = [_index(end[0], len(vertices)) for end in corners]
                corner_uv = [_index(end[1], len(uv)) if len(end) > 1 and end[1] else -1 for end in corners]
                for k in range(1, len(corners) - 1):
                    faces.append((point[0], point[k], point[k + 1]))
                    uv_corners.append((corner_uv[0], corner_uv[k], corner_uv[k + 1]))
                    part.append(current)
        except (ValueError, IndexError) as error:
            raise ObjError(f"{path}, line {number}: {' '.join(words)!r} cannot be read as OBJ.") from error
    if not vertices or any(len(v) != 3 for v in vertices):
        raise ObjError(f"{path} holds no vertices, so it is not the OBJ file that was expected.")
    return Obj(
        np.array(vertices, np.float32), np.array(uv, np.float32).reshape(-1, 2),
        np.array(faces, np.int32).reshape(-1, 3), np.array(uv_corners, np.int32).reshape(-1, 3),
        np.array(part, np.int32), names,
    )  # fmt: skip


def read_vertices(path: Path, count: int) -> Array:
    """Only the vertices (count, 3) of an OBJ file, enough for a blendshape. Raises ObjError."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ObjError(f"{path} cannot be read ({error.strerror}).") from error
    rows = [line[2:] for line in text.splitlines() if line.startswith("v ")]
    try:
        vertices = np.array(" ".join(rows).split(), np.float32).reshape(-1, 3)
    except ValueError as error:
        raise ObjError(f"{path} holds a vertex that is not three numbers.") from error
    if len(vertices) != count:
        raise ObjError(f"{path} has {len(vertices)} vertices, not the {count} of the neutral mesh.")
    return vertices


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and words of each line that is neither empty nor a comment. Raises ObjError."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ObjError(f"{path} cannot be read ({error.strerror}).") from error
    split = ((n, line.split()) for n, line in enumerate(text.splitlines(), 1))
    return [(n, words) for n, words in split if words and not words[0].startswith("#")]


def _index(word: str, count: int) -> int:
    """Index 0.. of an OBJ index, which counts from 1, or from the end where negative."""
    value = int(word)
    index = value - 1 if value > 0 else count + value
    if not 0 <= index < count:
        raise IndexError(word)
    return index
