"""The picture of one frame: the person moved at full resolution, the network's edit, the background behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.overlay import overlay
from kernels.shade import shade
from kernels.warp import Maps, odds, stretch, warp_composite
from models.closeups.inputs import Patch
from models.geometry.grid import unit_grid
from models.geometry.guidance import Guidance
from models.geometry.rig import Rig


class EditLike(Protocol):
    """The network's word on the focus box; see `models.dit.Edit`. flow is in units of the box's half side."""

    @property
    def flow(self) -> Tensor: ...
    @property
    def keep(self) -> Tensor: ...
    @property
    def paint(self) -> Tensor: ...
    @property
    def alpha(self) -> Tensor: ...


def compose(
    rig: Rig,
    guidance: Guidance,
    edit: EditLike | None = None,
    background: Tensor | None = None,
    patches: Sequence[Patch] = (),
) -> Tensor:
    """(B, 4, S, S) RGB over the background, and the person's alpha; 0..1.

    edit: None gives the picture that geometry alone can make; the network keeps that or paints over it. patches: what
    the close-ups say; within their reach the edit and geometry's dark are silent. background: (B, 3, S, S) instead of
    the picture's own.
    """
    trim = background is not None
    background = rig.plate if background is None else background
    alone, shift = speak(rig, patches, guidance.holes.shape[-1])
    missing = guidance.holes[:, :1] * (1 - guidance.confidence) * (1 - alone)
    if edit is None:
        told = Maps(guidance.behind, 1 - missing, rig.mouth[:, :, None, None])
    else:
        silent = 1 - alone
        keep = 1 - (1 - edit.keep) * stretch(silent, edit.keep.shape[-1])
        shift = shift + edit.flow * silent * rig.focus[:, 2, None, None, None]
        told = Maps(guidance.behind, keep, edit.paint, odds(edit.alpha * silent), missing, rig.mouth)
    maps = told._replace(flow=told.flow + shift, front=guidance.front + shift, area=guidance.area)
    box, wide = (None, None) if rig.whole else (rig.focus, guidance.flow)
    picture = warp_composite(rig.layer, maps, background, wide, box, trim)
    for patch in patches:
        overlay(picture, patch.window.flat(), 1 - patch.done.keep, patch.done.paint)
    shade(picture, guidance.gain, box)
    return picture


def speak(rig: Rig, patches: Sequence[Patch], cells: int) -> tuple[Tensor, Tensor]:
    """How far close-ups decide alone about a cell of the focus box (B, 1, cells, cells), 0..1, and what they add to its
    flow (B, 2, cells, cells), canvas units.
    """
    grid = unit_grid(cells, rig.focus.device)
    alone, shift = grid.new_zeros(len(rig), 1, cells, cells), grid.new_zeros(len(rig), 2, cells, cells)
    for patch in patches:
        window = patch.window.within(rig.focus)
        for who, rows, columns in window.bounds(cells):
            at = window.rows(who).at(grid[:, rows, columns])
            done = patch.done.rows(who)
            reach = F.grid_sample(done.reach, at, "bilinear", "zeros", False)
            step = F.grid_sample(done.flow, at, "bilinear", "zeros", False).permute(0, 2, 3, 1)
            spot = alone[who, :, rows, columns]
            torch.maximum(spot, reach, out=spot)
            shift[who, :, rows, columns] += patch.window.rows(who).lay(step).permute(0, 3, 1, 2)
    return alone, shift
