"""How fast attention over the KV cache is, and how fast it could be: `python -m benchmarks.attention`.

"Ours" is `store_kv` and `ring_attention`: the norm of Q and K, the write, RoPE and attention, over all layers of a
cache as one step of the network does it. "Put together" is the same without a kernel: K and V are concatenated, normed
and rotated for torch's `scaled_dot_product_attention`. "Sdpa alone" is that call on tensors concatenated beforehand.
The floors are the time to move each byte once and to do each operation once, at the rates at which this device copies
memory and multiplies large matrices. All times are of one layer. On CUDA a graph of all layers is replayed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.common.device_rates import bandwidth, matmul_rate, median_seconds
from benchmarks.common.kernel_command import print_hardware, run_on_device
from kernels.attention import Rope, apply_rope, axial_rope, head_norm
from kernels.backend import choose
from kernels.ring import FLOAT8, ring_attention, store_kv
from models.cache import Cache
from models.config import PRESETS, ModelConfig

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "float8": FLOAT8}


@dataclass(frozen=True)
class Workload:
    """A full cache of several sessions and the projections of their current frame.

    frames: queries, K and V (L, B, H, N, D) of the current frame, in the layout of a projection's output.
    norm: (D,) weight of the norm of queries and keys.
    """

    config: ModelConfig
    cache: Cache
    frames: tuple[Tensor, Tensor, Tensor]
    norm: Tensor
    rope: Rope

    @staticmethod
    def make(config: ModelConfig, sessions: int, device: torch.device, dtype: torch.dtype) -> Workload:
        generator = torch.Generator(device).manual_seed(1)
        frame_dtype = torch.bfloat16 if dtype == FLOAT8 else dtype

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, device=device)

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
        query, key, value = (random(*projected).to(frame_dtype).transpose(2, 3) for _ in range(3))
        rope = axial_rope(config.grid, config.head_width).to(device)
        return Workload(config, cache, (query, key, value), torch.ones(config.head_width, device=device), rope)

    def ours(self, layer: int) -> Tensor:
        """Write and attend with the kernels of `kernels.ring`: (B, H, N, D)."""
        query, key, value = (each[layer] for each in self.frames)
        keys, values, scale = self.cache.layer(layer)
        state, references = self.cache.ring(), self.config.references
        store_kv(key, value, keys, values, state, references, self.norm, scale)
        return ring_attention(query, keys, values, state, self.rope, self.config.keyed, references, self.norm, scale)

    def put_together(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """Q, K, V (B, H, ·, D) for an attention without slots, in the order references, past, current."""
        query, key, value = (each[layer] for each in self.frames)
        keys, values, scale = self.cache.layer(layer)
        config, dtype = self.config, query.dtype
        query, key = head_norm(query, self.norm).to(dtype), head_norm(key, self.norm).to(dtype)
        if scale is not None:  # converted first, since the call takes no float8
            keys, values = keys.to(dtype) * scale[0, :, :, None, None], values.to(dtype) * scale[1, :, :, None, None]
        pinned, end = config.references * config.tokens, (config.references + config.ring) * config.tokens
        past = torch.cat([keys[:, :, pinned:end].to(dtype), key], 2)
        ages = torch.arange(-config.ring, 1, device=key.device).float()[None]
        k = torch.cat([keys[:, :, :pinned].to(dtype), apply_rope(past, ages, self.rope, config.keyed)], 2)
        v = torch.cat([values[:, :, :end].to(dtype), value], 2)
        return apply_rope(query, ages[:, -1:], self.rope, config.keyed), k, v

    def sdpa(self, layer: int) -> Tensor:
        """torch's attention over K and V that are put together for it: (B, H, N, D)."""
        return F.scaled_dot_product_attention(*self.put_together(layer))

    def bytes(self) -> int:
        """Bytes of one layer that must be read or written once: Q, K, V, the result, the slots, the new slot."""
        row = self.frames[0][0].numel()
        cached = row * (self.config.references + self.config.ring + 1) * 2
        return 4 * row * self.frames[0].element_size() + cached * self.cache.keys.element_size()

    def products(self) -> int:
        """Floating-point operations of the two matrix products of one layer."""
        slots = self.config.references + self.config.ring + 1
        return 4 * self.frames[0][0].numel() * slots * self.config.tokens


