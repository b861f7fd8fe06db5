"""Loads the ICT-FaceKit head, a 3-D morphable model (USC Institute for Creative Technologies, MIT licence)."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array, Ints
from training.render.character.obj import ObjError, read_obj, read_vertices

ARRAY_SHAPES = {"base": (26719, 3), "vt": (28911, 2), "faces": (52220, 3), "fuv": (52220, 3), "mat": (52220,)}
NEUTRAL_FILE = "generic_neutral_mesh.obj"
IDENTITY_COUNT = 100
EXPRESSION_COUNT = 57

# Vertices of the 68 Multi-PIE landmarks, from the README of the public repository.
MULTIPIE_VERTICES = np.array(
    [1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
     2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
     1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518,
     5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966]
)  # fmt: skip
# Parts of the Multi-PIE landmarks.
RIGHT_BROW, LEFT_BROW, NOSE_BRIDGE = slice(17, 22), slice(22, 27), 27
RIGHT_EYE, LEFT_EYE, OUTER_LIPS = slice(36, 42), slice(42, 48), slice(48, 60)
FACE_END = 9409  # the vertices before it are the face
HEAD_END = 11248  # the vertices before it are face, head and neck
SOCKET_START = 13294  # first vertex of the eye sockets; the vertices from HEAD_END to it line the mouth
GUMS_START = 14062  # first vertex of gums and tongue
EYE_LEFT = (21451, 22221)  # sclera vertices of the character's left eye (+x)
EYE_RIGHT = (23021, 23791)
TONGUE_START = 16455  # first vertex of the tongue, among those of gums and tongue (14062–17038)
# First vertex of each tooth: the upper row from the left, the lower row from the left, and the end.
TOOTH_STARTS = np.array(
    [17039, 17230, 17416, 17607, 17730, 17895, 17991, 18067, 18143, 18219, 18295, 18391, 18556, 18679, 18870, 19056,
     19247, 19426, 19602, 19814, 19952, 20079, 20169, 20263, 20349, 20435, 20529, 20619, 20746, 20884, 21096, 21272,
     21451]
)  # fmt: skip


class FacekitError(Exception):
    """The face model cannot be read; the message is one sentence for the user."""


@dataclass(frozen=True)
class Facekit:
    """The morphable model. Units: cm, y up, +z out of the face, +x = the character's left.

    base: (26719, 3) neutral mean head.
    faces: (52220, 3) vertices of each triangle.
    corner_uv: (52220, 3) index into uv.
    uv: (28911, 2); the integer part of u is the tile.
    material: (52220,) index into material_names.
    identity: (100, 26719, 3) offsets of the identity modes, one standard deviation each.
    expression: (57, 26719, 3) offsets of the blendshapes at weight 1.
    """

    base: Array
    faces: Ints
    corner_uv: Ints
    uv: Array
    material: NDArray[np.uint8]
    material_names: list[str]
    identity: NDArray[np.float16]
    expression: Array
    expression_names: list[str]

    def triangles(self, *names: str) -> NDArray[np.int64]:
        """Indices of the triangles of the named materials."""
        expected = [self.material_names.index(name) for name in names]
        return np.flatnonzero(np.isin(self.material, expected))

    def expression_index(self, name: str) -> int:
        """Index of the blendshape `name`."""
        return self.expression_names.index(name)


def load_facekit(path: str | Path) -> Facekit:
    """Read the compact ICT-FaceKit file (`ict_facekit.npz`), or the public repository's folder of OBJ files.

    Raises FacekitError where it is missing, no archive, or an array or a file is missing or has the wrong shape.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / "ict_facekit.npz").is_file():
            return _checked(read_tree(path), path)
        path = path / "ict_facekit.npz"
    if not path.is_file():
        raise FacekitError(f"There is no face model at {path}: give the ict_facekit.npz file with --facekit.")
    try:
        # numpy does not close a damaged file that it has opened itself.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise FacekitError(f"{path} is not a readable .npz archive: give the ict_facekit.npz file.") from error
    expected = ARRAY_SHAPES | {
        "identity": (IDENTITY_COUNT, *ARRAY_SHAPES["base"]),
        "expression": (EXPRESSION_COUNT, *ARRAY_SHAPES["base"]),
    }
    for name, shape in expected.items():
        if name not in data:
            raise FacekitError(f"{path} has no array {name!r}, so it is not the compact ICT-FaceKit file.")
        if data[name].shape != shape:
            raise FacekitError(f"{path}: array {name!r} has shape {data[name].shape}, not {shape}.")
    for name, count in (("expr_names", EXPRESSION_COUNT), ("mat_names", None)):
        if name not in data or (count is not None and len(data[name]) != count):
            raise FacekitError(f"{path} has no usable list {name!r}, so it is not the compact ICT-FaceKit file.")
    return Facekit(
        base=data["base"].astype(np.float32),
        faces=data["faces"].astype(np.int32),
        corner_uv=data["fuv"].astype(np.int32),
        uv=data["vt"].astype(np.float32),
        material=data["mat"],
        material_names=data["mat_names"].tolist(),
        identity=data["identity"],
        expression=data["expression"].astype(np.float32),
        expression_names=data["expr_names"].tolist(),
    )


