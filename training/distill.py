"""Teach few steps by self-rollout: `python -m training.distill --start runs/tiny/tiny.safetensors --facekit … --out …`.

The student streams as the live engine does: frame after frame over a ring of its own past, 1, 2 or 4 steps each, noise
frozen. Every frame is held to the renderer's truth; the gradient passes the last step of a frame and nothing before
(Self Forcing, Huang et al. 2025, with regression in the place of distribution matching: the guidance all but determines
the frame, and the renderer knows it). Nobody teaches but the truth; what `training.train` made, sampled in 8 to 16
steps, is the measure that a student is compared with.
"""

from __future__ import annotations

import argparse
import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kernels import attention
from models.cache import REFERENCE_POSITION
from models.config import PRESETS
from models.dit import CausalDiT, Edit, FrameInput
from models.sampler import NOISE, Focus, frame_input, sample_edit
from training.data.bake import Baked
from training.data.supply import Supply
from training.loop.critic import Critic
from training.loop.trainer import Options, Stateful, Trainer
from training.train import focus_of, fresh, references, score, truth_of

STEPS = (1, 1, 2, 4)  # drawn per rollout; one step is what ships
SHORTEST, LONGEST = 8, 24  # frames of a rollout, where the clips have as many


class Stream:
    """A stream's memory as `models.cache.Cache` holds it, in tensors that a gradient passes: the references' K/V
    (L, B, H, R·N, D), and without a gradient the K/V of the last `ring` frames.
    """

    def __init__(self, network: CausalDiT, pinned: tuple[Tensor, Tensor], options: Options) -> None:
        self.network, self.pinned, self.options = network, pinned, options
        self.past: deque[list[tuple[Tensor, Tensor]]] = deque(maxlen=network.config.ring)
        self.current: list[tuple[Tensor, Tensor]] = []

    def step(self, frame: FrameInput) -> Edit:
        """As `CausalDiT.step`, in float32."""
        config, rope = self.network.config, self.network.rope
        ages = [-float(age) for age in range(len(self.past), 0, -1)]
        position = torch.tensor([[REFERENCE_POSITION] * config.references + ages + [0.0]], device=frame.level.device)
        position = position.expand(len(frame.level), -1)
        live = torch.ones_like(position, dtype=torch.bool)
        current: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            current.append((key.detach(), value.detach()))
            keys = torch.cat([self.pinned[0][layer], *(past[layer][0] for past in self.past), key], 2)
            values = torch.cat([self.pinned[1][layer], *(past[layer][1] for past in self.past), value], 2)
            return attention.attend(query, keys, values, position, live, rope, config.keyed, config.references)

        with self.options.autocast():  # anew for each step: it would keep casts made without a gradient
            edit = self.network(frame, attend)
        self.current = current
        return Edit(*(getattr(edit, name).float() for name in Edit.__slots__))

    def draw(self, focus: Focus, frame: FrameInput, steps: int) -> Edit:
        """The next frame from its input at s = 1; only the last of its steps has a gradient."""
        learn, done = torch.is_grad_enabled(), 0

        def step(frame: FrameInput) -> Edit:
            nonlocal done
            done += 1
            with torch.set_grad_enabled(learn and done == steps):
                return self.step(frame)

        edit = sample_edit(step, focus, frame, steps)
        self.past.append(self.current)
        return edit


@dataclass(frozen=True)
class Distilling:
    """The task: rollouts over baked clips. gan: weight of the critic's word."""

    name: str
    options: Options
    gan: float = 0.0
    critic: Critic | None = None

    def loss(self, network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Mean terms over the frames of one rollout; sheet: reference, first and last frame as drawn, the last one's
        truth. Takes its gradient frame by frame, so that a clip of any length fits the memory.
        """

        def die(sides: int) -> int:
            return int(torch.randint(sides, (), generator=generator, device=generator.device))

        frames, learn = batch.truth.shape[1], torch.is_grad_enabled()
        least, most = min(SHORTEST, frames), min(LONGEST, frames)
        length = least + die(most - least + 1)
        first, steps = die(frames - length + 1), STEPS[die(len(STEPS))]
        noise = NOISE * torch.randn(batch.picture.shape, generator=generator, device=generator.device)
        level = noise.new_ones(len(noise))
        focus = focus_of(batch)
        with self.options.autocast():
            kept = references(network, batch, focus, [])
        keys, values = (each.detach().requires_grad_(learn) for each in kept)
        stream = Stream(network, (keys, values), self.options)
        total: dict[str, Tensor] = {}
        sheet = [batch.picture]
        for t in range(first, first + length):
            frame = frame_input(focus, batch.maps[:, t], batch.canonical[:, t], batch.tokens[:, t], noise, level)
            terms, drawn = score(focus, frame, stream.draw(focus, frame, steps), truth_of(batch, t))
            if self.critic is not None and self.gan:
                terms["gan"] = self.gan * self.critic.meet(drawn, frame.warped, truth_of(batch, t))
            if learn:
                (torch.stack(list(terms.values())).sum() / length).backward()
            for name, value in terms.items():
                total[name] = total.get(name, torch.zeros_like(value)) + value.detach() / length
            if t in (first, first + length - 1):
                sheet.append(drawn.detach())
        if learn:
            torch.autograd.backward(kept, (keys.grad, values.grad))
        return total, torch.cat([*sheet, batch.truth[:, first + length - 1]], 3)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--start", type=Path, required=True, help="weights of `python -m training.train`")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny", help="of these weights")
    parser.add_argument("--frames", type=int, default=16, help="frames of clips that are rendered with --facekit")
    parser.add_argument("--gan", type=float, default=0.0, help="weight of a critic of mouth, eyes and uncovered parts")
    Options.add_to(parser, steps=3000, rate=1e-4)
    Supply.add_to(parser, batch=2)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.of(given)
    network = fresh(PRESETS[given.preset], given.seed, given.start)
    critic = Critic(device=given.device) if given.gan else None
    companions: dict[str, Stateful] = {}
    if critic is not None:
        companions = {"critic": critic.network, "critic_optimizer": critic.optimizer}
    supply = Supply.of(given, given.frames)
    notes = {"preset": given.preset, **Supply.notes(given), "distilled": "self-rollout", "gan": str(given.gan)}
    try:
        Trainer(Distilling(given.preset, options, given.gan, critic), supply, network, options, notes, companions).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()
