"""Loads the MakeHuman base mesh (CC0): skeleton with hands, skin weights, shape targets.

It reads either the compact `makehuman_base.npz`, or the `data` folder of the public MakeHuman repository:
3dobjs/base.obj, rigs/default.mhskel with its weights, targets/**/*.target.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array, Ints
from training.render.character.obj import ObjError, read_obj

CM_PER_DECIMETRE = 10.0  # the files are in decimetres
# Folders of the targets that change the body.
TARGET_FAMILIES = ("macrodetails", "torso", "armslegs", "stomach", "hip", "neck", "pelvis")


class BodykitError(Exception):
    """The body model cannot be read; the message is one sentence for the user."""


@dataclass(frozen=True)
class Bodykit:
    """The body model in an A-pose. Units: cm, y up, +z forward, +x = the character's left.

    vertices: (V, 3) of all groups, including the helpers and joint cubes at which bones end.
    faces: (F, 3) of the body alone.
    corner_uv: (F, 3) index into uv.
    uv: (U, 2).
    bones: names of the B bones.
    parent: (B,) index into bones, −1 = none.
    head: per bone, the vertices whose mean is its head.
    tail: per bone, the vertices whose mean is its tail.
    weight_vertex, weight_bone, weight_value: (W,) skin weights as triples.
    targets: by name, vertices (K,) and their offsets (K, 3) in cm.
    """

    vertices: Array
    faces: Ints
    corner_uv: Ints
    uv: Array
    bones: list[str]
    parent: Ints
    head: list[Ints]
    tail: list[Ints]
    weight_vertex: Ints
    weight_bone: Ints
    weight_value: Array
    targets: dict[str, tuple[Ints, Array]]

    def ends(self, vertices: Array, bone: str) -> tuple[Array, Array]:
        """Head and tail (3,) of a bone in a body of shape `vertices` (V, 3)."""
        i = self.bones.index(bone)
        return vertices[self.head[i]].mean(0), vertices[self.tail[i]].mean(0)


def load_bodykit(path: str | Path) -> Bodykit:
    """Read the compact file or the public data tree. Raises BodykitError where it is missing or something else."""
    path = Path(path)
    if path.is_dir():
        return _load_tree(path)
    if not path.is_file():
        raise BodykitError(f"There is no body model at {path}: give makehuman_base.npz or MakeHuman's data folder.")
    try:
        # numpy does not close a damaged file that it has opened itself.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BodykitError(f"{path} is not a readable .npz archive: give the makehuman_base.npz file.") from error
    try:
        return _from_compact(data)
    except KeyError as error:
        raise BodykitError(f"{path} has no array {error}, so it is not the compact MakeHuman file.") from error
    except (ValueError, IndexError) as error:
        raise BodykitError(f"{path}: its arrays do not fit together ({error}).") from error


def _from_compact(data: dict[str, Any]) -> Bodykit:
    """The kit from the arrays of the compact file."""
    body = data["quad_group"] == data["group_names"].tolist().index("body")

    def slices(name: str) -> list[Ints]:
        return np.split(data[f"{name}_vertices"].astype(np.int32), data[f"{name}_offsets"][1:-1])

    targets = {}
    ends = data["target_offsets"]
    for i, name in enumerate(data["target_names"].tolist()):
        if name.split("/")[0] in TARGET_FAMILIES:
            span = slice(ends[i], ends[i + 1])
            delta = data["target_delta"][span].astype(np.float32) * np.float32(CM_PER_DECIMETRE)
            targets[name] = (data["target_vertex"][span].astype(np.int32), delta)
    return Bodykit(
        vertices=data["vertices"].astype(np.float32) * np.float32(CM_PER_DECIMETRE),
        faces=_triangulate(data["quads"][body]),
        corner_uv=_triangulate(data["quad_uv"][body]),
        uv=data["uv"].astype(np.float32),
        bones=data["bone_names"].tolist(),
        parent=data["bone_parent"].astype(np.int32),
        head=slices("bone_head"),
        tail=slices("bone_tail"),
        weight_vertex=data["weight_vertex"].astype(np.int32),
        weight_bone=data["weight_bone"].astype(np.int32),
        weight_value=data["weight_value"].astype(np.float32),
        targets=targets,
    )


def _triangulate(quads: NDArray) -> Ints:
    """Quads (Q, 4) as triangles (2·Q, 3), the two of a quad in succession."""
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1).reshape(-1, 3).astype(np.int32)


def _load_tree(folder: Path) -> Bodykit:
    """Read the public repository, its `makehuman` folder, or the `data` folder in that."""
    places = [folder, folder / "data", folder / "makehuman" / "data"]
    root = next((place for place in places if (place / "3dobjs" / "base.obj").is_file()), None)
    if root is None:
        raise BodykitError(f"{folder} has no 3dobjs/base.obj: give MakeHuman's data folder or makehuman_base.npz.")
    try:
        mesh = read_obj(root / "3dobjs" / "base.obj", parts="g")
    except ObjError as error:
        raise BodykitError(str(error)) from error
    if "body" not in mesh.part_names:
        raise BodykitError(f"{root / '3dobjs' / 'base.obj'} has no group 'body', so it is not MakeHuman's base mesh.")
    body = mesh.part == mesh.part_names.index("body")
    skeleton = root / "rigs" / "default.mhskel"
    bones, parent, head, tail, weights_file = _read(skeleton, _skeleton)
    vertex, bone, value = _read(skeleton.parent / weights_file, lambda data: _weights(data, bones))
    targets = {}
    for family in TARGET_FAMILIES:
        for path in sorted((root / "targets" / family).rglob("*.target")):
            name = path.relative_to(root / "targets").with_suffix("").as_posix()
            targets[name] = _target(path, len(mesh.vertices))
    if not targets:
        raise BodykitError(f"{root / 'targets'} holds no .target files of the body: fetch the whole data folder.")
    return Bodykit(
        mesh.vertices * np.float32(CM_PER_DECIMETRE), mesh.faces[body], mesh.corner_uv[body], mesh.uv, bones, parent,
        head, tail, vertex, bone, value, targets,
    )  # fmt: skip


def _read(path: Path, parse: Callable[[Any], Any]) -> Any:
    """A JSON file, parsed. Raises BodykitError where it cannot be read or has other content."""
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BodykitError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BodykitError(f"{path} is not the JSON of MakeHuman's default rig ({type(error).__name__}).") from error


def _skeleton(data: Any) -> tuple[list[str], Ints, list[Ints], list[Ints], str]:
    """Names, parents, heads and tails of the bones, and the name of the file of skin weights."""
    bones = sorted(data["bones"])
    index = {name: i for i, name in enumerate(bones)}
    parent = np.array([index.get(data["bones"][name]["parent"] or "", -1) for name in bones], np.int32)

    def ends(which: str) -> list[Ints]:
        return [np.array(data["joints"][data["bones"][name][which]], np.int32) for name in bones]

    return bones, parent, ends("head"), ends("tail"), str(data["weights_file"])


def _weights(data: Any, bones: list[str]) -> tuple[Ints, Ints, Array]:
    """Skin weights as vertices, bones and values, each (W,)."""
    rows = [(v, bones.index(name), w) for name, pairs in data["weights"].items() for v, w in pairs]
    vertex, bone, value = zip(*rows, strict=True)
    return np.array(vertex, np.int32), np.array(bone, np.int32), np.array(value, np.float32)


def _target(path: Path, count: int) -> tuple[Ints, Array]:
    """Read a shape target: one line per moved vertex, its index and its offset in decimetres."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
        table = np.array([line.split() for line in lines], np.float64).reshape(-1, 4)
    except (OSError, ValueError) as error:
        raise BodykitError(f"{path} is not a MakeHuman target: each line is a vertex and three numbers.") from error
    vertex = table[:, 0].astype(np.int32)
    if len(vertex) and not 0 <= vertex.min() <= vertex.max() < count:
        raise BodykitError(f"{path} moves a vertex that base.obj does not have.")
    return vertex, (table[:, 1:] * CM_PER_DECIMETRE).astype(np.float32)
