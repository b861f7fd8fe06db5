"""A blush: where it lies, of which colour it is, and that it is nothing where nobody blushes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kernels.shade import shade
from models.compositor import compose
from models.geometry.blush import any_blush, blush_gain, blush_logs
from models.geometry.guidance import make_guidance
from models.geometry.head_chart import CHART_SIDE, chart_grid
from models.geometry.retarget import Pose, rest_pose
from models.geometry.topology import CHIN, FOREHEAD, LEFT_IRIS, UPPER_LIP_OUTER, topology
from tests.support.faces import drawn_face

FAIR, DARK, GREY = (0.86, 0.68, 0.58), (0.3, 0.19, 0.14), (0.6, 0.6, 0.6)
CHEEKS, NOSE = (50, 280), 5


def logs(colour: tuple[float, float, float], chart: Tensor | None = None, shading: float = 1.0) -> Tensor:
    """Of a head that is all of one colour."""
    flat = torch.tensor(colour).view(1, 3, 1, 1)
    image, matte = flat.expand(-1, -1, 64, 64), torch.ones(1, 1, 64, 64)
    chart = torch.cat([flat, matte[..., :1, :1]], 1).expand(-1, -1, CHART_SIDE, CHART_SIDE) if chart is None else chart
    return blush_logs(chart, chart_grid(torch.device("cpu")).position, image, matte, torch.tensor([shading]))


def gains(values: Tensor, *landmarks: int) -> Tensor:
    """(3, N) factors of the colours at landmarks."""
    places = topology().canonical[list(landmarks)].T[None, :, None]
    return blush_gain(values, torch.ones(1), places)[0, :, 0]


@pytest.mark.parametrize("colour", [FAIR, DARK])
def test_a_blush_reddens_cheeks_and_nose_of_any_skin_and_nothing_else(colour: tuple[float, float, float]) -> None:
    red, green, blue = gains(logs(colour), *CHEEKS, NOSE)
    assert (red / green > 1.1).all() and (red / blue > 1.05).all()
    assert float(red[0]) == pytest.approx(float(red[1]), abs=0.02)
    assert (gains(logs(colour), FOREHEAD, CHIN, LEFT_IRIS, UPPER_LIP_OUTER) - 1).abs().max() < 0.05


def test_dark_skin_is_not_darkened_and_drawn_skin_is_painted_more() -> None:
    luma = torch.tensor([0.299, 0.587, 0.114])
    dark = torch.tensor(DARK)
    assert float((luma * dark * gains(logs(DARK), *CHEEKS).T).sum(-1).min()) >= float(luma @ dark)
    assert (gains(logs(FAIR, shading=0.0), *CHEEKS)[1] < gains(logs(FAIR), *CHEEKS)[1]).all()


def test_a_picture_without_colours_stays_without() -> None:
    red, green, blue = gains(logs(GREY), *CHEEKS)
    assert torch.allclose(red, green) and torch.allclose(red, blue) and float(red.max()) < 0.95


def test_hair_before_a_cheek_does_not_blush() -> None:
    chart = torch.ones(1, 4, CHART_SIDE, CHART_SIDE)
    chart[:, :3] = torch.tensor(FAIR).view(1, 3, 1, 1)
    chart[:, :3, :, : CHART_SIDE * 2 // 5] = torch.tensor([0.25, 0.3, 0.7]).view(1, 3, 1, 1)  # the right cheek
    right, left = gains(logs(FAIR, chart), *CHEEKS)[1].tolist()
    assert right == pytest.approx(1, abs=0.01) and left < 0.9


@torch.inference_mode()
def test_a_frame_without_a_blush_is_that_without_the_light_to_the_last_bit() -> None:
    """On a device the light is always applied."""
    rig = drawn_face(128)

    def frame(pose: Pose) -> Tensor:
        return compose(rig, make_guidance(rig, pose))

    rest = rest_pose(rig)
    before, full = frame(rest), frame(replace(rest, blush=torch.ones(1)))
    assert not any_blush(rest.blush) and not torch.equal(before, full) and torch.equal(before[:, 3], full[:, 3])
    guidance = make_guidance(rig, rest)
    gain = guidance.shading_gain * 1.1
    for backend in ("reference", "numba"):
        grey, coloured = before.clone(), before.clone()
        shade(grey, gain, guidance.box, backend)
        shade(coloured, gain * blush_gain(rig.blush, rest.blush, guidance.canonical), guidance.box, backend)
        assert torch.equal(grey, coloured)
