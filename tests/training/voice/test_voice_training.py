"""The voice network's training learns, resumes, and writes weights that load; on a shard of invented features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.voice.log_mel import FEATURES
from models.voice.mouth_shapes import CHANNELS, CLOSE, JAW, LIPS_TOUCH, NOD, PRESS
from models.voice.voice_net import LOOK_AHEAD, aligned
from models.voice.weights import load
from training.voice import train
from training.voice.make_data import Recording, save_shard


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shard in which the first band is the jaw."""
    monkeypatch.setattr(train, "BATCH", 2)
    monkeypatch.setattr(train, "CROP", 48)
    random = np.random.default_rng(1)
    folder = tmp_path / "data"
    folder.mkdir()
    recordings = []
    for _ in range(4):
        features = random.normal(0, 1, (120, FEATURES)).astype(np.float32)
        face = np.zeros((120, CHANNELS), np.float32)
        face[:, JAW] = 0.2 + 0.1 * features[:, 0]
        recordings.append(Recording(features, face))
    save_shard(folder / "shard_1_0000.safetensors", recordings)
    return folder


def test_training_resumes_and_writes_weights(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    train.train(data, out, 3, 1e6, [], seed=1)
    first = load(out / "voice.safetensors")
    train.train(data, out, 6, 1e6, [], seed=1)
    second = load(out / "voice.safetensors")
    assert torch.load(out / "state.pt", weights_only=True)["step"] == 6
    assert not torch.equal(first.stem.weight, second.stem.weight)


def test_training_begins_with_given_weights(data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    train.train(data, first, 2, 1e6, [], seed=1)
    begun = train.train(data, second, 0, 1e6, [], seed=2, begin=first / "voice.safetensors")
    assert torch.equal(begun.stem.weight, load(first / "voice.safetensors").stem.weight)


def test_a_network_is_followed_a_part_of_a_step_after_what_it_says(data: Path, tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        folder.mkdir()
    weights = first / "voice.safetensors"
    train.train(data, first, 2, 1e6, [], seed=1)
    teacher, features = load(weights), torch.randn(2, 9, FEATURES, generator=torch.Generator().manual_seed(1))
    face, (raw, _) = train.teacher_faces(teacher, features, 0.5), teacher(features, teacher.first_state(2))
    assert face.shape == (2, 8, CHANNELS) and not face.requires_grad
    torch.testing.assert_close(face[..., :LIPS_TOUCH], (raw[:, :-1] + raw[:, 1:])[..., :LIPS_TOUCH] / 2)
    assert 0 <= face[..., LIPS_TOUCH:].min() <= face[..., LIPS_TOUCH:].max() <= 1
    by_truth = train.train(data, second, 2, 1e6, [], seed=3, begin=weights, rate=1e-3)
    followed = train.train(data, third, 2, 1e6, [], seed=3, begin=weights, follow=weights, rate=1e-3)
    assert not torch.equal(by_truth.stem.weight, followed.stem.weight)


def test_folder_without_shards_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has no shards: make some with `python -m training\.voice\.make_data`"):
        train.train(tmp_path, tmp_path, 1, 1e6, [], seed=1)


def test_loss_is_least_where_the_truth_is_said_after_the_look_ahead() -> None:
    random = torch.Generator().manual_seed(1)
    face = torch.rand(2, 60, CHANNELS, generator=random) * 0.3
    face[..., [CLOSE, PRESS]] = 0
    # probabilities of 0 or 1, since any other has a cross-entropy above 0 even where it is met
    face[..., LIPS_TOUCH:] = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])
    _, described = aligned(face, face)
    early, described = (
        torch.cat([x[..., :LIPS_TOUCH], train.as_logits(x[..., LIPS_TOUCH:])], -1) for x in (face, described)
    )
    in_time = torch.cat([early[:, :LOOK_AHEAD], described], 1)
    exact, too_early = (sum(train.losses(*aligned(raw, face)).values()) for raw in (in_time, early))
    assert float(exact) < 0.01
    assert float(too_early) > 20 * float(exact)
    assert set(train.losses(*aligned(early, face))) == {"shape", "velocity", "nod", "touch", "speech", "parting"}
    assert NOD == LIPS_TOUCH - 1
