"""Laws of the network: it is causal, streaming equals one shot, references survive the wrap of the ring, and
untrained it keeps the warped picture.
"""

from dataclasses import fields

import pytest
import torch

from models.cache import Cache
from models.config import PRESETS, ModelConfig
from models.dit import CausalDiT, Edit, FrameInput
from tests.support.networks import small_network

SMALL = ModelConfig(width=64, depth=2, heads=4, keyed=1, ring=2, stem=(8, 16, 16))


@pytest.fixture(scope="module")
def network() -> CausalDiT:
    return small_network(SMALL, 3)


def some_frame(seed: int, batch: int = 1) -> FrameInput:
    make = torch.Generator().manual_seed(seed)
    side, half = SMALL.side, SMALL.side // 2
    return FrameInput(
        warped=torch.rand(batch, 3, side, side, generator=make),
        noised=torch.randn(batch, 3, side, side, generator=make),
        maps=torch.rand(batch, 6, half, half, generator=make) * 0.1,
        canonical=torch.randn(batch, 3, half, half, generator=make),
        motion=torch.randn(batch, SMALL.motion_tokens, SMALL.motion_width, generator=make),
        level=torch.ones(batch),
    )


def difference(a: Edit, b: Edit) -> float:
    return max(float((getattr(a, f.name) - getattr(b, f.name)).abs().max()) for f in fields(Edit))


def stream(network: CausalDiT, frames: list[FrameInput], reference: FrameInput, cache: Cache) -> list[Edit]:
    cache.pin(None, *network.encode_reference(reference))
    edits = []
    for frame in frames:
        edits.append(network.step(frame, cache))
        cache.advance()
    return edits


@torch.inference_mode()
def test_step_frame_by_frame_equals_predict_clip_beyond_the_wrap_of_the_ring(network: CausalDiT) -> None:
    frames = [some_frame(seed) for seed in range(7)]
    reference = some_frame(99)
    streamed = stream(network, frames, reference, Cache(SMALL, 1))
    at_once = network.predict_clip(network.encode_reference(reference), frames)
    assert max(difference(a, b) for a, b in zip(streamed, at_once, strict=True)) < 1e-5


@torch.inference_mode()
def test_predict_clip_is_causal(network: CausalDiT) -> None:
    frames = [some_frame(seed) for seed in range(4)]
    references = network.encode_reference(some_frame(99))
    before = network.predict_clip(references, frames)
    after = network.predict_clip(references, [*frames[:3], some_frame(50)])
    assert max(difference(a, b) for a, b in zip(before[:3], after[:3], strict=True)) == 0
    assert difference(before[3], after[3]) > 1e-4


@torch.inference_mode()
def test_predict_clip_sees_past_frames_as_far_as_the_ring_and_no_further(network: CausalDiT) -> None:
    """With one layer, a frame sees its past through K/V of inputs alone: `ring` frames back and no further."""
    shallow = CausalDiT(ModelConfig(width=64, depth=1, heads=4, keyed=1, ring=2, stem=(8, 16, 16))).eval()
    frames = [some_frame(seed) for seed in range(4)]
    references = shallow.encode_reference(some_frame(99))
    plain = shallow.predict_clip(references, frames)[3]
    assert difference(plain, shallow.predict_clip(references, [some_frame(50), *frames[1:]])[3]) == 0
    assert difference(plain, shallow.predict_clip(references, [frames[0], some_frame(50), *frames[2:]])[3]) > 0


@torch.inference_mode()
def test_cache_keeps_references_through_wrap_and_reset(network: CausalDiT) -> None:
    cache = Cache(SMALL, 1)
    first = stream(network, [some_frame(seed) for seed in range(9)], some_frame(99), cache)
    keys, values = network.encode_reference(some_frame(99))
    assert torch.equal(cache.keys[..., : SMALL.tokens, :], keys)
    assert torch.equal(cache.values[..., : SMALL.tokens, :], values)
    cache.reset()
    assert difference(network.step(some_frame(0), cache), first[0]) == 0


@torch.inference_mode()
def test_step_treats_each_stream_of_a_batch_alone(network: CausalDiT) -> None:
    reference, frames = some_frame(99, 2), [some_frame(seed, 2) for seed in range(3)]
    together = stream(network, frames, reference, Cache(SMALL, 2))

    def only(frame: FrameInput, row: int) -> FrameInput:
        return FrameInput(*(getattr(frame, f.name)[row : row + 1] for f in fields(FrameInput)))

    for row in range(2):
        alone = stream(network, [only(frame, row) for frame in frames], only(reference, row), Cache(SMALL, 1))
        for both, one in zip(together, alone, strict=True):
            row_of_both = Edit(*(getattr(both, f.name)[row : row + 1] for f in fields(Edit)))
            assert difference(row_of_both, one) < 1e-5


@torch.inference_mode()
def test_network_untrained_keeps_the_warped_picture() -> None:
    torch.manual_seed(0)
    network = CausalDiT(SMALL)
    edit = network.predict_clip(network.encode_reference(some_frame(1)), [some_frame(2)])[0]
    assert float(edit.keep.min()) > 0.9
    assert float(edit.flow.abs().max()) < 0.02


def test_preset_tiny_is_below_its_size_on_disk() -> None:
    count = sum(parameter.numel() for parameter in CausalDiT(PRESETS["tiny"]).parameters())
    assert 2 * count < 20e6


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"side": 512}, r"side must be twice the guidance side \(256\), got 512"),
        ({"width": 100}, "width 100 over 8 heads"),
        ({"keyed": 8}, r"keyed must lie in 0\.\.7, got 8"),
        ({"ring": 0}, "ring and references must be at least 1, got 0 and 1"),
    ],
)
def test_config_refuses_sizes_that_do_not_fit_together(sizes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**sizes)
