"""The choice of a device, and its name."""

import logging

import pytest
import torch

from streamer.errors import SettingsError
from streamer.generation.device import choose_device, device_name


def test_choose_device_resolves_auto() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def refuse(*_: object, **__: object) -> torch.Tensor:
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with it.")


@pytest.mark.parametrize(
    ("is_built", "is_available", "words"),
    [
        (False, False, "this PyTorch was built without CUDA"),
        (True, False, "PyTorch sees no NVIDIA GPU with a driver that is new enough"),
        (True, True, "CUDA error: no kernel image is available for execution on the device"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_refused_in_one_sentence_and_auto_takes_the_processor(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_built: bool,
    is_available: bool,
    words: str,
) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0" if is_built else None)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_available)
    monkeypatch.setattr(torch, "ones", refuse)
    with pytest.raises(SettingsError) as caught:
        choose_device("cuda")
    assert str(caught.value) == f"--device cuda finds no usable GPU ({words}): mend that, or choose --device cpu."
    with caplog.at_level(logging.WARNING):
        assert choose_device("auto") == "cpu"
    assert (words in caplog.text) == is_available  # a GPU that is there and not used is worth a word


def test_a_gpu_is_taken_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H200")
    monkeypatch.setattr(torch, "ones", lambda *_, **__: torch.tensor([1.0, 1.0]))
    assert choose_device("auto") == choose_device("cuda") == "cuda"
    assert device_name(torch.device("cuda", 7)) == "NVIDIA H200"


def test_the_processor_has_a_name() -> None:
    assert len(device_name(torch.device("cpu"))) > 2
