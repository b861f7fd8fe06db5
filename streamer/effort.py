"""How much computing a live session's frames may cost: what a busy CPU gives up, step by step.

The order is that of the loss that can be seen, see docs/decisions/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamer.options import GivenUp


@dataclass(frozen=True, slots=True)
class Effort:
    """transformer_duty: largest share of the time in which the transformer runs beside the frames.
    body_share: largest share of the time in which body and hands are looked at, by each driver's tracker.
    closeup_period: frames from one run of the close-ups of mouth and eyes to the next.
    canvas_share: side of the drawn canvas, of the one that the picture was prepared on; frames are scaled back.
    """

    transformer_duty: float = 1 / 3  # drawing shares its caches with the transformer
    body_share: float = 0.5
    closeup_period: int = 1
    canvas_share: float = 1.0

    @property
    def given_up(self) -> list[GivenUp]:
        """What is done less well than with full effort."""
        is_less: dict[GivenUp, bool] = {
            "edges": self.transformer_duty < FULL.transformer_duty,
            "body": self.body_share < FULL.body_share,
            "closeups": self.closeup_period > FULL.closeup_period,
            "pixels": self.canvas_share < FULL.canvas_share,
        }
        return [name for name, less in is_less.items() if less]


FULL = Effort()


def _steps() -> tuple[Effort, ...]:
    """From full effort to the least, each giving up one thing more."""
    fewer_edits = replace(FULL, transformer_duty=1 / 8)
    fewer_looks = replace(fewer_edits, body_share=0.2)
    fewer_closeups = replace(fewer_looks, closeup_period=2)
    coarser = [replace(fewer_closeups, canvas_share=share) for share in (7 / 8, 3 / 4)]
    least = replace(coarser[-1], canvas_share=5 / 8, body_share=0.1, transformer_duty=1 / 16)
    return FULL, fewer_edits, fewer_looks, fewer_closeups, *coarser, least


EFFORTS = _steps()
FRAME_COSTS = (1.0, 0.96, 0.92, 0.84, 0.81, 0.78, 0.73)  # time of a frame at each step, of the first's, two cores
