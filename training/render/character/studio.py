"""The face model's mesh with its regions, atlas and painter, shared by all characters of a process."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array, Ints
from training.render.character import parts
from training.render.character.appearance import Painter
from training.render.character.atlas import Atlas
from training.render.character.body import HEAD_CUT, BodyModel, slant
from training.render.character.bodykit import Bodykit
from training.render.character.facekit import (
    EXPRESSION_COUNT,
    GUMS_START,
    HEAD_END,
    MULTIPIE_VERTICES,
    SOCKET_START,
    Facekit,
)
from training.render.character.parts import BODY, EYES, HEAD, MOUTH, SKIN, Material

USED_MATERIALS = ("M_Face", "M_BackHead", "M_GumsTongue", "M_Teeth")


def chin_shade(points: Array) -> Array:
    """Share (N,) of the light that the chin keeps from points (N, 3) of the mean neck and bust, 0..1."""
    x, y, z = points.T
    shade = np.clip((-7.0 - y) / 2, 0, 1) * np.clip((y + 17) / 7, 0, 1) * np.clip((9 - np.abs(x)) / 5, 0, 1)
    return (shade * np.clip((z + 4) / 5, 0, 1)).astype(np.float32)


class Studio:
    """The face model's mesh, atlas and painter, which all characters share; built once per process."""

    def __init__(self, kit: Facekit, bodykit: Bodykit | None = None) -> None:
        """Characters have whole bodies with a bodykit, and busts without one."""
        self.kit = kit
        self.body = BodyModel(bodykit) if bodykit is not None else None
        self.atlas = Atlas(kit)
        self.painter = Painter(self.atlas, self.body)
        triangles = kit.triangles(*USED_MATERIALS)
        # The lower end of the model's neck would pierce the clothes.
        middle = kit.base[kit.faces[triangles]].mean(1)
        triangles = triangles[slant(middle) > (-13.6 if self.body is None else HEAD_CUT)]
        used, index = np.unique(kit.faces[triangles], return_inverse=True)
        self.used = used
        self.faces: Ints = index.reshape(-1, 3).astype(np.int32)
        self.corner_uv = kit.corner_uv[triangles]
        self.base = kit.base[used]
        self.expression = np.ascontiguousarray(kit.expression[:, used]).reshape(EXPRESSION_COUNT, -1)
        self.compact = np.full(len(kit.base), -1, np.int32)
        self.compact[used] = np.arange(len(used))
        first = kit.faces[triangles, 0]
        face = kit.material[triangles] == kit.material_names.index("M_Face")
        centre = self.base[self.faces].mean(1)
        label = np.where(face & ((centre[:, 1] > -8.5) | (centre[:, 2] > 6)), SKIN, HEAD)
        label = np.where(centre[:, 1] < -13, BODY, label)
        label = np.where((first >= HEAD_END) & (first < SOCKET_START), MOUTH, label)
        label = np.where((first >= SOCKET_START) & (first < GUMS_START), EYES, label)
        self.label = np.where(first >= GUMS_START, MOUTH, label).astype(np.int32)
        self.material = np.where(self.label == MOUTH, Material.MOUTH, Material.SKIN).astype(np.int32)
        vertex_inside = used >= HEAD_END
        socket = (used >= SOCKET_START) & (used < GUMS_START)
        depth = np.clip((self.base[:, 2] - 3.5) / 7.0, 0.08, 1)
        self.brightness = np.where(vertex_inside & ~socket, depth, 1.0).astype(np.float32)
        self.chin_shade = np.where(vertex_inside, 0, chin_shade(self.base)).astype(np.float32)
        self.head_triangles = np.flatnonzero((self.label == SKIN) | (self.label == HEAD))
        self.head_weight = parts.head_weight(self.base)
        self.head_weight[vertex_inside] = 1
        self.landmark_vertices = self.compact[MULTIPIE_VERTICES]
        x, y, z = self.base.T
        ear = (np.abs(x) > 6.6) & (y > -3) & (y < 1.5) & (z > -3.5) & (z < 3.5) & ~vertex_inside
        self.ear_lobes = [int(np.where(ear & (x * sign > 0), y, 99).argmin()) for sign in (-1, 1)]
