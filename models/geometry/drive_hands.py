"""How a driver's hands move the picture's: the palm's direction and side, and every bone of the fingers.

Directions in the picture's plane are the driver's own; lengths are the picture's, foreshortened as the driver's are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.geometry.body import HAND_JOINTS, HAND_WRISTS, LEFT_WRIST, RIGHT_WRIST
from models.geometry.constants import gather_rows, scatter_rows
from models.geometry.drive_limbs import rotate_scale, wrapped
from models.geometry.grid import smoothstep
from models.geometry.hand import finger_bones, palm_frame, palm_of, wrists
from models.geometry.limb_curve import FINGERS
from models.geometry.proportions import LARGEST
from models.geometry.topology import inverse_2x2

TRACKED = (0.4, 0.7)  # confidence of the driver's hand over which it takes over
POINTING = (0.15, 0.35)  # length of a palm in the plane over its full one, over which it has a direction
PALM_RANGE = (0.35, 1.3)  # of a palm, and of its width, over that in the picture
LONGEST = 1.5  # of a finger's bone, over that in the picture


def drive_hands(
    rest: Tensor,
    hands: Tensor,
    shown: Tensor,
    driver: Tensor,
    body: Tensor,
    growth: Tensor,
    strength: Tensor,
    excess: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The character's joints (B, 33, 3) with the driver's hands, and the points of its own (B, 2, 21, 3), canvas units.

    rest (B, 33, 4), hands (B, 2, 21, 4): joints and hand points of the picture. shown (B, 2): 0 or 1, the hands whose
    fingers are layers; others move with the joints alone. driver (B or 1, 2, 21, 4): the driver's hands, camera units,
    and confidence. body (B, 33, 3): the joints now. growth (B,): the character's size now over that in the picture.
    strength (B,), used up to 1: at 0 hands turn with the joints. excess (B,), at least 0: by how much further than the
    driver's the fingers bend away from a rigid hand. Pure, and finite for any driver.

    A driver with the picture's hands gives the picture's.
    """
    driver = driver.expand_as(hands)
    known = (driver.abs() <= LARGEST).all(-1).all(-1)[..., None, None]  # false for NaN
    driver = torch.where(known, driver, torch.zeros_like(driver))
    trust = smoothstep(*TRACKED, driver[..., 3].amin(-1)) * shown * strength.clamp(0, 1)[:, None]
    palm, own = palm_of(hands), palm_of(driver)
    # The palm: joints of hands turn as the driver's palm.
    pointing = trust * smoothstep(*POINTING, own.length / own.full)
    turn = wrapped(own.angle - palm.angle)
    scale = bounded_ratio(own.length / own.full, palm.length / palm.full) * growth[:, None]
    holder, now = gather_rows(rest, HAND_WRISTS)[..., :2], gather_rows(body, HAND_WRISTS)[..., :2]
    at_rest = gather_rows(rest, HAND_JOINTS)[..., :2] - holder
    turned = rotate_scale(at_rest, turn.repeat_interleave(3, 1), scale.log().repeat_interleave(3, 1))
    joints = gather_rows(body, HAND_JOINTS)
    moved = torch.lerp(joints[..., :2], now + turned, pointing.repeat_interleave(3, 1).unsqueeze(-1))
    body = scatter_rows(body, HAND_JOINTS, torch.cat([moved, joints[..., 2:]], -1))
    # What is on the palm moves with its frame, which may be mirrored.
    across = bounded_ratio(own.width / own.full, palm.width / palm.full)
    across = torch.lerp(torch.ones_like(across), across, trust)
    across = across.abs().clamp_min(PALM_RANGE[0]).copysign(across) * growth[:, None]
    before = palm_frame(rest, torch.ones_like(across)).flatten(0, 1)
    frame = palm_frame(body, across) @ inverse_2x2(before).unflatten(0, across.shape)
    offsets = hands[..., :2] - wrists(rest).unsqueeze(2)
    on_palm = wrists(body).unsqueeze(2) + offsets @ frame.mT
    # The fingers.
    bones, own_bones = finger_bones(hands), finger_bones(driver)  # (B, 2, 5, 3, 3)
    length, own_length = bones[..., :2].norm(dim=-1), own_bones[..., :2].norm(dim=-1)
    foreshortened = own_length / own_bones.norm(dim=-1).clamp_min(1e-6)
    wanted = torch.minimum(bones.norm(dim=-1) * foreshortened, LONGEST * length) * growth[:, None, None, None]
    direction = own_bones[..., :2] / own_length.clamp_min(1e-6).unsqueeze(-1)
    rigid = bones[..., :2] @ frame[:, :, None].mT
    bend = trust[..., None, None, None]
    vectors = torch.lerp(rigid, direction * wanted.unsqueeze(-1), bend)
    if excess is not None:
        more = excess[:, None, None, None, None]
        further = vectors + more * bend * (direction * wanted.unsqueeze(-1) - rigid)
        longest = torch.maximum(vectors.norm(dim=-1), wanted)
        further = further * (longest / further.norm(dim=-1).clamp_min(1e-6)).clamp_max(1).unsqueeze(-1)
        vectors = torch.where(more > 0, further, vectors)
    roots = on_palm[:, :, 1:].unflatten(2, (FINGERS, 4))[:, :, :, :1]
    fingers = torch.cat([roots, roots + vectors.cumsum(3)], 3).flatten(2, 3)
    size = palm.full / own.full * growth[:, None]
    depth = torch.lerp(hands[..., 2] - hands[:, :, :1, 2], (driver[..., 2] - driver[:, :, :1, 2]) * size[..., None],
                       trust[..., None])  # fmt: skip
    depth = depth + body[:, LEFT_WRIST : RIGHT_WRIST + 1, 2:]
    return body, torch.cat([torch.cat([on_palm[:, :, :1], fingers], 2), depth.unsqueeze(-1)], -1)


def bounded_ratio(own: Tensor, rest: Tensor) -> Tensor:
    """The ratio own / rest, of an absolute value within `PALM_RANGE`."""
    rest = rest.abs().clamp_min(1e-3).copysign(rest)
    ratio = own / rest
    return ratio.abs().clamp(*PALM_RANGE).copysign(ratio)
