"""No driver tears the head: whatever their face, pose, size and place are, it stays one head within the frame."""

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import SHOULDERS
from models.geometry.guidance import Guidance, inner_edge, make_guidance
from models.geometry.keep_in_frame import FrameBounds
from models.geometry.retarget import ZOOM_RANGE, retarget
from models.geometry.rig import Rig
from models.geometry.topology import NOSE_TIP, topology
from models.motion import Driver
from tests.support.bodies import drawn_figure
from tests.support.drivers import driver
from tests.support.faces import drawn_face

HEAD = (0.0, -0.25, 0.75, 1.6)  # canonical units: middle of the head with its hair, and its radius
DRIVERS = 12
SIDE = 128


@pytest.fixture(scope="module", params=["figure", "face"])
def absurd_rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "figure":
        return drawn_figure(SIDE)
    return drawn_face(SIDE, 0.2)


def random_rotations(count: int, random: torch.Generator) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(count, 3, 3, generator=random))
    return q * torch.det(q)[:, None, None]


def absurd(random: torch.Generator) -> list[Driver]:
    """Heads of every turn, size and place; faces that are noise, a point, or not numbers."""
    rotations = random_rotations(DRIVERS, random)
    scales = torch.rand(DRIVERS, generator=random) * 8 - 5
    shifts = torch.randn(DRIVERS, 3, generator=random)
    drivers = [
        driver(float(s.exp()), r[None], tuple(t.tolist()), local=topology().canonical[None])
        for s, r, t in zip(scales, rotations, shifts, strict=True)
    ]
    noise = torch.randn(1, 478, 3, generator=random)
    broken = driver().face.clone()
    broken[:, 7] = float("nan")
    faces = [noise, noise * 1e3, noise * 0, broken, broken * float("inf"), driver().face + 0.1 * noise]
    return [*drivers, *(Driver.of_face(face) for face in faces)]


def frame_of(rig: Rig) -> FrameBounds:
    sides = torch.tensor([[-1.0, -1.0, 1.0, 1.0]])
    return FrameBounds(torch.tensor([HEAD]), sides)


def test_absurd_drivers_never_tear_the_head(absurd_rig: Rig) -> None:
    rig, random = absurd_rig, torch.Generator().manual_seed(1)
    at_rest = covered_area(make_guidance(rig, retarget(rig, driver(), driver(), bounds=frame_of(rig))))
    neutrals = [driver(), driver(rotation=random_rotations(1, random)), Driver.of_face(torch.zeros(1, 478, 3))]
    for number, now in enumerate(absurd(random)):
        pose = retarget(rig, now, neutrals[number % 3], bounds=frame_of(rig))
        for value in (pose.face, pose.local, pose.rotation, pose.body, *pose.head):
            assert value.isfinite().all()
        zoom = float(pose.head.scale / rig.head.scale)
        assert ZOOM_RANGE[0] - 1e-4 <= zoom <= ZOOM_RANGE[1] + 1e-4
        x, y = pose.head.apply(torch.tensor([[HEAD[:3]]]))[0, 0, :2].tolist()
        assert abs(x) < 1 and abs(y) < 1
        guidance = make_guidance(rig, pose)
        picture = compose(rig, guidance)
        assert picture.isfinite().all() and picture.min() > -0.01 and picture.max() < 1.01
        assert covered_area(guidance) < 2.2 * zoom**2 * at_rest  # no larger than a head of this size, from any side
        assert not (guidance.head_coverage * inner_edge(guidance.box)).any()  # nothing to continue to the border
        if y < float(pose.body[0, SHOULDERS, 1].min()):
            assert_no_bar(picture[0, 3], x, y, float(pose.head.scale))


def covered_area(guidance: Guidance) -> float:
    """Of the head, square canvas units."""
    return float(guidance.head_coverage.mean() * (2 * guidance.box[0, 2]) ** 2)


def assert_no_bar(alpha: Tensor, x: float, y: float, scale: float) -> None:
    """Above the middle of the head nothing of the person is further to a side than a head reaches."""
    line = (torch.arange(len(alpha)) * 2 + 1) / len(alpha) - 1
    above, beyond = line < y, (line - x).abs() > 3.2 * scale + 0.05
    assert not (alpha[above][:, beyond] > 0.5).any()


def test_a_face_that_is_not_a_number_is_the_neutral() -> None:
    rig = drawn_face(64)
    broken = driver().face.clone()
    broken[:, 0, 0] = float("nan")
    pose = retarget(rig, Driver.of_face(broken), driver())
    assert torch.allclose(pose.face, rig.face, atol=1e-4)


def test_a_head_that_leaves_its_place_takes_its_focus_box_along() -> None:
    rig = drawn_figure(SIDE)
    near = make_guidance(rig, retarget(rig, driver(shift=(0.05, 0, 0)), driver()))
    assert torch.equal(near.box, rig.focus)
    pose = retarget(rig, driver(shift=(2.0, 0.5, 0)), driver())
    far = make_guidance(rig, pose)
    middle = pose.head.shift[0, :2]
    assert ((middle - far.box[0, :2]).abs() < far.box[0, 2]).all()
    assert (far.box[:, :2].abs() + far.box[:, 2:] <= 1 + 1e-5).all()
    alpha = compose(rig, far)[0, 3]
    row, column = (int((float(v) + 1) / 2 * SIDE) for v in rig.face[0, NOSE_TIP, [1, 0]])
    assert alpha[row - 6, column] < 0.1  # none of the head is left where it was
    row, column = (int((float(v) + 1) / 2 * SIDE) for v in pose.face[0, NOSE_TIP, [1, 0]])
    assert alpha[row, column] > 0.9
