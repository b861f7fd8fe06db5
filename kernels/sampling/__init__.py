"""Bilinear sampling of small maps at the pixels of the canvas, which `warp`, `tiles`, `overlay` and `shade` share."""

from kernels.sampling.reference import canvas_grid, resize_map

__all__ = ["canvas_grid", "resize_map"]
