"""What drawing the pieces of limbs costs, beside the torch reference: `python -m benchmarks.tiles`.

`draw_tiles` draws noise: pieces like limbs, each a slanting strip over .4 of its box, which is a third of the canvas
wide; and the same with boxes that are covered all over. The backends take turns. On CUDA a graph is replayed.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.common.device_rates import fastest_turns
from benchmarks.common.kernel_command import print_hardware, run_on_device
from kernels.backend import choose
from kernels.tiles import draw_tiles
from models.geometry.grid import unit_grid

CELLS = 64  # of a piece's map, across
BOX = 1 / 3  # half side of a piece's box, canvas units
STRIP = 0.4  # half width of a limb, in half sides of its box


class Workload:
    """Sessions with noise for the tiles of their pieces, which have half as many texels across as a picture pixels."""

    def __init__(self, sessions: int, pieces: int, size: int, device: torch.device) -> None:
        generator = torch.Generator(device).manual_seed(1)

        def noise(*shape: int) -> Tensor:
            return torch.rand(sessions, pieces, *shape, generator=generator, device=device)

        self.size = size
        self.tiles = noise(size // 2, size // 2, 4).permute(0, 1, 4, 2, 3)
        x, y = unit_grid(CELLS, device)[0].unbind(-1)
        turned = torch.stack([0.8 * x + 0.6 * y, 0.8 * y - 0.6 * x])
        covers = {"limbs": (turned[:1].abs() < STRIP).float(), "whole boxes": torch.ones_like(turned[:1])}
        self.maps = {
            name: torch.cat([turned, cover]).repeat(sessions, pieces, 1, 1, 1) for name, cover in covers.items()
        }
        self.boxes = torch.cat([noise(2) - 0.5, torch.full_like(noise(1), BOX)], 2)
        self.order = torch.arange(pieces, device=device).repeat(sessions, 1)
        self.slot = self.order % 3

    def draw(self, name: str, backend: str) -> Tensor:
        """The images (B, 3, 4, S, S). name: of `maps`."""
        return draw_tiles(self.tiles, self.maps[name], self.boxes, self.order, self.slot, self.size, backend)


@torch.inference_mode()
def report(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all workloads, print a row of each, and return the JSON report."""
    device = torch.device(options.device)
    backends = choose("auto", torch.empty(0, device=device), backends=("numba", "triton")), "reference"
    hardware = print_hardware(device, f"{options.pieces} pieces", f"{options.size} pixels")
    print("\nsessions   pieces         backend     ms a frame   of the reference")
    rows = []
    for sessions in options.sessions:
        load = Workload(sessions, options.pieces, options.size, device)
        works = {(name, backend): partial(load.draw, name, backend) for name in load.maps for backend in backends}
        seconds = fastest_turns(works, device, options.rounds, options.repeats)
        for (name, backend), each in seconds.items():
            ms, ratio = 1e3 * each / sessions, each / seconds[name, "reference"]
            rows.append({"sessions": sessions, "pieces": name, "backend": backend, "ms": ms, "ratio": ratio})
            print(f"{sessions:8d}   {name:12}   {backend:9} {ms:12.3f} {ratio:18.4f}", flush=True)
    return {"hardware": hardware, "size": options.size, "pieces": options.pieces, "rows": rows}


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 2 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Measure what drawing the pieces of limbs costs.")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 8, 32] if torch.cuda.is_available() else [1])
    parser.add_argument("--size", type=int, default=512, help="pixels of a frame's side")
    parser.add_argument("--pieces", type=int, default=8, help="of each session")
    parser.add_argument("--rounds", type=int, default=11, help="turns of all workloads; the fastest is printed")
    parser.add_argument("--repeats", type=int, default=3, help="frames of a workload in one turn")
    return run_on_device(parser, report, arguments)


if __name__ == "__main__":
    sys.exit(main())
