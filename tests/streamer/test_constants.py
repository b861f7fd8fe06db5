"""What is made of Python numbers is made once."""

import torch

from streamer.constants import Constants


def test_the_same_numbers_are_the_same_tensor() -> None:
    x = torch.arange(12.0).view(1, 4, 3)
    with Constants():
        first, again = (torch.tensor([[1, 2.5]], device="cpu") for _ in range(2))
        assert first is again
        assert torch.tensor([[1, 2.5]], dtype=torch.float64) is not first
        assert x.new_tensor([3.0]) is x.new_tensor([3.0])
        assert torch.tensor([1]).dtype == torch.int64 and torch.tensor([1.0]).dtype == torch.float32
    assert torch.tensor([[1, 2.5]], device="cpu") is not first


def test_indices_in_lists_pick_what_they_pick_elsewhere() -> None:
    x = torch.arange(24.0).view(2, 4, 3)
    picks = [(slice(None), [2, 0], slice(2)), [1], (slice(None), 1), (..., [True, False, True]), slice(1, None), []]
    outside = [x[pick] for pick in picks]
    with Constants():
        for _ in range(2):
            assert all(torch.equal(x[pick], wanted) for pick, wanted in zip(picks, outside, strict=True))
    y = x.clone()
    with Constants():
        y[:, [3, 1], 0] = -1
    assert (y != x).nonzero().tolist() == [[0, 1, 0], [0, 3, 0], [1, 1, 0], [1, 3, 0]]


def test_what_holds_more_than_numbers_is_made_anew() -> None:
    value = torch.tensor(1.0)
    with Constants():
        first = torch.tensor([value, 2.0])
        value += 1
        assert torch.tensor([value, 2.0]).tolist() == [2.0, 2.0] and first.tolist() == [1.0, 2.0]
