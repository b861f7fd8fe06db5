"""People's heads keep their depth; flat drawings' are flatter, what is no head is one sheet; x and y stay."""

import torch

from models.geometry.kind import Kind
from models.geometry.relief import DRAWN_RELIEF, head_relief, normals_on_relief, on_relief
from models.geometry.topology import MESH, head_pose, topology
from tests.support.solid_heads import head_turned

CPU = torch.device("cpu")


def kinds(skull, lids):
    return Kind(*(torch.tensor([value]) for value in (skull, lids, 1.0)))


def turned_face(yaw):
    return head_turned(yaw).apply(topology(CPU).canonical[None])


def test_a_persons_face_stays():
    face = turned_face(20.0)
    torch.testing.assert_close(on_relief(face, Kind.person(1)), face, atol=1e-5, rtol=0)
    assert head_relief(Kind.person(3)).tolist() == [1, 1, 1]


def test_a_drawn_head_is_flatter_and_lies_where_it_was():
    face = turned_face(20.0)
    drawn = on_relief(face, kinds(1.0, 0.0))
    torch.testing.assert_close(drawn[..., :2], face[..., :2])
    frontal = on_relief(turned_face(0.0), kinds(1.0, 0.0))
    depth = head_pose(turned_face(0.0)).inverse(frontal)[..., 2]
    torch.testing.assert_close(depth, DRAWN_RELIEF * topology(CPU).canonical[None, :, 2], atol=1e-4, rtol=0)


def test_what_is_no_head_is_flatter_too():
    face = turned_face(0.0)
    sheet = on_relief(face, kinds(0.0, 0.0))
    assert (sheet[0, :, 2].max() - sheet[0, :, 2].min()) < 0.7 * (face[0, :, 2].max() - face[0, :, 2].min())


def test_normals_of_a_flat_face_point_to_the_camera():
    mesh = topology(CPU)
    flat = mesh.canonical[None, :MESH] * torch.tensor([1.0, 1.0, DRAWN_RELIEF])
    of_person, of_drawing = (
        normals_on_relief(mesh.normals, flat, mesh.triangles, torch.tensor([relief])) for relief in (1.0, DRAWN_RELIEF)
    )
    torch.testing.assert_close(of_person[0], mesh.normals, atol=1e-5, rtol=0)
    border = mesh.oval
    assert (of_drawing[0, border, 2] < of_person[0, border, 2]).all()  # z looks away from the camera
