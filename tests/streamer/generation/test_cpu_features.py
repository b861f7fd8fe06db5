"""Bits of quantised weights by the features of the CPU."""

import pytest

from streamer.generation.cpu_features import int8_weight_bits


@pytest.mark.parametrize(
    ("features", "machine", "bits"),
    [
        ({"avx2": True, "avx512vnni": False, "avxvnni": False}, "x86_64", 7),
        ({"avx2": True, "avx512f": True}, "AMD64", 7),
        ({"avx2": True, "avx512vnni": True}, "x86_64", 8),
        ({"avx2": True, "avxvnni": True}, "x86_64", 8),
        ({}, "aarch64", 8),
        ({}, "arm64", 8),
    ],
)
def test_int8_weight_bits_is_7_on_an_x86_cpu_without_vnni(features: dict[str, bool], machine: str, bits: int) -> None:
    assert int8_weight_bits(features, machine) == bits


def test_int8_weight_bits_reads_the_features_of_this_cpu() -> None:
    assert int8_weight_bits() in (7, 8)
