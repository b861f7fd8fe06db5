"""Mapping over and iterating nested structures of tensors."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from streamer.generation.tensor_tree import iter_tensors, map_tensors


class Pair(NamedTuple):
    left: Tensor
    right: Tensor


@dataclass(frozen=True, slots=True)
class Nest:
    name: str
    pair: Pair
    rest: list[Tensor]
    none: Tensor | None = None


def test_map_tensors_changes_every_tensor_and_keeps_other_values() -> None:
    nest = Nest("n", Pair(torch.zeros(1), torch.ones(1)), [torch.full((1,), 2.0)])
    changed = map_tensors(nest, lambda tensor: tensor + 10)
    assert isinstance(changed.pair, Pair) and isinstance(changed.rest, list)
    assert (changed.name, changed.none) == ("n", None)
    assert [float(tensor) for tensor in iter_tensors(changed)] == [10, 11, 12]
    assert [float(tensor) for tensor in iter_tensors(nest)] == [0, 1, 2]
