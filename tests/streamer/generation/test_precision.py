"""The precision of the network."""

import torch
from torch import nn

from streamer.generation.precision import autocast_to, best_precision, cast_weights, disable_tf32
from tests.support.devices import needs_cuda


def test_best_precision_on_a_cpu_is_float32() -> None:
    assert best_precision(torch.device("cpu")) == "float32"


def test_cast_weights_changes_linear_layers_and_convolutions_only() -> None:
    network = nn.Sequential(nn.Conv2d(8, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(8, 4))
    cast_weights(network, "bfloat16")
    assert [layer.weight.dtype for layer in (network[0], network[3])] == [torch.bfloat16] * 2
    assert network[1].weight.dtype == torch.float32
    with autocast_to("bfloat16", torch.device("cpu")):
        assert network(torch.rand(1, 8, 3, 3)).dtype == torch.bfloat16


def test_float32_casts_nothing() -> None:
    layer = nn.Linear(4, 4)
    cast_weights(layer, "float32")
    with autocast_to("float32", torch.device("cpu")):
        assert layer(torch.rand(1, 4)).dtype == torch.float32


@needs_cuda
def test_disable_tf32_keeps_float32_exact_on_cuda() -> None:
    disable_tf32()
    a = torch.full((64, 64), 1 + 2**-12, device="cuda")  # TF32 would round it to 1
    assert float((a @ torch.eye(64, device="cuda"))[0, 0]) == 1 + 2**-12
    assert best_precision(torch.device("cuda")) == (
        "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float32"
    )
