"""Sizes of the network: presets are data, derived sizes are properties."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

GUIDE_SIDE = 128  # G, cells along a side of the guidance maps
MOTION_TOKENS, MOTION_TOKEN_WIDTH = 4, 64  # face motion as tokens: mouth, eyes, brows and cheeks, head
CANONICAL_BANDS = 2  # octaves of the sinusoidal code of canonical coordinates in the stem
CODE_BANDS = 5  # octaves of the same code on tokens, for the geometry-keyed heads
LEVEL_BANDS = 16  # octaves of the sinusoidal code of the noise level


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that decides the network's shape. Raises ValueError for sizes that do not fit together.

    side: pixels along a side of the focus box.
    width: C, channels of a token.
    depth: L, blocks.
    heads: H, attention heads.
    keyed: geometry-keyed heads among them: their q and k come from canonical coordinates alone.
    mlp: hidden channels of the MLP over `width`.
    ring: past frames in the KV cache.
    references: reference pictures in the KV cache.
    stem: channels at 1/2, 1/4 and 1/8 of `side`.
    motion_tokens, motion_width: M and channels of `Guidance.tokens`.
    mouth_side, eye_side: pixels along a side of a close-up.
    mouth_channels, eye_channels: of the close-up network at 1/2, 1/4 and 1/8 of its side.
    """

    side: int = 256
    width: int = 256
    depth: int = 6
    heads: int = 8
    keyed: int = 3
    mlp: int = 3
    ring: int = 1
    references: int = 1
    stem: tuple[int, int, int] = (48, 96, 160)
    motion_tokens: int = MOTION_TOKENS
    motion_width: int = MOTION_TOKEN_WIDTH
    mouth_side: int = 96
    eye_side: int = 48
    mouth_channels: tuple[int, int, int] = (40, 80, 128)
    eye_channels: tuple[int, int, int] = (32, 64, 96)

    def __post_init__(self) -> None:
        if self.side != 2 * GUIDE_SIDE:
            raise ValueError(f"side must be twice the guidance side ({2 * GUIDE_SIDE}), got {self.side}")
        if self.width % self.heads or (self.width // self.heads) % 8:
            raise ValueError(f"width {self.width} over {self.heads} heads must give a head width divisible by 8")
        if not 0 <= self.keyed < self.heads:
            raise ValueError(f"keyed must lie in 0..{self.heads - 1}, got {self.keyed}")
        if self.mouth_side % 8 or self.eye_side % 8:
            raise ValueError(f"close-ups must have sides divisible by 8, got {self.mouth_side} and {self.eye_side}")
        if self.ring < 1 or self.references < 1:
            raise ValueError(f"ring and references must be at least 1, got {self.ring} and {self.references}")

    @property
    def grid(self) -> int:
        """Tokens along a side of the focus box."""
        return self.side // 16

    @property
    def tokens(self) -> int:
        """Tokens per frame, N."""
        return self.grid**2

    @property
    def head_width(self) -> int:
        """D, channels of one attention head."""
        return self.width // self.heads

    @property
    def slots(self) -> int:
        """Slots of the KV cache: references, past frames, the current frame."""
        return self.references + self.ring + 1

    @property
    def canonical_channels(self) -> int:
        """Sinusoidal code of canonical coordinates in the stem: x, y, z, sine and cosine."""
        return 3 * 2 * CANONICAL_BANDS

    @property
    def code_channels(self) -> int:
        """Sinusoidal code of canonical coordinates on tokens: x, y, z, sine and cosine."""
        return 3 * 2 * CODE_BANDS

    @property
    def map_channels(self) -> int:
        """Guidance maps in the stem: flow 2, confidence 1, alpha 1, openings 2, and the canonical code."""
        return 6 + self.canonical_channels

    @property
    def stem_channels(self) -> int:
        """The maps, and four pixels each of warped picture and noised frame (RGB) at half resolution."""
        return 2 * 3 * 4 + self.map_channels

    def to_dict(self) -> dict[str, object]:
        """Plain data for the header of a checkpoint; `of_dict` reads it back."""
        return asdict(self)

    @staticmethod
    def of_dict(data: dict[str, Any]) -> ModelConfig:
        """The config that `to_dict` wrote; JSON may have turned its tuples into lists."""
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return ModelConfig(**sizes)


PRESETS = {
    "tiny": ModelConfig(),
    "base": ModelConfig(width=512, depth=7, heads=8, ring=4, stem=(64, 128, 256)),
}
