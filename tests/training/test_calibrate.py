"""The ranges of convolutions are measured over baked clips and kept with the weights."""

from pathlib import Path

import pytest
import torch

from models.checkpoint import load, notes_of, save
from models.config import ModelConfig
from models.dit import CausalDiT
from tests.support.shifted_sample import shifted_sample
from training.calibrate import main, record_ranges, value_range
from training.data.bake import as_batch, bake, save_shard

SMALL = ModelConfig(
    width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8), mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8),
    eye_channels=(8, 8, 8),
)  # fmt: skip


def test_value_range_excludes_the_tails() -> None:
    values = torch.rand(100_000)
    values[:3] = torch.tensor([1e6, -1e6, 1e6])
    low, high = value_range(values)
    assert -0.01 < low < 0.01 and 0.99 < high <= 1


@torch.no_grad()
def test_ranges_are_means_over_the_calls_and_skip_output_layers() -> None:
    network = CausalDiT(SMALL)
    layer = network.head.at_eighth[0]
    with record_ranges(network) as ranges:
        for top in (1.0, 3.0):
            layer(torch.full((1, 8, 4, 4), top))
        network.head.out(torch.rand(1, 8, 4, 4))
    assert list(ranges) == ["head.at_eighth.0"]
    assert ranges["head.at_eighth.0"][:2] == [2.0, 2.0]
    assert not layer._forward_hooks


def test_calibrate_command_writes_the_header_and_keeps_weights_and_notes(tmp_path: Path) -> None:
    path, data = tmp_path / "small.safetensors", tmp_path / "data"
    data.mkdir()
    network = CausalDiT(SMALL)
    save(network, path, {"steps": "7"})
    save_shard([bake(as_batch(shifted_sample([8, -6], scale=0.4)))], data / "0.safetensors")
    main(["--weights", str(path), "--data", str(data), "--batches", "1"])
    calibrated = load(path)
    assert "stem.at_half.0" in calibrated.ranges and "closeups.mouth.enter.0" in calibrated.ranges
    assert "head.out" not in calibrated.ranges
    assert notes_of(path) == {"steps": "7"}
    for name, value in network.state_dict().items():
        assert torch.allclose(calibrated.state_dict()[name], value, atol=1e-3), name


def test_calibrate_command_reports_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is not there; train one with"):
        main(["--weights", str(tmp_path / "none.safetensors"), "--data", str(tmp_path)])
