"""Fake recorders in place of CUDA graphs."""

from collections.abc import Callable
from typing import Any

from streamer.generation.tensor_tree import iter_tensors


class RerunRecorder:
    """Replays by running the work again, into the tensors of the first result. replayed: batch size of each replay."""

    def __init__(self) -> None:
        self.replayed: list[int] = []

    def record(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        result = work()

        def replay() -> None:
            self.replayed.append(len(next(iter_tensors(result))))
            for kept, new in zip(iter_tensors(result), iter_tensors(work()), strict=True):
                kept.copy_(new)

        return replay, result


class FailingRecorder(RerunRecorder):
    """Fails after `after` recordings."""

    def __init__(self, after: int = 0) -> None:
        super().__init__()
        self.left = after

    def record(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        if self.left == 0:
            raise RuntimeError("operation not permitted")
        self.left -= 1
        return super().record(work)
