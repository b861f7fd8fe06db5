"""The choice of a device."""

import pytest
import torch

from streamer.errors import SettingsError
from streamer.generation.device import choose_device


def test_choose_device_resolves_auto() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_choose_device_without_cuda_raises_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError) as caught:
        choose_device("cuda")
    assert str(caught.value) == (
        "No CUDA device is usable here: choose --device cpu or install the driver and the [cuda] extra."
    )
