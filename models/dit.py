"""The causal diffusion transformer: what to move further, what to keep, and what to paint.

    maps, warped picture, noised frame ─► Stem ─► tokens ─► Block × depth ─► Head ─► Edit
                                            └───────────── skips ─────────────┘

Shapes: B batch, N tokens of a frame, C width, H heads, D head width, L depth, S slots, M motion tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels import attention
from kernels.attention import Rope, axial_rope, head_norm, turn
from kernels.modulate import add_norm, gate_add, norm_modulate
from kernels.ring import ring_attention, store
from models.cache import REFERENCE_POSITION, Cache
from models.closeups.inputs import Closeups, conv
from models.config import CANONICAL_BANDS, CODE_BANDS, ModelConfig
from models.geometry.constants import const_floats

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]  # (layer, q, k, v) of this frame -> (B, H, N, D)
Recall = Callable[["Block", Tensor, Tensor, Tensor], Tensor]  # the same, q and k before their norm
FLOW_UNIT = 16.0  # guidance flow is a small share of the canvas; the network sees it in units near 1
EDIT_FLOW = 0.25  # largest Δf in focus units


@dataclass(frozen=True, slots=True)
class FrameInput:
    """One frame as the network sees it, on the focus box.

    warped: (B, 3, side, side) picture moved by the guidance flow, 0..1. noised: (B, 3, side, side) x_s around 0.
    maps: (B, 6, G, G) flow x y, confidence, alpha, holes. canonical: (B, 3, G, G). motion: (B, M, motion_width).
    level: (B,) noise level s, 0 clean .. 1 noise.
    """

    warped: Tensor
    noised: Tensor
    maps: Tensor
    canonical: Tensor
    motion: Tensor
    level: Tensor


@dataclass(frozen=True, slots=True)
class Edit:
    """The network's word on one frame, on the focus box.

    flow: (B, 2, G, G) correction Δf, focus units. keep: (B, 1, side, side) 0..1, 1 = the warped picture stands.
    paint: (B, 3, side, side) 0..1. alpha: (B, 1, G, G) correction of the person's alpha in logits.
    """

    flow: Tensor
    keep: Tensor
    paint: Tensor
    alpha: Tensor

    @staticmethod
    def stack(edits: Sequence[Edit]) -> Edit:
        """Several as one batch."""
        if len(edits) == 1:
            return edits[0]
        return Edit(*(torch.cat([getattr(edit, name) for edit in edits]) for name in Edit.__slots__))


def sinusoids(x: Tensor, bands: int) -> Tensor:
    """(B, K, ...) -> (B, 2·K·bands, ...): sin and cos at octaves π/2, π, 2π … (Mildenhall et al. 2020)."""
    octaves = const_floats(tuple(math.pi / 2 * 2**band for band in range(bands)), x.device).to(x.dtype)
    angles = (x[:, :, None] * octaves.view(1, 1, -1, *[1] * (x.dim() - 2))).flatten(1, 2)
    return torch.cat([angles.sin(), angles.cos()], 1)


class HeadNorm(nn.Module):
    """`head_norm` with its weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return head_norm(x, self.weight)


