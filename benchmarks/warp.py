"""What drawing a frame costs, by how much of the head comes from its chart: `python -m benchmarks.warp`.

`warp_composite` draws noise at full resolution, with a head of 70 by 85 % of its box in front: without a chart, with a
chart that nothing is taken from, that covers a third of the head as in a far turn, that fades in over most of the head,
and that covers all of it. The workloads take turns, since the speed of a shared machine changes from minute to minute.
On CUDA a graph is replayed.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.common.device_rates import fastest_turns
from benchmarks.common.kernel_command import print_hardware, run_on_device
from kernels.backend import choose
from kernels.warp import Maps, warp_composite
from models.geometry.grid import unit_grid

CELLS = 128  # of the maps that geometry makes; those of the network have twice as many
FADE = 20  # the edges of head and chart are 1 / FADE of the box's half side wide


class Workload:
    """Sessions with noise for pictures, of size × size pixels, and a chart of chart_side × chart_side texels."""

    def __init__(self, sessions: int, size: int, chart_side: int, device: torch.device) -> None:
        generator = torch.Generator(device).manual_seed(1)

        def noise(*shape: int) -> Tensor:
            return torch.rand(sessions, *shape, generator=generator, device=device)

        def flow() -> Tensor:
            coarse = noise(2, 6, 6) - 0.5
            return 0.1 * F.interpolate(coarse, (CELLS, CELLS), mode="bicubic")

        order = torch.channels_last
        self.layer = noise(4, 2 * size - 1, 2 * size - 1).contiguous(memory_format=order)
        self.chart = noise(4, chart_side, chart_side).contiguous(memory_format=order)
        self.background, self.canvas_flow = noise(3, size, size), flow()
        self.box = torch.tensor([[0.0, -0.1, 0.65]], device=device).repeat(sessions, 1)
        self.grid = unit_grid(CELLS, device).expand(sessions, -1, -1, -1).permute(0, 3, 1, 2)
        x, y = self.grid.split(1, 1)
        head = ((1 - ((x / 0.7) ** 2 + (y / 0.85) ** 2).sqrt()) * FADE).clamp(0, 1)
        self.maps = Maps(
            flow(), noise(1, 2 * CELLS, 2 * CELLS), noise(3, 2 * CELLS, 2 * CELLS), noise(1, CELLS, CELLS) + 0.5,
            noise(1, CELLS, CELLS), noise(3), flow(), head,
        )  # fmt: skip

    def draw(self, share: Tensor | None) -> Tensor:
        """The picture (B, 4, S, S), with this share of the chart; None: without a chart."""
        maps, chart = self.maps, None
        if share is not None:
            maps, chart = maps._replace(chart_position=self.grid, chart_share=share), self.chart
        return warp_composite(self.layer, maps, self.background, self.canvas_flow, self.box, chart=chart)

    def shares(self) -> dict[str, Tensor | None]:
        """The share of the chart (B, 1, G, G), by what it stands for."""
        x = self.grid[:, :1]
        return {
            "no chart": None,
            "nothing of it": torch.zeros_like(x),
            "a third of the head": ((x - 0.2) * FADE).clamp(0, 1),
            "fading in": ((x + 0.1) * 1.6).clamp(0, 1),
            "the whole head": torch.ones_like(x),
        }


@torch.inference_mode()
def report(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all workloads, print a row of each, and return the JSON report."""
    device = torch.device(options.device)
    backend = choose("auto", torch.empty(0, device=device), backends=("numba", "triton"))
    hardware = print_hardware(device, backend, f"{options.size} pixels", f"chart {options.chart}")
    print("\nsessions   chart                  ms a frame   of that without")
    rows = []
    for sessions in options.sessions:
        load = Workload(sessions, options.size, options.chart, device)
        works = {name: partial(load.draw, share) for name, share in load.shares().items()}
        seconds = fastest_turns(works, device, options.rounds, options.repeats)
        for name, each in seconds.items():
            ms, ratio = 1e3 * each / sessions, each / seconds["no chart"]
            rows.append({"sessions": sessions, "chart": name, "ms": ms, "ratio": ratio})
            print(f"{sessions:8d}   {name:20} {ms:12.3f} {ratio:17.3f}", flush=True)
    return {"hardware": hardware, "backend": backend, "size": options.size, "chart": options.chart, "rows": rows}


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 2 with one sentence on stderr."""
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description="Measure what drawing a frame costs with a chart of the head.")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 8, 32] if cuda else [1])
    parser.add_argument("--size", type=int, default=512, help="pixels of a frame's side")
    parser.add_argument("--chart", type=int, default=512, help="texels of the chart's side")
    parser.add_argument("--rounds", type=int, default=11, help="turns of all workloads; the fastest is printed")
    parser.add_argument("--repeats", type=int, default=10, help="frames of a workload in one turn")
    return run_on_device(parser, report, arguments)


if __name__ == "__main__":
    sys.exit(main())
