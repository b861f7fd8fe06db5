"""Face and body models: the real ones where they are installed, and small ones with their public file trees."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from training.render.character.bodykit import CM_PER_DECIMETRE, Bodykit
from training.render.character.facekit import Facekit

FACEKIT = os.environ.get("KAGAMI_FACEKIT", "")
needs_facekit = pytest.mark.skipif(
    not FACEKIT or not Path(FACEKIT).exists(),
    reason="the face model is not in the repository: set KAGAMI_FACEKIT to ict_facekit.npz to run this test",
)
BODYKIT = os.environ.get("KAGAMI_BODYKIT", "")
needs_bodykit = pytest.mark.skipif(
    not BODYKIT or not Path(BODYKIT).exists(),
    reason="the body model is not in the repository: set KAGAMI_BODYKIT to makehuman_base.npz to run this test",
)


def small_facekit() -> Facekit:
    """Two quads and a triangle in two materials, two identity modes, three expressions."""
    base = np.float32([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0.5], [2, 1, 0.5], [3, 0, 1]])
    rng = np.random.default_rng(1)
    faces = np.int32([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2], [4, 6, 5]])
    return Facekit(
        base=base, faces=faces, corner_uv=faces.copy(), uv=rng.uniform(0, 1, (7, 2)).astype(np.float32),
        material=np.uint8([1, 1, 0, 0, 0]), material_names=["M_BackHead", "M_Face"],
        identity=rng.normal(0, 1, (2, 7, 3)).astype(np.float16),
        expression=rng.normal(0, 1, (3, 7, 3)).astype(np.float32), expression_names=["blink_L", "blink_R", "jawOpen"],
    )  # fmt: skip


def obj_text(vertices: np.ndarray, polygons: str = "", uv: np.ndarray | None = None) -> str:
    lines = ["# a comment", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices)]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in (uv if uv is not None else [])]
    return "\n".join(lines) + "\n" + polygons


def polygons(faces: np.ndarray, corners: np.ndarray, part: np.ndarray, names: list[str], keyword: str) -> str:
    """OBJ lines of triangles; two consecutive ones that form a quad are written as that quad."""
    lines, i, last = [], 0, -1
    while i < len(faces):
        f, c = faces[i] + 1, corners[i] + 1
        row = [(f[k], c[k]) for k in range(3)]
        pair = i + 1 < len(faces) and (faces[i + 1, :2] == faces[i, [0, 2]]).all() and part[i] == part[i + 1]
        if pair and (corners[i + 1, :2] == corners[i, [0, 2]]).all():
            row.append((faces[i + 1, 2] + 1, corners[i + 1, 2] + 1))
        if part[i] != last:
            lines.append(f"{keyword} {names[part[i]]}")
            last = part[i]
        lines.append("f " + " ".join(f"{a}/{b}" for a, b in row))
        i += len(row) - 2
    return "\n".join(lines) + "\n"


def write_face_tree(kit: Facekit, folder: Path) -> Path:
    """Write the kit in the file tree of the public ICT-FaceKit repository; returns its FaceXModel folder."""
    place = folder / "FaceXModel"
    place.mkdir(parents=True)
    rows = polygons(kit.faces, kit.corner_uv, kit.material, kit.material_names, "usemtl")
    (place / "generic_neutral_mesh.obj").write_text(obj_text(kit.base, rows, kit.uv))
    for i, mode in enumerate(kit.identity):
        (place / f"identity{i:03d}.obj").write_text(obj_text(kit.base + mode.astype(np.float32)))
    for name, delta in zip(kit.expression_names, kit.expression, strict=True):
        (place / f"{name}.obj").write_text(obj_text(kit.base + delta))
    return place


def small_bodykit() -> Bodykit:
    """A flat body of six vertices with two bones and two targets."""
    x, y = np.meshgrid([-10.0, 10.0], [0.0, 40.0, 80.0])
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(6)], 1).astype(np.float32)
    faces = np.int32([[0, 1, 3], [0, 3, 2], [2, 3, 5], [2, 5, 4]])
    return Bodykit(
        vertices=vertices, faces=faces, corner_uv=faces.copy(), uv=np.float32(vertices[:, :2] / 100 + 0.2),
        bones=["neck", "root"], parent=np.int32([1, -1]), head=[np.int32([2, 3]), np.int32([0, 1])],
        tail=[np.int32([4, 5]), np.int32([2, 3])], weight_vertex=np.int32([4, 5, 0, 1, 2, 3]),
        weight_bone=np.int32([0, 0, 1, 1, 1, 1]), weight_value=np.float32([1, 1, 1, 1, 0.5, 0.5]),
        targets={"torso/torso-wide": (np.int32([1, 3]), np.float32([[5, 0, 0], [4, 0, 0]])),
                 "macrodetails/tall": (np.int32([5]), np.float32([[0, 10, 0]]))},
    )  # fmt: skip


def write_body_tree(kit: Bodykit, folder: Path) -> Path:
    """Write the kit in the file tree of the public MakeHuman repository; returns its data folder."""
    data = folder / "makehuman" / "data"
    for name in ("3dobjs", "rigs", "targets"):
        (data / name).mkdir(parents=True)
    rows = polygons(kit.faces, kit.corner_uv, np.zeros(len(kit.faces), int), ["body"], "g")
    helper = f"g helper-tights\nf {' '.join(f'{i}/{i}' for i in (1, 2, 4))}\n"
    (data / "3dobjs" / "base.obj").write_text(obj_text(kit.vertices / CM_PER_DECIMETRE, rows + helper, kit.uv))
    joints = {f"{bone}____{end}": [int(v) for v in at[i]]
              for end, at in (("head", kit.head), ("tail", kit.tail)) for i, bone in enumerate(kit.bones)}  # fmt: skip
    bones = {
        bone: {"head": f"{bone}____head", "tail": f"{bone}____tail",
               "parent": kit.bones[kit.parent[i]] if kit.parent[i] >= 0 else None}
        for i, bone in enumerate(kit.bones)
    }  # fmt: skip
    rig = {"name": "default", "bones": bones, "joints": joints, "weights_file": "default_weights.mhw"}
    (data / "rigs" / "default.mhskel").write_text(json.dumps(rig))
    weights: dict[str, list] = {bone: [] for bone in kit.bones}
    for vertex, bone, value in zip(kit.weight_vertex, kit.weight_bone, kit.weight_value, strict=True):
        weights[kit.bones[bone]].append([int(vertex), float(value)])
    (data / "rigs" / "default_weights.mhw").write_text(json.dumps({"weights": weights}))
    for name, (vertex, delta) in kit.targets.items():
        path = (data / "targets" / name).with_suffix(".target")
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = "\n".join(
            f"{v} {x:.5f} {y:.5f} {z:.5f}" for v, (x, y, z) in zip(vertex, delta / CM_PER_DECIMETRE, strict=True)
        )
        path.write_text("# a target\n" + rows + "\n")
    return data
