"""Networks whose weights are mixed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.checkpoint import load, notes_of, save
from models.config import ModelConfig
from models.dit import CausalDiT
from training.mix import main

SMALL = ModelConfig(
    width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8), mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8),
    eye_channels=(8, 8, 8),
)  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two trainings of one network, and a deeper one."""
    paths = []
    for seed, config in enumerate((SMALL, SMALL, replace(SMALL, depth=2))):
        torch.manual_seed(seed)
        network = CausalDiT(config)
        network.ranges = {"head.out": [0.0, 1.0]}
        paths.append(tmp_path / f"{seed}.safetensors")
        save(network, paths[-1], {"preset": f"p{seed}"})
    return paths


def test_mix_is_the_mean_of_the_weights(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    main([str(files[0]), str(files[1]), "--out", str(out)])
    made, first, second = (load(path).state_dict() for path in (out, *files[:2]))
    for name, value in made.items():
        torch.testing.assert_close(value, (first[name] + second[name]) / 2, atol=2e-3, rtol=0)
    assert load(out).ranges == {}
    assert notes_of(out) == {"preset": "p0", "mixed": "0.5 of all from 1.safetensors"}


def test_mix_copies_a_part_to_a_network_of_another_shape(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "deep.safetensors"
    main([str(files[2]), str(files[0]), "--part", "closeups", "--share", "1", "--out", str(out)])
    made, deep, small = (load(path).state_dict() for path in (out, files[2], files[0]))
    for name, value in made.items():
        assert torch.equal(value, (small if name.startswith("closeups.") else deep)[name]), name


def test_mix_reports_weights_that_do_not_fit(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out.safetensors")]
    with pytest.raises(SystemExit, match=r"0\.safetensors cannot be mixed into .*2\.safetensors: blocks\.1\."):
        main([str(files[2]), str(files[0]), *out])
    with pytest.raises(SystemExit, match=r"nothing is not the same in both networks: choose another --part\."):
        main([str(files[0]), str(files[1]), "--part", "nothing", *out])
    with pytest.raises(SystemExit, match=r"none\.safetensors is not there"):
        main([str(files[0]), str(tmp_path / "none.safetensors"), *out])
    with pytest.raises(SystemExit):
        main([str(files[0]), str(files[1]), "--share", "2", *out])
    assert "--share must lie in 0..1, got 2.0" in capsys.readouterr().err
