"""The network in numpy is the network in torch."""

from __future__ import annotations

import numpy as np
import torch

from models.voice.log_mel import FEATURES
from models.voice.voice_net import VoiceConfig, VoiceNet
from streamer.sources.voice_steps import VoiceSteps


@torch.inference_mode()
def test_steps_equal_the_network() -> None:
    torch.manual_seed(2)
    network = VoiceNet(VoiceConfig(width=24, dilations=(1, 3, 2)))
    features = torch.randn(1, 50, FEATURES)
    expected, _ = network(features, network.first_state())
    steps = VoiceSteps(network)
    state = steps.first_state()
    read = np.stack([steps(each, state) for each in features[0].numpy()])
    np.testing.assert_allclose(read, expected[0].numpy(), atol=1e-4)
    assert state.at == 50
