"""Instructions of this CPU that decide how the network is quantised."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from llvmlite.binding import get_host_cpu_features

from streamer.runtime.cpu import X86

VNNI = ("avx512vnni", "avxvnni")  # LLVM's names of the instructions that sum 8-bit products in 32 bits


def int8_weight_bits(features: Mapping[str, bool] | None = None, machine: str | None = None) -> int:
    """Bits of the weights in ONNX Runtime's 8-bit products: 8, or 7 where 8 would saturate.

    An x86 CPU without VNNI multiplies unsigned by signed bytes with `vpmaddubsw`, which sums two products in 16 bits:
    2 · 255 · 127 does not fit, 2 · 255 · 64 does. Other architectures widen before they add.

    features: LLVM feature names of the CPU, None: of this one. machine: as from `platform.machine()`, None: this one.
    """
    machine = platform.machine() if machine is None else machine
    if machine.lower() not in X86:
        return 8
    features = get_host_cpu_features() if features is None else features
    return 8 if any(features.get(name, False) for name in VNNI) else 7
