"""The pose of a head: least-squares similarity and nearest rotation."""

import torch

from models.geometry.topology import HeadTransform, head_pose, nearest_rotation, topology
from tests.support.drivers import rotation_of


def test_head_pose_finds_a_known_transform() -> None:
    head = HeadTransform(torch.tensor([0.4]), rotation_of(0.5, -0.3), torch.tensor([[0.1, -0.2, 0.3]]))
    found = head_pose(head.apply(topology().canonical[None]))
    assert torch.allclose(found.rotation, head.rotation, atol=1e-4)
    assert torch.allclose(found.scale, head.scale, atol=1e-4)
    assert torch.allclose(found.shift, head.shift, atol=1e-4)


def test_nearest_rotation_equals_the_orthogonal_factor_of_the_svd() -> None:
    torch.manual_seed(0)
    matrix = rotation_of(0.4, 0.2) + 0.1 * torch.randn(5, 3, 3)
    u, _, vt = torch.linalg.svd(matrix)
    assert torch.allclose(nearest_rotation(matrix), u @ vt, atol=1e-3)
    assert torch.allclose(nearest_rotation(torch.zeros(1, 3, 3)), torch.eye(3)[None], atol=1e-3)
