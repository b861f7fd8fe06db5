"""The two laws of a streaming module, the shapes of the mouth, and the file of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint_header import CheckpointError
from models.voice.log_mel import FEATURES, FFT, SAMPLE_RATE, STEP, LogMel, mel_bands
from models.voice.mouth_shapes import (
    CHANNELS,
    CLOSE,
    JAW,
    LIPS_TOUCH,
    PAIRED,
    PRESS,
    SHAPE_NAMES,
    SHAPES,
    both_sides,
    close_lips,
    lip_parting,
)
from models.voice.voice_net import VoiceConfig, VoiceNet, read_face
from models.voice.weights import load, save

STEPS = 40
SMALL = VoiceConfig(width=16, dilations=(1, 2, 4))


def sound(seed: int = 1, steps: int = STEPS) -> torch.Tensor:
    return torch.randn(steps * STEP, generator=torch.Generator().manual_seed(seed)) * 0.1


def network(config: VoiceConfig = SMALL) -> VoiceNet:
    torch.manual_seed(3)
    return VoiceNet(config).eval()


@pytest.mark.parametrize("piece", [1, 3, 7])
@torch.inference_mode()
def test_streaming_equals_one_shot(piece: int) -> None:
    """Features and channels of a stream in pieces are those of the whole recording."""
    mel, net, samples = LogMel(), network(), sound()
    features, _ = mel(samples, mel.first_state())
    raw, _ = net(features[None], net.first_state())
    mel_state, state, heard, read = mel.first_state(), net.first_state(), [], []
    for start in range(0, len(samples), piece * STEP):
        new, mel_state = mel(samples[start : start + piece * STEP], mel_state)
        out, state = net(new[None], state)
        heard.append(new)
        read.append(out)
    torch.testing.assert_close(torch.cat(heard), features, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.cat(read, 1), raw, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_nothing_depends_on_later_sound() -> None:
    mel, net, samples = LogMel(), network(), sound()
    other = samples.clone()
    other[20 * STEP :] = sound(2)[20 * STEP :]
    (a, _), (b, _) = (mel(each, mel.first_state()) for each in (samples, other))
    (c, _), (d, _) = (net(each[None], net.first_state()) for each in (a, b))
    torch.testing.assert_close(a[:20], b[:20], rtol=0, atol=0)
    torch.testing.assert_close(c[:, :20], d[:, :20], rtol=0, atol=1e-6)
    assert not torch.allclose(c[:, 20:], d[:, 20:])


def test_log_mel_finds_the_band_of_a_tone() -> None:
    mel, hertz = LogMel(), 1000.0
    tone = 0.5 * torch.sin(2 * torch.pi * hertz / SAMPLE_RATE * torch.arange(10 * STEP))
    features, _ = mel(tone, mel.first_state())
    loudest = mel_bands()[:, round(hertz / SAMPLE_RATE * FFT)].argmax()
    assert features.shape == (10, FEATURES)
    assert features[5].reshape(2, -1).argmax(1).tolist() == [loudest, loudest]


def test_log_mel_refuses_half_steps() -> None:
    mel = LogMel()
    with pytest.raises(ValueError, match="whole steps of 320 samples"):
        mel(torch.zeros(STEP + 1), mel.first_state())


def test_lips_that_touch_part_by_nothing() -> None:
    """Whatever the shapes are, touching lips are together, and half-touching ones are nearer than before."""
    shapes = torch.rand(50, len(SHAPES), generator=torch.Generator().manual_seed(5)) * 0.5
    apart = lip_parting(close_lips(shapes, torch.zeros(50)))
    assert float(lip_parting(close_lips(shapes, torch.ones(50))).max()) < 1e-5
    assert bool((lip_parting(close_lips(shapes, torch.full((50,), 0.5))) <= apart + 1e-6).all())
    left_open = close_lips(shapes, torch.zeros(50))
    torch.testing.assert_close(left_open[:, :CLOSE], shapes[:, :CLOSE])
    assert float(left_open[:, [CLOSE, PRESS]].max()) == 0


def test_both_sides_move_alike_under_their_names() -> None:
    shapes = torch.arange(len(SHAPES), dtype=torch.float32)
    named = dict(zip(SHAPE_NAMES, both_sides(shapes).tolist(), strict=True))
    assert named["jawOpen"] == JAW
    assert all(named[f"{name}_L"] == named[f"{name}_R"] == SHAPES.index(name) for name in PAIRED)
    assert len(named) == len(SHAPES) + len(PAIRED)


def test_face_that_is_read_stays_within_bounds() -> None:
    raw = torch.randn(30, CHANNELS, generator=torch.Generator().manual_seed(7)) * 5
    raw[0, LIPS_TOUCH] = 20
    shapes, nod, speech = read_face(raw)
    assert float(shapes.min()) >= 0
    assert float(shapes.max()) <= 1
    assert float(lip_parting(shapes[0])) < 1e-5
    assert nod.shape == speech.shape == (30,)


def test_weights_survive_the_disk(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "voice.safetensors"
    save(net, path, {"steps": "3"})
    again = load(path)
    assert again.config == SMALL
    for name, value in net.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not there: make it with"), (b"no weights", "is damaged"), (b"", "is damaged")],
)
def test_weights_that_are_none_are_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "voice.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load(path)