def measure(load: Workload, device: torch.device, byte_rate: float, flop_rate: float, repeats: int) -> dict[str, Any]:
    """One row of the report. byte_rate: bytes per second; flop_rate: operations per second."""
    layers = range(load.config.depth)
    inputs = [load.put_together(layer) for layer in layers]
    ours, expected = load.ours(0).float(), load.sdpa(0).float()

    def each_layer(work: Callable[[int], object]) -> float:
        return 1e6 * median_seconds(lambda: [work(layer) for layer in layers], device, repeats) / len(layers)

    row = {
        "ours_us": each_layer(load.ours),
        "put_together_us": each_layer(load.sdpa),
        "sdpa_alone_us": each_layer(lambda layer: F.scaled_dot_product_attention(*inputs[layer])),
        "memory_floor_us": 1e6 * load.bytes() / byte_rate,
        "product_floor_us": 1e6 * load.products() / flop_rate,
    }
    row["floor_share"] = max(row["memory_floor_us"], row["product_floor_us"]) / row["ours_us"]
    return {**row, "off": float((ours - expected).norm() / expected.norm())}


@torch.inference_mode()
def report(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all workloads, print a row of each, and return the JSON report."""
    device = torch.device(options.device)
    byte_rate = bandwidth(device, options.repeats)
    backend = choose("auto", torch.empty(0, device=device))
    figures: dict[str, Any] = {
        "hardware": print_hardware(device, backend, options.preset),
        "backend": backend,
        "preset": options.preset,
        "bandwidth_gb_s": byte_rate / 1e9,
        "tflops": {},
        "rows": [],
    }
    versions = figures["hardware"]["versions"]
    print(", ".join(f"{name} {version}" for name, version in versions.items() if version))
    print(f"copies {byte_rate / 1e9:.0f} GB/s\n")
    print(
        "cache     W  sessions   ours µs   put together µs   sdpa alone µs   memory floor µs   product floor µs     off"
    )
    for name in options.dtypes:
        dtype = DTYPES[name]
        flop_rate = matmul_rate(device, torch.bfloat16 if dtype == FLOAT8 else dtype, options.repeats)
        figures["tflops"][name] = flop_rate / 1e12
        for ring in options.ring:
            config = replace(PRESETS[options.preset], ring=ring)
            for sessions in options.sessions:
                load = Workload.make(config, sessions, device, dtype)
                row = measure(load, device, byte_rate, flop_rate, options.repeats)
                figures["rows"].append({"dtype": name, "ring": ring, "sessions": sessions, **row})
                print(
                    f"{name:9} {ring:1} {sessions:9d} {row['ours_us']:9.1f} {row['put_together_us']:17.1f} "
                    f"{row['sdpa_alone_us']:15.1f} {row['memory_floor_us']:17.1f} {row['product_floor_us']:18.1f} "
                    f"{row['off']:7.0e}",
                    flush=True,
                )
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 2 with one sentence on stderr."""
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description="Measure the cache's attention on a device.")
    parser.add_argument("--preset", choices=PRESETS, default="base" if cuda else "tiny", help="size of the network")
    parser.add_argument("--ring", type=int, nargs="+", default=[1, 4], help="past frames")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4, 16, 32] if cuda else [1, 4])
    parser.add_argument(
        "--dtypes", choices=DTYPES, nargs="+", default=["bfloat16", "float16", "float32"] if cuda else ["float32"],
        help="dtypes of the cache",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=50 if cuda else 5, help="runs, of which the median is printed")
    return run_on_device(parser, report, arguments)


if __name__ == "__main__":
    sys.exit(main())