def normed(attend: Attend) -> Recall:
    """For what wants Q and K after their norm."""

    def recall(block: Block, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return attend(block.layer, block.norm_query(query), block.norm_key(key), value)

    return recall


class Stem(nn.Module):
    """Pictures and maps to tokens, keeping what it sees at each scale for the head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.stem
        self.at_half = nn.Sequential(nn.Conv2d(config.stem_channels, half, 3, 1, 1), nn.SiLU())
        self.at_quarter = nn.Sequential(conv(half, quarter, 2), conv(quarter, quarter))
        self.at_eighth = conv(quarter, eighth, 2)
        self.token = nn.Conv2d(eighth, config.width, 2, 2)

    def forward(self, frame: FrameInput) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        pictures = F.pixel_unshuffle(torch.cat([frame.warped * 2 - 1, frame.noised], 1), 2)
        code = sinusoids(frame.canonical, CANONICAL_BANDS)
        flow, rest = frame.maps[:, :2] * FLOW_UNIT, frame.maps[:, 2:]
        half = self.at_half(torch.cat([pictures, flow, rest, code], 1))  # (B, ., side/2, side/2)
        quarter = self.at_quarter(half)
        eighth = self.at_eighth(quarter)
        tokens = self.token(eighth).flatten(2).transpose(1, 2)  # (B, N, C)
        return tokens, (half, quarter, eighth)


class Head(nn.Module):
    """Tokens and the stem's skips back to full-resolution edits. Starts as "keep everything, move nothing"."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.stem
        self.grid = config.grid
        self.token = nn.Conv2d(config.width, eighth, 1)
        self.at_eighth = conv(eighth, eighth)
        self.to_quarter = nn.Conv2d(eighth, quarter, 1)
        self.at_quarter = conv(quarter, quarter)
        self.to_half = nn.Conv2d(quarter, half, 1)
        self.at_half = nn.Sequential(nn.Conv2d(half, half, 3, 1, 1), nn.SiLU())
        self.out = nn.Conv2d(half, 3 + 4 * 4, 3, 1, 1)
        bias = torch.zeros(self.out.out_channels)
        bias[3:7] = 2.5  # keep ≈ 0.92
        nn.init.normal_(self.out.weight, std=1e-3)
        self.out.bias = nn.Parameter(bias)

    def forward(self, tokens: Tensor, skips: tuple[Tensor, Tensor, Tensor]) -> Edit:
        half, quarter, eighth = skips
        x = tokens.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        x = self.at_eighth(F.interpolate(self.token(x), scale_factor=2.0) + eighth)
        x = self.at_quarter(F.interpolate(self.to_quarter(x), scale_factor=2.0) + quarter)
        x = self.at_half(F.interpolate(self.to_half(x), scale_factor=2.0) + half)
        x = self.out(x)
        fine = F.pixel_shuffle(x[:, 3:], 2)
        return Edit(
            flow=x[:, :2].tanh() * EDIT_FLOW,
            alpha=x[:, 2:3] * 4,
            keep=fine[:, :1].sigmoid(),
            paint=fine[:, 1:].sigmoid(),
        )


class Block(nn.Module):
    """Self-attention over the memory, cross-attention to the face motion, MLP; adaLN on the noise level.

    Modulation is shared by all blocks and shifted by a table per block (PixArt-α, Chen et al. 2023).
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        width = config.width
        self.config, self.layer = config, layer
        spatial = (config.heads - config.keyed) * config.head_width
        keyed = config.keyed * config.head_width
        self.table = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.norm_motion = nn.LayerNorm(width)
        self.query_key = nn.Linear(width, 2 * spatial)
        self.geometry = nn.Linear(config.code_channels, 2 * keyed) if keyed else None
        self.value = nn.Linear(width, width)
        self.norm_query = HeadNorm(config.head_width)
        self.norm_key = HeadNorm(config.head_width)
        self.out = nn.Linear(width, width)
        self.motion_query = nn.Linear(width, width)
        self.motion_key_value = nn.Linear(width, 2 * width)
        self.motion_out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.mlp * width), nn.GELU(approximate="tanh"), nn.Linear(config.mlp * width, width)
        )

    def heads(self, x: Tensor) -> Tensor:
        """(B, N, H·D) -> (B, H, N, D)"""
        return x.unflatten(2, (-1, self.config.head_width)).transpose(1, 2)

    def project(self, x: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Q, K before their norm and V (B, H, N, D): spatial heads from appearance, keyed heads' Q and K from
        canonical coordinates alone.
        """
        query, key = self.query_key(x).chunk(2, -1)
        if self.geometry is not None:
            keyed_query, keyed_key = self.geometry(code).chunk(2, -1)
            query, key = torch.cat([query, keyed_query], -1), torch.cat([key, keyed_key], -1)  # (B, N, C)
        return self.heads(query), self.heads(key), self.heads(self.value(x))

    def forward(self, x: Tensor, code: Tensor, motion: Tensor, modulation: Tensor, recall: Recall) -> Tensor:
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (modulation + self.table)[:, :, None].unbind(
            1
        )  # (B, 1, C)
        query, key, value = self.project(norm_modulate(x, scale_a, shift_a), code)
        seen = recall(self, query, key, value)  # (B, H, N, D)
        seen = self.out(seen.transpose(1, 2).flatten(2))
        x, asking = add_norm(x, seen, gate_a, self.norm_motion.weight, self.norm_motion.bias)
        key, value = self.motion_key_value(motion).chunk(2, -1)
        asked = self.heads(self.motion_query(asking)) / self.config.head_width**0.5
        told = (asked @ self.heads(key).transpose(-1, -2)).softmax(-1) @ self.heads(value)
        told = self.motion_out(told.transpose(1, 2).flatten(2))
        x, thinking = add_norm(x, told, None, scale_m, shift_m)
        return gate_add(x, self.mlp(thinking), gate_m)


class CausalDiT(nn.Module):
    """The generator. Holds no streaming state: `refer` makes a picture's K/V, `step` draws one frame over a `Cache`,
    `clip` draws several frames at once for training and equals `step` by `step`. `closeups` draws mouth and eyes anew,
    nearer; it needs neither."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config)
        self.place = nn.Parameter(torch.randn(1, config.tokens, config.width) * 0.02)
        self.level = nn.Sequential(nn.Linear(32, config.width), nn.SiLU(), nn.Linear(config.width, 6 * config.width))
        self.motion = nn.Linear(config.motion_width, config.width)
        self.motion_kind = nn.Parameter(torch.randn(1, config.motion_tokens, config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.head = Head(config)
        self.closeups = Closeups(config)
        # Least and largest input and output of convolutions by name, as `training.calibrate` saw them: what exports in
        # 8 bits go by. Empty: never calibrated.
        self.ranges: dict[str, list[float]] = {}
        self._rope = axial_rope(config.grid, config.head_width)

    @property
    def rope(self) -> Rope:
        """On the network's device; no buffer, because angles stay float32 whatever the weights are cast to."""
        if self._rope.space.device != self.place.device:
            self._rope = self._rope.to(self.place.device)
        return self._rope

    def forward(self, frame: FrameInput, attend: Attend) -> Edit:
        return self.draw(frame, normed(attend))

    def draw(self, frame: FrameInput, recall: Recall) -> Edit:
        x, skips = self.think(frame, recall)
        return self.head(self.norm(x), skips)

    def think(self, frame: FrameInput, recall: Recall) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Stem and blocks: tokens (B, N, C) and the stem's skips."""
        tokens, skips = self.stem(frame)
        x = tokens + self.place  # (B, N, C)
        code = sinusoids(F.adaptive_avg_pool2d(frame.canonical, self.config.grid), CODE_BANDS)
        code = code.flatten(2).transpose(1, 2)  # (B, N, K)
        motion = self.motion(frame.motion) + self.motion_kind  # (B, M, C)
        modulation = self.level(sinusoids(frame.level[:, None], 16)).unflatten(1, (6, -1))  # (B, 6, C)
        for block in self.blocks:
            x = block(x, code, motion, modulation, recall)
        return x, skips

    def refer(self, reference: FrameInput) -> tuple[Tensor, Tensor]:
        """A clean picture's K/V of every layer, (L, B, H, N, D) each, keys turned to a reference's age; it attends to
        itself.
        """
        kept: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            kept.append((key, value))
            return self._attend(query, key, value, [0.0])

        self.think(reference, normed(attend))
        keys, values = zip(*kept, strict=True)
        age = torch.full((reference.level.shape[0], 1), REFERENCE_POSITION, device=reference.level.device)
        turned = [turn(key, age, self.rope, self.config.keyed) for key in keys]
        return torch.stack(turned), torch.stack(values)

    def step(self, frame: FrameInput, cache: Cache, lane: Tensor | None = None) -> Edit:
        """Draw the current frame of each stream over its lane (B,) of the cache, None = all lanes in order; writes the
        frame's K/V into the lane's current slot (`cache.advance` moves on).
        """
        ring, rope, references = cache.ring(lane), self.rope, self.config.references

        def recall(block: Block, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            keys, values, scale = cache.layer(block.layer)
            store(key, value, keys, values, ring, references, block.norm_key.weight, scale)
            return ring_attention(
                query, keys, values, ring, rope, self.config.keyed, references, block.norm_query.weight, scale
            )

        return self.draw(frame, recall)

    def clip(self, references: tuple[Tensor, Tensor], frames: list[FrameInput]) -> list[Edit]:
        """Draw consecutive frames, each seeing the references' K/V (L, B, H, R·N, D) and at most `ring` frames before
        it.
        """
        memory: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(self.config.depth)]

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            past = memory[layer][-self.config.ring :]
            ages = [-float(age) for age in range(len(past), 0, -1)]
            keys = torch.cat([references[0][layer], *(k for k, _ in past), key], 2)
            values = torch.cat([references[1][layer], *(v for _, v in past), value], 2)
            memory[layer].append((key, value))
            pinned = references[0].shape[3] // self.config.tokens
            return self._attend(query, keys, values, [REFERENCE_POSITION] * pinned + ages + [0.0], pinned)

        return [self(frame, attend) for frame in frames]

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, ages: list[float], pinned: int = 0) -> Tensor:
        position = torch.tensor(ages, device=query.device).expand(query.shape[0], -1)
        live = torch.ones_like(position, dtype=torch.bool)
        return attention.attend(query, keys, values, position, live, self.rope, self.config.keyed, pinned)
