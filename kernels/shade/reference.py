"""`shade` in torch: the specification, and the backend for training and export."""

from __future__ import annotations

from torch import Tensor

from kernels.sampling import canvas_grid, resize_map

# Share of the light, 0..1, that a surface reflects whatever its colour, so dark surfaces change by a larger factor than
# fair ones.
SPECULAR_REFLECTANCE = 0.1


def shade(picture: Tensor, gain: Tensor, box: Tensor | None) -> None:
    """See `kernels.shade.shade`."""
    size = picture.shape[-1]
    change = resize_map(gain, size, box) - 1
    if box is not None:
        change = change * (canvas_grid(box, size).abs().amax(-1) < 1).to(change.dtype).unsqueeze(1)
    colour, alpha = picture[:, :3], picture[:, 3:]
    colour += alpha * change * (colour + SPECULAR_REFLECTANCE)
    colour.clamp_(0, 1)
