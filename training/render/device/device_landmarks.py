"""True landmarks and joints of many pictures at once, on any device, as `LandmarkMap`."""

from __future__ import annotations

import torch
from torch import Tensor

from models.geometry.topology import MESH
from training.render.character.body import HAND_POINTS
from training.render.device.device_camera import CameraBatch
from training.render.device.device_figure import BODY_POINT_COUNT, FigureBatch, StudioTensors
from training.render.device.device_pose import ActBatch, PoseBatch, skin_points, to_world
from training.render.joints import EARS, FIRST_BODY_JOINT, FIRST_JOINT_BELOW_ELBOWS, HIPS, JOINT_COUNT, Joint
from training.render.labels.landmarks import FACE_JOINTS, HAND_THICKNESS_CM, LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from training.render.raster.device_raster import Hits


def face_landmarks(
    studio: StudioTensors,
    figures: FigureBatch,
    character: Tensor,
    acts: ActBatch,
    poses: PoseBatch,
    cameras: CameraBatch,
) -> Tensor:
    """True landmarks (P, 478, 3), as `LandmarkMap.face`."""
    points = (poses.model[:, studio.corners] * studio.weights).sum(2)
    angle = figures.iris_angle[character]
    around = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], dtype=angle.dtype, device=angle.device)
    depth = torch.cat([torch.ones_like(angle)[:, None], angle.cos()[:, None].expand(-1, 4)], 1)
    ring = torch.cat([around * angle.sin()[:, None, None], depth[..., None]], 2) @ poses.gaze.mT  # (P, 5, 3)
    centres, radii = figures.eye_centre[character], figures.eye_radius[character]
    irises = [centres[:, n][:, None] + ring * radii[:, n][:, None] for n in (1, 2)]
    points = torch.cat([points, *irises], 1)
    face = cameras.canvas(to_world(points, torch.ones_like(points[..., :1]), acts, figures.is_bust[character]))
    # MediaPipe's iris points have the depth of the corners of the eye.
    corners = (list(RIGHT_EYE_CORNERS), list(LEFT_EYE_CORNERS))
    depths = [face[:, eye, 2].mean(1, keepdim=True).expand(-1, 5) for eye in corners]
    z = torch.cat([face[:, :MESH, 2], *depths], 1)
    return torch.cat([face[..., :2], (z - z[:, :MESH].mean(1, keepdim=True))[..., None]], 2)


def body_landmarks(
    figures: FigureBatch, character: Tensor, acts: ActBatch, cameras: CameraBatch, face: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """True body joints (P, 33, 4), as `LandmarkMap.body`, and points of the hands: canvas x, y, z (P, 2, 21, 3), and
    distance from the camera (P, 2, 21), cm. face: (P, 478, 3).
    """
    is_bust = figures.is_bust[character]
    joints = figures.joints[character]
    bone = figures.joint_bone[character][..., None]
    moved = skin_points(joints, bone, torch.ones_like(bone, dtype=joints.dtype), acts.bone_transforms)
    number = torch.arange(BODY_POINT_COUNT, device=joints.device)
    # The ears belong to the head, which no bone moves.
    joints = torch.where(((number == Joint.LEFT_EAR) | (number == Joint.RIGHT_EAR))[None, :, None], joints, moved)
    weight = (number < FIRST_BODY_JOINT).to(joints.dtype)[None, :, None]
    world = to_world(joints, weight, acts, is_bust, figures.joint_lean[character])
    canvas = cameras.canvas(world)
    z = canvas[..., 2] - canvas[:, HIPS, 2].mean(1, keepdim=True)
    out = torch.cat([canvas[:, :JOINT_COUNT, :2], z[:, :JOINT_COUNT, None]], 2)
    focal, distance = cameras.values[:, 0], cameras.values[:, 1]
    face_depth = z[:, EARS].mean(1) - focal / distance * 8
    joints_of_face, point = list(FACE_JOINTS), list(FACE_JOINTS.values())
    out[:, joints_of_face, :2] = face[:, point, :2]
    out[:, joints_of_face, 2] = face_depth[:, None] + face[:, point, 2]
    inside = (out[..., :2].abs() < 1).all(2)
    visibility = torch.where(inside, 0.98, 0.1)
    visibility[:, FIRST_JOINT_BELOW_ELBOWS:] *= 1 - is_bust
    hand = canvas[:, JOINT_COUNT:].view(-1, 2, HAND_POINTS, 3)
    depth = (distance[:, None] - world[:, JOINT_COUNT:, 2]).view(-1, 2, HAND_POINTS)
    return torch.cat([out, visibility[..., None]], 2), hand, depth


def shown_hands(hand: Tensor, depth: Tensor, hits: Hits, is_bust: Tensor) -> Tensor:
    """Hands (P, 2, 21, 4), as `LandmarkMap.hands`, of what `body_landmarks` returns. is_bust (P, 1): 0 or 1."""
    side = hits.inverse_depth.shape[1]
    pixel = ((hand[..., :2] + 1) * (side / 2)).long().clamp(0, side - 1)
    picture = torch.arange(len(hand), device=hand.device)[:, None, None]
    surface_depth = 1 / hits.inverse_depth[picture, pixel[..., 1], pixel[..., 0]].clamp_min(1e-4)
    visible = (hand[..., :2].abs() < 1).all(3) & (surface_depth > depth - HAND_THICKNESS_CM)
    confidence = (visible.float().mean(2, keepdim=True) > 0.6).to(hand.dtype).expand(-1, -1, HAND_POINTS)
    hands = torch.cat([hand[..., :2], (hand[..., 2] - hand[..., :1, 2])[..., None], confidence[..., None]], 3)
    return hands * (1 - is_bust)[:, :, None, None]
