"""The causal diffusion transformer: where to warp further, what to keep of the warped picture, and what to paint.

    maps, warped picture, noised frame ─► Stem ─► tokens ─► Block × depth ─► Head ─► Edit
                                            └───────────── skips ─────────────┘

Shapes: B batch, N tokens of a frame, C width, H heads, D head width, L depth, M motion tokens, G guidance cells a side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels import attention
from kernels.attention import Rope, apply_rope, axial_rope
from kernels.modulate import add_norm, gate_add, norm_modulate
from kernels.ring import ring_attention, store_kv
from models.cache import REFERENCE_POSITION, Cache
from models.closeups.refiner import Closeups
from models.config import CANONICAL_BANDS, CODE_BANDS, LEVEL_BANDS, ModelConfig
from models.layers import KEEP_BIAS, HeadNorm, conv, sinusoids

AttentionFn = Callable[["Block", Tensor, Tensor, Tensor], Tensor]  # (block, q, k, v) of this frame -> (B, H, N, D)
NormedAttentionFn = Callable[[int, Tensor, Tensor, Tensor], Tensor]  # (layer, q, k, v), q and k after their norm
Skips = tuple[Tensor, Tensor, Tensor]  # features of the stem at 1/2, 1/4 and 1/8 of the side
FLOW_SCALE = 16.0  # factor of the flow in the network's input: it is a small share of the focus box
MAX_EDIT_FLOW = 0.25  # focus units: largest correction of the flow
ALPHA_SCALE = 4  # factor from the head's output to the correction of alpha in logits
# Channels of `FrameInput.maps`.
MAP_FLOW = slice(0, 2)
MAP_CONFIDENCE = slice(2, 3)
MAP_MOUTH = slice(4, 5)
# Channels of the head's output at half resolution; then four pixels each of keep and paint.
OUT_FLOW = slice(0, 2)
OUT_ALPHA = slice(2, 3)
OUT_KEEP = slice(3, 7)


@dataclass(frozen=True, slots=True)
class FrameInput:
    """Input of the network for one frame, on the focus box.

    warped: (B, 3, side, side) 0..1 the picture warped by the guidance flow.
    noised: (B, 3, side, side) x_s around 0 (models/sampler.py).
    maps: (B, 6, G, G) flow x and y, confidence, alpha, opening of the mouth, of the eyes; `MAP_FLOW` and the
        constants beside it name these channels.
    canonical: (B, 3, G, G) canonical coordinates.
    motion: (B, M, motion_width) face motion as tokens.
    level: (B,) noise level s, 0 = clean .. 1 = noise.
    """

    warped: Tensor
    noised: Tensor
    maps: Tensor
    canonical: Tensor
    motion: Tensor
    level: Tensor


@dataclass(frozen=True, slots=True)
class Edit:
    """Network output for one frame, on the focus box.

    flow: (B, 2, G, G) correction Δf, focus units. keep: (B, 1, side, side) 0..1, 1 = the warped picture stays.
    paint: (B, 3, side, side) 0..1. alpha: (B, 1, G, G) correction of the person's alpha, logits.
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


