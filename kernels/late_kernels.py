"""The kernels that a start on a CPU does not need, but pictures or keys of later: those of limbs, tongues, patches
and eyes without lids.

They can be compiled before, by another process, since the code that it keeps is found by this one.
"""

from __future__ import annotations

from typing import Any

import torch

from kernels.backend import choose


def missing_kernels() -> list[tuple[Any, str]]:
    """Functions and their signatures whose code is not kept on the disk although it could be; none where numba does not
    run kernels.
    """
    if choose("auto", torch.zeros(1), backends=("numba",)) != "numba":
        return []
    from kernels.compile import lacks_code  # noqa: PLC0415  (numba is slow to import)

    return [(function, signature) for function, signature in late_kernels() if lacks_code(function, signature)]


def compile_missing() -> None:
    """Compile them all, and keep their code; in seconds."""
    from kernels.compile import compile_for  # noqa: PLC0415  (as above)

    for function, signature in missing_kernels():
        compile_for(function, signature)


def late_kernels() -> list[tuple[Any, str]]:
    """Each function with the one signature with which frames call it."""
    from kernels.closeup_maps.numba_kernel import add_window  # noqa: PLC0415  (as above)
    from kernels.layers.numba_kernel import lay_picture_between, lay_picture_over  # noqa: PLC0415
    from kernels.overlay.numba_kernel import overlay_picture  # noqa: PLC0415
    from kernels.row_fill.numba_kernel import fill_picture  # noqa: PLC0415
    from kernels.tiles.numba_kernel import draw_picture  # noqa: PLC0415

    numbers, texels = "int64[::1]", "int16[:,::1]"
    row, rows, images, pieces = "float32[::1]", "float32[:,::1]", "float32[:,:,::1]", "float32[:,:,:,::1]"
    return [
        (draw_picture, f"{texels}, int64, {pieces}, {rows}, {numbers}, {numbers}, {pieces}"),
        (lay_picture_over, f"{images}, {images}, {images}"),
        (lay_picture_between, f"{images}, {images}, {images}"),
        (add_window, f"{images}, {row}, {row}, {rows}, {images}"),
        (overlay_picture, f"{images}, {row}, {rows}, {images}"),
        (fill_picture, f"{images}, {rows}, int64, int64, {images}"),
    ]
