"""How fast the cache's attention is, and how fast it could be: `python -m benchmarks.attention`.

Ours is `store_kv` and `ring_attention`: norm of Q and K, the write, RoPE and attention itself, over the layers of a
cache as a step goes over them. Beside it stands what one writes without a kernel, `scaled_dot_product_attention` over
keys and values put together for it, with the same norms and turns; the same call alone, on what was put together
before; and the floor, the longer of moving each byte once and doing each product, at the rates at which this device
copies memory and multiplies large matrices. All times are of one layer. On CUDA a graph of all layers is replayed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import UnwritableError, json_file
from kernels.attention import Rope, apply_rope, axial_rope, head_norm
from kernels.backend import choose
from kernels.ring import FLOAT8, ring_attention, store_kv
from models.cache import Cache
from models.config import PRESETS, ModelConfig

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "float8": FLOAT8}
WARM_UP = 3
COPIED = {"cuda": 1 << 30, "cpu": 1 << 26}  # bytes; more than any cache between processor and memory holds
MATRIX = {"cuda": 8192, "cpu": 1024}  # side


@dataclass(frozen=True)
class Load:
    """Sessions whose rings are full, at different cursors, about to draw a frame. K and V of the current frame and its
    queries (L, B, H, N, D) are what projections left.
    """

    config: ModelConfig
    cache: Cache
    frames: tuple[Tensor, Tensor, Tensor]
    norm: Tensor
    rope: Rope

    @staticmethod
    def make(config: ModelConfig, sessions: int, device: torch.device, dtype: torch.dtype) -> Load:
        make = torch.Generator(device).manual_seed(1)
        short = torch.bfloat16 if dtype == FLOAT8 else dtype

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=make, device=device)

        cache = Cache(config, sessions, device, dtype)
        row = (config.depth, sessions, config.heads)
        cache.pin(None, *(random(*row, config.references * config.tokens, config.head_width) for _ in range(2)))
        for _ in range(config.ring):
            for layer in range(config.depth):
                key, value = (random(*row[1:], config.tokens, config.head_width) for _ in range(2))
                keys, values, scale = cache.layer(layer)
                store_kv(key, value, keys, values, cache.ring(), config.references, None, scale)
            cache.advance()
        projected = (row[0], sessions, config.tokens, config.heads, config.head_width)
        query, key, value = (random(*projected).to(short).transpose(2, 3) for _ in range(3))
        rope = axial_rope(config.grid, config.head_width).to(device)
        return Load(config, cache, (query, key, value), torch.ones(config.head_width, device=device), rope)

    def ours(self, layer: int) -> Tensor:
        query, key, value = (each[layer] for each in self.frames)
        keys, values, scale = self.cache.layer(layer)
        ring, references = self.cache.ring(), self.config.references
        store_kv(key, value, keys, values, ring, references, self.norm, scale)
        return ring_attention(query, keys, values, ring, self.rope, self.config.keyed, references, self.norm, scale)

    def put_together(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """Q, K, V (B, H, ·, D) for an attention that knows no slots. All rings stand alike: past, then current."""
        query, key, value = (each[layer] for each in self.frames)
        keys, values, scale = self.cache.layer(layer)
        config, dtype = self.config, query.dtype
        query, key = head_norm(query, self.norm).to(dtype), head_norm(key, self.norm).to(dtype)
        if scale is not None:  # unpacked first: the call takes no float8
            keys, values = keys.to(dtype) * scale[0, :, :, None, None], values.to(dtype) * scale[1, :, :, None, None]
        pinned, end = config.references * config.tokens, (config.references + config.ring) * config.tokens
        past = torch.cat([keys[:, :, pinned:end].to(dtype), key], 2)
        ages = torch.arange(-config.ring, 1, device=key.device).float()[None]
        k = torch.cat([keys[:, :, :pinned].to(dtype), apply_rope(past, ages, self.rope, config.keyed)], 2)
        v = torch.cat([values[:, :, :end].to(dtype), value], 2)
        return apply_rope(query, ages[:, -1:], self.rope, config.keyed), k, v

    def theirs(self, layer: int) -> Tensor:
        return F.scaled_dot_product_attention(*self.put_together(layer))

    def bytes(self) -> int:
        """Of one layer that must be read or written once: Q, K, V and the result, the live slots, the new one."""
        row = self.frames[0][0].numel()
        held = row * (self.config.references + self.config.ring + 1) * 2
        return 4 * row * self.frames[0].element_size() + held * self.cache.keys.element_size()

    def products(self) -> int:
        """Floating-point operations of one layer's two products."""
        slots = self.config.references + self.config.ring + 1
        return 4 * self.frames[0][0].numel() * slots * self.config.tokens


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median time of the work: on CUDA of the replays of a graph of it."""
    if device.type != "cuda":
        work()
        spent = []
        for _ in range(repeats):
            begun = time.perf_counter()
            work()
            spent.append(time.perf_counter() - begun)
        return statistics.median(spent)
    beside = torch.cuda.Stream(device)
    beside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(beside):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream(device).wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    marks = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    graph.replay()
    for begin, end in marks:
        begin.record()
        graph.replay()
        end.record()
    torch.cuda.synchronize(device)
    return statistics.median(begin.elapsed_time(end) for begin, end in marks) / 1000


def bandwidth(device: torch.device, repeats: int) -> float:
    """Bytes a second of a copy, read and written."""
    source = torch.empty(COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / seconds(lambda: target.copy_(source), device, repeats)


def rate(device: torch.device, dtype: torch.dtype, repeats: int) -> float:
    """Floating-point operations a second of a large product."""
    side = MATRIX[device.type]
    a = torch.randn(side, side, device=device).to(dtype)
    return 2 * side**3 / seconds(lambda: a @ a, device, repeats)


def measure(load: Load, device: torch.device, speed: float, products: float, repeats: int) -> dict[str, Any]:
    """One row. speed: bytes a second; products: operations a second."""
    layers = range(load.config.depth)
    together = [load.put_together(layer) for layer in layers]
    ours, theirs = load.ours(0).float(), load.theirs(0).float()

    def each_layer(work: Callable[[int], object]) -> float:
        return 1e6 * seconds(lambda: [work(layer) for layer in layers], device, repeats) / len(layers)

    row = {
        "ours_us": each_layer(load.ours),
        "put_together_us": each_layer(load.theirs),
        "sdpa_alone_us": each_layer(lambda layer: F.scaled_dot_product_attention(*together[layer])),
        "memory_floor_us": 1e6 * load.bytes() / speed,
        "product_floor_us": 1e6 * load.products() / products,
    }
    row["floor_share"] = max(row["memory_floor_us"], row["product_floor_us"]) / row["ours_us"]
    return {**row, "off": float((ours - theirs).norm() / theirs.norm())}


@torch.inference_mode()
def report(options: argparse.Namespace) -> dict[str, Any]:
    device = torch.device(options.device)
    speed = bandwidth(device, options.repeats)
    found: dict[str, Any] = {
        "hardware": describe(device.type),
        "backend": choose("auto", torch.empty(0, device=device)),
        "preset": options.preset,
        "bandwidth_gb_s": speed / 1e9,
        "tflops": {},
        "rows": [],
    }
    print(f"{found['hardware']['device']}, {found['backend']}, {options.preset}, commit {found['hardware']['commit']}")
    print(", ".join(f"{name} {version}" for name, version in found["hardware"]["versions"].items() if version))
    print(f"copies {speed / 1e9:.0f} GB/s\n")
    print(
        "cache     W  sessions   ours µs   put together µs   sdpa alone µs   memory floor µs   product floor µs     off"
    )
    for name in options.dtypes:
        dtype = DTYPES[name]
        products = rate(device, torch.bfloat16 if dtype == FLOAT8 else dtype, options.repeats)
        found["tflops"][name] = products / 1e12
        for ring in options.ring:
            config = replace(PRESETS[options.preset], ring=ring)
            for sessions in options.sessions:
                load = Load.make(config, sessions, device, dtype)
                row = measure(load, device, speed, products, options.repeats)
                found["rows"].append({"dtype": name, "ring": ring, "sessions": sessions, **row})
                print(
                    f"{name:9} {ring:1} {sessions:9d} {row['ours_us']:9.1f} {row['put_together_us']:17.1f} "
                    f"{row['sdpa_alone_us']:15.1f} {row['memory_floor_us']:17.1f} {row['product_floor_us']:18.1f} "
                    f"{row['off']:7.0e}",
                    flush=True,
                )
    return found


def main(arguments: list[str] | None = None) -> int:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description="Measure the cache's attention on a device.")
    parser.add_argument("--device", default="cuda" if cuda else "cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--preset", choices=PRESETS, default="base" if cuda else "tiny", help="size of the network")
    parser.add_argument("--ring", type=int, nargs="+", default=[1, 4], help="past frames")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4, 16, 32] if cuda else [1, 4])
    parser.add_argument(
        "--dtypes", choices=DTYPES, nargs="+", default=["bfloat16", "float16", "float32"] if cuda else ["float32"],
        help="what the cache is stored in",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=50 if cuda else 5, help="of which the median is told")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file too")
    options = parser.parse_args(arguments)
    try:
        with json_file(options.json) as write:
            write(report(options))
    except UnwritableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