def read_tree(folder: Path) -> Facekit:
    """Read FaceXModel/*.obj: generic_neutral_mesh, identity000 and up, and every other OBJ file as a blendshape.

    Polygons are split, and materials numbered by name, as the compact file has them. Raises FacekitError.
    """
    models_folder = folder if (folder / NEUTRAL_FILE).is_file() else folder / "FaceXModel"
    if not (models_folder / NEUTRAL_FILE).is_file():
        raise FacekitError(
            f"{folder} holds neither ict_facekit.npz nor FaceXModel/{NEUTRAL_FILE}: give one of the two."
        )
    paths = {path.stem: path for path in sorted(models_folder.glob("*.obj")) if path.name != NEUTRAL_FILE}
    modes = [name for name in paths if re.fullmatch(r"identity\d+", name)]
    names = sorted(name for name in paths if name not in modes and not name.startswith("generic"))
    if not modes or not names:
        raise FacekitError(
            f"{models_folder} lacks the identity or the expression OBJ files: fetch the whole FaceXModel folder."
        )
    try:
        mesh = read_obj(models_folder / NEUTRAL_FILE)
        shapes = {name: read_vertices(paths[name], len(mesh.vertices)) - mesh.vertices for name in (*modes, *names)}
    except ObjError as error:
        raise FacekitError(str(error)) from error
    order = np.argsort(mesh.part_names)
    sorted_index = np.empty(len(order) + 1, np.int32)
    sorted_index[order] = np.arange(len(order))
    return Facekit(
        base=mesh.vertices,
        faces=mesh.faces,
        corner_uv=mesh.corner_uv,
        uv=mesh.uv,
        material=sorted_index[mesh.part].astype(np.uint8),
        material_names=sorted(mesh.part_names),
        identity=np.stack([shapes[name] for name in modes]).astype(np.float16),
        expression=np.stack([shapes[name] for name in names]),
        expression_names=names,
    )


def _checked(kit: Facekit, path: Path) -> Facekit:
    """The kit, after checking that it is the light ICT face model, whose vertex indices this package uses."""
    sizes = {
        "vertices": (len(kit.base), ARRAY_SHAPES["base"][0]), "triangles": (len(kit.faces), ARRAY_SHAPES["faces"][0]),
        "identity modes": (len(kit.identity), IDENTITY_COUNT), "expressions": (len(kit.expression), EXPRESSION_COUNT),
    }  # fmt: skip
    for name, (count, expected) in sizes.items():
        if count != expected:
            raise FacekitError(f"{path} has {count} {name}, not {expected}, so it is not the light ICT face model.")
    return kit
