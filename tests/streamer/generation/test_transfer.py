"""Copies between host and device, and work on a side stream."""

import numpy as np
import torch

from streamer.generation.transfer import Download, share_with_main_stream, side_stream, upload
from tests.support.devices import needs_cuda


def test_transfer_on_a_cpu_copies_nothing() -> None:
    device, values = torch.device("cpu"), torch.arange(4)
    assert upload(values, device) is values
    assert np.shares_memory(Download(values).numpy(), values.numpy())
    with side_stream(device):
        made = share_with_main_stream([values], device)
    assert made[0] is values


@needs_cuda
def test_upload_and_download_round_trip_on_cuda() -> None:
    device, values = torch.device("cuda"), torch.arange(1000)
    there = upload(values, device)
    assert there.device.type == "cuda"
    assert np.array_equal(Download(there + 1).numpy(), values.numpy() + 1)


@needs_cuda
def test_side_stream_has_ended_when_the_block_ends() -> None:
    device = torch.device("cuda")
    a = torch.rand(64, 64).to(device)
    with side_stream(device):
        assert torch.cuda.current_stream() != torch.cuda.default_stream()
        stream = torch.cuda.current_stream()
        made = share_with_main_stream((a @ a, [a + 1]), device)
    assert stream.query()
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    assert torch.equal(made[1][0], a + 1)