def with_qk_norm(attend: NormedAttentionFn) -> AttentionFn:
    """An attention that takes q and k after their norm, as one that takes them before it."""

    def normed(block: Block, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(block.layer, block.norm_query(q), block.norm_key(k), v)

    return normed


class Stem(nn.Module):
    """Patch embedding by convolutions: pictures and maps to tokens, with skips of each scale for the head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.stem
        self.at_half = nn.Sequential(nn.Conv2d(config.stem_channels, half, 3, 1, 1), nn.SiLU())
        self.at_quarter = nn.Sequential(conv(half, quarter, 2), conv(quarter, quarter))
        self.at_eighth = conv(quarter, eighth, 2)
        self.token = nn.Conv2d(eighth, config.width, 2, 2)

    def forward(self, frame: FrameInput) -> tuple[Tensor, Skips]:
        pictures = F.pixel_unshuffle(torch.cat([frame.warped * 2 - 1, frame.noised], 1), 2)
        code = sinusoids(frame.canonical, CANONICAL_BANDS)
        flow, rest = frame.maps[:, MAP_FLOW] * FLOW_SCALE, frame.maps[:, MAP_FLOW.stop :]
        half = self.at_half(torch.cat([pictures, flow, rest, code], 1))  # (B, C1, side/2, side/2)
        quarter = self.at_quarter(half)  # (B, C2, side/4, side/4)
        eighth = self.at_eighth(quarter)  # (B, C3, side/8, side/8)
        tokens = self.token(eighth).flatten(2).transpose(1, 2)  # (B, N, C)
        return tokens, (half, quarter, eighth)


class Head(nn.Module):
    """Tokens and the stem's skips to an edit at full resolution. Untrained, it keeps everything and moves nothing."""

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
        self.out = nn.Conv2d(half, 3 + 4 * 4, 3, 1, 1)  # flow, alpha; keep and paint, four pixels of each
        bias = torch.zeros(self.out.out_channels)
        bias[OUT_KEEP] = KEEP_BIAS
        nn.init.normal_(self.out.weight, std=1e-3)
        self.out.bias = nn.Parameter(bias)

    def forward(self, tokens: Tensor, skips: Skips) -> Edit:
        half, quarter, eighth = skips
        x = tokens.transpose(1, 2).unflatten(2, (self.grid, self.grid))  # (B, C, side/16, side/16)
        x = self.at_eighth(F.interpolate(self.token(x), scale_factor=2.0) + eighth)
        x = self.at_quarter(F.interpolate(self.to_quarter(x), scale_factor=2.0) + quarter)
        x = self.at_half(F.interpolate(self.to_half(x), scale_factor=2.0) + half)
        x = self.out(x)  # (B, 19, side/2, side/2)
        pixels = F.pixel_shuffle(x[:, OUT_KEEP.start :], 2)  # (B, 4, side, side)
        return Edit(
            flow=x[:, OUT_FLOW].tanh() * MAX_EDIT_FLOW,
            alpha=x[:, OUT_ALPHA] * ALPHA_SCALE,
            keep=pixels[:, :1].sigmoid(),
            paint=pixels[:, 1:].sigmoid(),
        )


class Block(nn.Module):
    """Self-attention over references, past and current frame; cross-attention to the face motion; MLP; adaLN on the
    noise level.

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
        """q and k before their norm, and v: (B, H, N, D). q and k of spatial heads come from appearance, those of
        geometry-keyed heads from the code of canonical coordinates alone.
        """
        q, k = self.query_key(x).chunk(2, -1)
        if self.geometry is not None:
            q_keyed, k_keyed = self.geometry(code).chunk(2, -1)
            q, k = torch.cat([q, q_keyed], -1), torch.cat([k, k_keyed], -1)  # (B, N, C)
        return self.heads(q), self.heads(k), self.heads(self.value(x))

    def forward(self, x: Tensor, code: Tensor, motion: Tensor, modulation: Tensor, attend: AttentionFn) -> Tensor:
        """x (B, N, C), code (B, N, code_channels), motion (B, M, C), modulation (B, 6, C) → (B, N, C)."""
        modulation = (modulation + self.table)[:, :, None]
        shift_attn, scale_attn, gate_attn, shift_mlp, scale_mlp, gate_mlp = modulation.unbind(1)  # (B, 1, C)

        x_norm = norm_modulate(x, scale_attn, shift_attn)  # (B, N, C)
        q, k, v = self.project(x_norm, code)  # (B, H, N, D)
        attn = attend(self, q, k, v)  # (B, H, N, D)
        attn = self.out(attn.transpose(1, 2).flatten(2))  # (B, N, C)
        x, x_norm = add_norm(x, attn, gate_attn, self.norm_motion.weight, self.norm_motion.bias)  # (B, N, C)

        k_motion, v_motion = self.motion_key_value(motion).chunk(2, -1)  # (B, M, C)
        q_motion = self.heads(self.motion_query(x_norm)) / self.config.head_width**0.5  # (B, H, N, D)
        scores = q_motion @ self.heads(k_motion).transpose(-1, -2)  # (B, H, N, M)
        cross = scores.softmax(-1) @ self.heads(v_motion)  # (B, H, N, D)
        cross = self.motion_out(cross.transpose(1, 2).flatten(2))  # (B, N, C)
        x, x_mod = add_norm(x, cross, None, scale_mlp, shift_mlp)  # (B, N, C)

        mlp = self.mlp(x_mod)  # (B, N, C)
        return gate_add(x, mlp, gate_mlp)


class CausalDiT(nn.Module):
    """The network. It holds no streaming state: `encode_reference` makes a picture's K/V, `step` predicts one frame
    over a `Cache`, `predict_clip` predicts several frames at once for training and equals `step` frame by frame.
    `closeups`, networks of their own, refine mouth and eyes near the picture's resolution and use no cache.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config)
        self.place = nn.Parameter(torch.randn(1, config.tokens, config.width) * 0.02)
        self.level = nn.Sequential(
            nn.Linear(2 * LEVEL_BANDS, config.width), nn.SiLU(), nn.Linear(config.width, 6 * config.width)
        )
        self.motion = nn.Linear(config.motion_width, config.width)
        self.motion_kind = nn.Parameter(torch.randn(1, config.motion_tokens, config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.head = Head(config)
        self.closeups = Closeups(config)
        # Least and largest input and output of each convolution by its name, measured by `training.calibrate`, for
        # exports in 8 bits. Empty: never calibrated.
        self.ranges: dict[str, list[float]] = {}
        self._rope = axial_rope(config.grid, config.head_width)

    @property
    def rope(self) -> Rope:
        """Rotary angles on the network's device; no buffer, since they stay float32 if the weights are cast."""
        if self._rope.space.device != self.place.device:
            self._rope = self._rope.to(self.place.device)
        return self._rope

    def forward(self, frame: FrameInput, attend: NormedAttentionFn) -> Edit:
        return self.predict(frame, with_qk_norm(attend))

    def predict(self, frame: FrameInput, attend: AttentionFn) -> Edit:
        """The edit of one frame; attend: the attention of each block, over this frame and whatever the caller keeps of
        references and past frames.
        """
        x, skips = self.forward_blocks(frame, attend)
        return self.head(self.norm(x), skips)

    def forward_blocks(self, frame: FrameInput, attend: AttentionFn) -> tuple[Tensor, Skips]:
        """Stem and blocks: tokens (B, N, C) and the stem's skips."""
        tokens, skips = self.stem(frame)  # (B, N, C)
        x = tokens + self.place
        code = sinusoids(F.adaptive_avg_pool2d(frame.canonical, self.config.grid), CODE_BANDS)
        code = code.flatten(2).transpose(1, 2)  # (B, N, code_channels)
        motion = self.motion(frame.motion) + self.motion_kind  # (B, M, C)
        modulation = self.level(sinusoids(frame.level[:, None], LEVEL_BANDS)).unflatten(1, (6, -1))  # (B, 6, C)
        for block in self.blocks:
            x = block(x, code, motion, modulation, attend)  # (B, N, C)
        return x, skips

    def encode_reference(self, reference: FrameInput) -> tuple[Tensor, Tensor]:
        """K/V of every layer for a clean picture, which attends to itself: (L, B, H, N, D) each, keys rotated (RoPE)
        to the reference's fixed position.
        """
        kept: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            kept.append((k, v))
            return self._attend(q, k, v, [0.0])

        self.forward_blocks(reference, with_qk_norm(attend))
        keys, values = zip(*kept, strict=True)
        position = torch.full((reference.level.shape[0], 1), REFERENCE_POSITION, device=reference.level.device)
        rotated = [apply_rope(k, position, self.rope, self.config.keyed) for k in keys]
        return torch.stack(rotated), torch.stack(values)

    def step(self, frame: FrameInput, cache: Cache, lane: Tensor | None = None) -> Edit:
        """Predict the current frame of B streams over their lanes (B,) of the cache; None = all lanes in order.

        Writes the frame's K/V into each lane's current slot; `cache.advance` moves on to the next.
        """
        ring, rope, references = cache.ring(lane), self.rope, self.config.references

        def attend(block: Block, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values, scale = cache.layer(block.layer)
            store_kv(k, v, keys, values, ring, references, block.norm_key.weight, scale)
            return ring_attention(
                q, keys, values, ring, rope, self.config.keyed, references, block.norm_query.weight, scale
            )

        return self.predict(frame, attend)

    def predict_clip(self, references: tuple[Tensor, Tensor], frames: list[FrameInput]) -> list[Edit]:
        """Predict consecutive frames; each attends to the references' K/V (L, B, H, R·N, D) and to at most `ring`
        frames before it.
        """
        memory: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(self.config.depth)]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            past = memory[layer][-self.config.ring :]
            ages = [-float(age) for age in range(len(past), 0, -1)]
            keys = torch.cat([references[0][layer], *(key for key, _ in past), k], 2)
            values = torch.cat([references[1][layer], *(value for _, value in past), v], 2)
            memory[layer].append((k, v))
            pinned = references[0].shape[3] // self.config.tokens
            return self._attend(q, keys, values, [REFERENCE_POSITION] * pinned + ages + [0.0], pinned)

        return [self(frame, attend) for frame in frames]

    def _attend(self, q: Tensor, keys: Tensor, values: Tensor, positions: list[float], pinned: int = 0) -> Tensor:
        """Attention over slots at these positions, the first `pinned` of them references; all slots are occupied."""
        position = torch.tensor(positions, device=q.device).expand(q.shape[0], -1)
        is_occupied = torch.ones_like(position, dtype=torch.bool)
        return attention.attend(q, keys, values, position, is_occupied, self.rope, self.config.keyed, pinned)
