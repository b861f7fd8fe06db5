"""What a turned square window shows, laid over a picture: the last word of the close-ups.

`overlay` is the one place to call. Its torch reference is the specification; the twins `overlay_numba` (CPU) and
`overlay_triton` (CUDA) touch only the pixels that the window covers.
"""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.backend import choose
from kernels.warp import places


def overlay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor, backend: str = "auto") -> None:
    """Paint over the person in a picture, in place: inside the window colour += cover · alpha · (paint − colour).

    picture (B, 4, S, S): RGB and alpha, 0..1, contiguous. window (B, 6), canvas units: centre x, y; the ways x, y from
    there to the middle of the right and of the lower edge, at right angles and of one length. cover (B, 1, n, n) and
    paint (B, 3, n, n), 0..1, over the window. backend: see `kernels.backend`. Raises ValueError for an unknown one, for
    a picture that is not contiguous and for sizes that do not fit.
    """
    if not picture.is_contiguous():
        raise ValueError("the picture must be contiguous")
    batch, side = len(picture), cover.shape[-1]
    if window.shape != (batch, 6) or cover.shape != (batch, 1, side, side) or paint.shape != (batch, 3, side, side):
        shapes = ", ".join(str(tuple(part.shape)) for part in (window, cover, paint))
        raise ValueError(f"{batch} pictures want as many windows with cover and paint of one side, got {shapes}")
    twin = choose(backend, picture, window, cover, paint, twins=("numba", "triton"))
    lay = reference if twin == "reference" else import_module(f"kernels.overlay_{twin}").lay
    lay(picture, window, cover, paint)


def reference(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """`overlay` in torch."""
    centre, across, down = window.unflatten(1, (3, 2)).unbind(1)
    away = places(F.pad(centre, (0, 1), value=1.0), picture.shape[-1])  # canvas units, from the centre
    axes = torch.stack([across, down], -1) / down.square().sum(-1).clamp_min(1e-9)[:, None, None]
    at = away @ axes[:, None]  # (B, S, S, 2) window units
    cover, paint = F.grid_sample(torch.cat([cover, paint], 1), at, "bilinear", "border", False).split([1, 3], 1)
    inside = (at.abs().amax(-1) < 1).to(cover.dtype).unsqueeze(1)
    colour, alpha = picture[:, :3], picture[:, 3:]
    colour += cover * inside * alpha * (paint - colour)
