"""Self-rollout (Self Forcing, Huang et al. 2025), which distils the network to few sampler steps.

The student streams as the live engine does: frame after frame over a ring of its own past, in 1, 2 or 4 steps each,
with one noise for the whole rollout. The loss compares every frame with the renderer's ground truth, and its gradient
passes the last step of a frame alone (Self Forcing, Huang et al. 2025, with regression instead of distribution
matching, because the guidance all but determines the frame and the renderer provides it). There is no teacher network;
the network of `training.train`, sampled in 8 to 16 steps, is only the quality to compare with.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from kernels import attention
from models.cache import REFERENCE_POSITION
from models.dit import CausalDiT, Edit, FrameInput
from models.sampler import NOISE, Focus, frame_input, sample_edit
from training.data.bake import Baked
from training.loop.critic import Critic
from training.loop.trainer import Options
from training.tasks.baked_frames import encode_references, frame_terms, frame_truth, reference_focus

STEP_CHOICES = (1, 1, 2, 4)  # sampler steps, one of these for each rollout; the shipped sampler has one
MIN_FRAMES, MAX_FRAMES = 8, 24  # frames of a rollout, where clips are that long


class Rollout:
    """A stream's KV cache as `models.cache.Cache` holds it, in tensors that a gradient can pass.

    reference_kv: K/V (L, B, H, R·N, D) of the references. past_kv: K/V of the last `ring` frames, without a gradient.
    """

    def __init__(self, network: CausalDiT, reference_kv: tuple[Tensor, Tensor], options: Options) -> None:
        self.network, self.reference_kv, self.options = network, reference_kv, options
        self.past_kv: deque[list[tuple[Tensor, Tensor]]] = deque(maxlen=network.config.ring)
        self.current_kv: list[tuple[Tensor, Tensor]] = []

    def step(self, frame: FrameInput) -> Edit:
        """As `CausalDiT.step`; the edit is float32."""
        config, rope = self.network.config, self.network.rope
        past_positions = [-float(age) for age in range(len(self.past_kv), 0, -1)]
        position = torch.tensor(
            [[REFERENCE_POSITION] * config.references + past_positions + [0.0]], device=frame.level.device
        )
        position = position.expand(len(frame.level), -1)
        is_occupied = torch.ones_like(position, dtype=torch.bool)
        current_kv: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            current_kv.append((key.detach(), value.detach()))
            keys = torch.cat([self.reference_kv[0][layer], *(past[layer][0] for past in self.past_kv), key], 2)
            values = torch.cat([self.reference_kv[1][layer], *(past[layer][1] for past in self.past_kv), value], 2)
            return attention.attend(query, keys, values, position, is_occupied, rope, config.keyed, config.references)

        with self.options.autocast():  # one context per step, because it caches casts, also those without a gradient
            edit = self.network(frame, attend)
        self.current_kv = current_kv
        return Edit(*(getattr(edit, name).float() for name in Edit.__slots__))

    def predict(self, focus: Focus, frame: FrameInput, layers: Tensor, steps: int) -> Edit:
        """Sample the next frame from its input at s = 1; only the last of the steps has a gradient."""
        with_gradient, steps_taken = torch.is_grad_enabled(), 0

        def step(frame: FrameInput) -> Edit:
            nonlocal steps_taken
            steps_taken += 1
            with torch.set_grad_enabled(with_gradient and steps_taken == steps):
                return self.step(frame)

        edit = sample_edit(step, focus, frame, layers, steps)
        self.past_kv.append(self.current_kv)
        return edit


@dataclass(frozen=True)
class SelfForcing:
    """The training task: rollouts over baked clips. gan: weight of the adversarial loss, 0 = none."""

    name: str
    options: Options
    gan: float = 0.0
    critic: Critic | None = None

    def loss(self, network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Mean terms over the frames of one rollout; sheet: reference, first and last prediction, last ground truth.

        Calls `backward` frame by frame, so that the memory does not grow with the clip.
        """

        def randint(high: int) -> int:
            return int(torch.randint(high, (), generator=generator, device=generator.device))

        frames, with_gradient = batch.truth.shape[1], torch.is_grad_enabled()
        shortest, longest = min(MIN_FRAMES, frames), min(MAX_FRAMES, frames)
        length = shortest + randint(longest - shortest + 1)
        first, steps = randint(frames - length + 1), STEP_CHOICES[randint(len(STEP_CHOICES))]
        noise = NOISE * torch.randn(batch.picture.shape, generator=generator, device=generator.device)
        s = noise.new_ones(len(noise))
        focus = reference_focus(batch)
        with self.options.autocast():
            pinned = encode_references(network, batch, focus, [])
        keys, values = (each.detach().requires_grad_(with_gradient) for each in pinned)
        rollout = Rollout(network, (keys, values), self.options)
        total: dict[str, Tensor] = {}
        sheet = [batch.picture]
        for t in range(first, first + length):
            layers = batch.layers[:, t]
            frame = frame_input(focus, batch.maps[:, t], layers, batch.canonical[:, t], batch.tokens[:, t], noise, s)
            edit = rollout.predict(focus, frame, layers, steps)
            terms, drawn = frame_terms(focus, frame, layers, edit, frame_truth(batch, t))
            if self.critic is not None and self.gan:
                terms["gan"] = self.gan * self.critic.adversarial_term(drawn, frame.warped, frame_truth(batch, t))
            if with_gradient:
                (torch.stack(list(terms.values())).sum() / length).backward()
            for name, value in terms.items():
                total[name] = total.get(name, torch.zeros_like(value)) + value.detach() / length
            if t in (first, first + length - 1):
                sheet.append(drawn.detach())
        if with_gradient:
            torch.autograd.backward(pinned, (keys.grad, values.grad))
        return total, torch.cat([*sheet, batch.truth[:, first + length - 1]], 3)
