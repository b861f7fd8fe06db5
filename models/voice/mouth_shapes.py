"""What the voice network says of a face: ARKit's mouth shapes, a little of the brows, a nod, and whether lips touch.

Shapes that a voice moves on both sides alike are one channel here and two names outside (`SHAPE_NAMES`).
"""

from __future__ import annotations

from torch import Tensor

# One channel each; those in PAIRED become a left and a right shape.
SHAPES = (
    "jawOpen",
    "jawForward",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRollLower",
    "mouthPress",
    "mouthStretch",
    "mouthSmile",
    "mouthLowerDown",
    "mouthUpperUp",
    "tongueOut",
    "browInnerUp",
    "browOuterUp",
)
PAIRED = frozenset(
    ("mouthPress", "mouthStretch", "mouthSmile", "mouthLowerDown", "mouthUpperUp", "browInnerUp", "browOuterUp")
)
SHAPE_NAMES = tuple(
    name for shape in SHAPES for name in ((f"{shape}_L", f"{shape}_R") if shape in PAIRED else (shape,))
)
SIDED = tuple(SHAPES.index(name.removesuffix("_L").removesuffix("_R")) for name in SHAPE_NAMES)  # channel of each name
# The network's channels: shapes as they would be if lips never touched, the nod, and two logits.
NOD = len(SHAPES)  # rad, downwards positive
LIPS_TOUCH = NOD + 1
SPEECH = NOD + 2
CHANNELS = NOD + 3
JAW = SHAPES.index("jawOpen")
CLOSE, PRESS = SHAPES.index("mouthClose"), SHAPES.index("mouthPress")
# By how much each shape parts the inner lips at their middle, cm at weight 1, measured on ICT-FaceKit (both sides
# together).
PARTING_CM = {
    "jawOpen": 3.27,
    "mouthClose": -3.89,
    "mouthFunnel": 1.40,
    "mouthRollLower": -0.37,
    "mouthPress": -0.26,
    "mouthLowerDown": 0.68,
    "mouthUpperUp": 0.72,
}
PARTERS = tuple(SHAPES.index(name) for name in ("mouthFunnel", "mouthLowerDown", "mouthUpperUp"))
JAW_LEFT = 0.45  # share of the jaw's opening that stays behind lips that touch
TOUCHING_PRESS = 0.25  # weight of mouthPress while they touch
# mouthClose for each jawOpen: what brings the lips together again.
CLOSE_BY_JAW = -PARTING_CM["jawOpen"] / PARTING_CM["mouthClose"]


def close_lips(shapes: Tensor, touch: Tensor) -> Tensor:
    """Shapes (..., S) with lips closed by `touch` (...) 0..1; at 1 nothing parts them.

    `mouthClose`, which meets the jaw, and `mouthPress` follow from `touch` alone.
    """
    open_share = 1 - touch
    closed = shapes.clone()
    closed[..., PARTERS] = shapes[..., PARTERS] * open_share[..., None]
    closed[..., JAW] = shapes[..., JAW] * (1 - (1 - JAW_LEFT) * touch)
    closed[..., CLOSE] = CLOSE_BY_JAW * closed[..., JAW] * touch
    closed[..., PRESS] = TOUCHING_PRESS * touch
    return closed


def lip_parting(shapes: Tensor) -> Tensor:
    """How far shapes (..., S) part the lips at their middle, (...), cm on ICT-FaceKit's face; not below 0."""
    by_shape = shapes.new_tensor([PARTING_CM.get(name, 0.0) for name in SHAPES])
    return (shapes @ by_shape).clamp(min=0)


def both_sides(shapes: Tensor) -> Tensor:
    """Channels (..., S) to the weights of `SHAPE_NAMES` (..., N)."""
    return shapes[..., SIDED]
