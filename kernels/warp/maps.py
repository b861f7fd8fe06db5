"""The small maps that `warp_composite` takes, and the constants that its implementations share."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

BOX_FADE = 0.12  # share of a box's half side over which its maps fade out at its border
CANVAS_BORDER = 0.995  # canvas units: a border of the box beyond it is the canvas's own, where nothing fades
MIN_ALPHA = 1e-3  # alpha is clamped to MIN_ALPHA..1 − MIN_ALPHA before its odds are taken, so that they are finite
TRIM_GAIN = 10.0  # with `trim`, colours fade out below an alpha of 1 / TRIM_GAIN
MAX_LOGIT = 12.0  # clamp of alpha corrections


class Maps(NamedTuple):
    """Maps over a square box of the canvas, each at a resolution of its own (h, w).

    flow: (B, 2, h, w) backward displacement, canvas units.
    keep: (B, 1, h, w) 0..1, share of the moved layer; the person is keep · moved + (1 − keep) · paint.
    paint: (B, 3, h, w) RGB, 0..1.
    odds: (B, 1, h, w) factor of the odds of alpha, α : 1 − α; None: 1.
    missing: (B, 1, h, w) 0..1, share of a cell that the reference picture does not show; None: 0.
    dark: (B, 3) RGB of what is missing, under the paint; given with `missing`.
    front_flow: (B, 2, h, w) flow of a surface in front of everything that `flow` moves, continued outside of its
    outline; None: there is none.
    front_coverage: (B, 1, h, w) 0..1, share of a cell that this surface covers; given with `front_flow`.
    chart_position: (B, 2, h, w) x and y, −1..1, where the surface in front lies on its chart, a texture of its own with
    what the layer does not show of it, continued outside of the outline, too; None: there is no chart.
    chart_share: (B, 1, h, w) 0..1, share of the chart in the colour of this surface, the rest is the layer moved by
    `front_flow`; given with `chart_position`. Drawing is fastest where it is 0, and costs least extra where it is 1.

    The two flows are kept apart because one interpolated map of both would tear at the outline, from cell to cell; the
    outline between them is drawn as sharp as the pixels.
    """

    flow: Tensor
    keep: Tensor
    paint: Tensor
    odds: Tensor | None = None
    missing: Tensor | None = None
    dark: Tensor | None = None
    front_flow: Tensor | None = None
    front_coverage: Tensor | None = None
    chart_position: Tensor | None = None
    chart_share: Tensor | None = None


def odds(logit: Tensor) -> Tensor:
    """A correction of alpha in logits as a factor of its odds; the logit is clamped to ±`MAX_LOGIT`."""
    return logit.clamp(-MAX_LOGIT, MAX_LOGIT).exp()
