"""Flows, coverage, confidence and motion tokens of a pose."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, grid_sample, max_pool2d

from kernels.outline import continue_outwards
from kernels.sampling import resize_map
from kernels.warp.reference import sharpen_coverage
from models.config import GUIDE_SIDE, MOTION_TOKEN_WIDTH, MOTION_TOKENS
from models.geometry.grid import sample_planes, to_box, unit_planes
from models.geometry.guidance import FLOW_REACH, make_guidance, person_alpha
from models.geometry.head_surface import FINER
from models.geometry.openings import LIP_PAIRS
from models.geometry.retarget import rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import CHIN, FOREHEAD, NOSE_TIP, topology
from tests.support.drivers import driver, lids_at, rotation_of
from tests.support.faces import drawn_face


def test_guidance_has_its_shapes_and_ranges(small_rig: Rig) -> None:
    guidance = make_guidance(small_rig, retarget(small_rig, driver(rotation=rotation_of(0.3)), driver()))
    assert guidance.flow.shape == guidance.focus_flow.shape == (1, 2, GUIDE_SIDE, GUIDE_SIDE)
    assert guidance.canonical.shape == (1, 3, GUIDE_SIDE, GUIDE_SIDE)
    assert guidance.openings.shape == (1, 2, GUIDE_SIDE, GUIDE_SIDE)
    assert guidance.tokens.shape == (1, MOTION_TOKENS, MOTION_TOKEN_WIDTH)
    alpha = person_alpha(small_rig, guidance)
    for share in (alpha, guidance.head_coverage, guidance.confidence, guidance.openings):
        assert share.min() >= 0 and share.max() <= 1


def test_confidence_is_low_inside_a_mouth_that_the_picture_shows_closed(rig: Rig) -> None:
    local = topology().canonical[None].clone()
    jaw = local[0, :, 1] > 0.76
    for upper, lower in LIP_PAIRS:
        jaw[upper], jaw[lower] = False, True
    local[:, jaw, 1] += 0.3
    pose = retarget(rig, driver(local=local), driver())
    guidance = make_guidance(rig, pose)
    inside = guidance.openings[:, :1] > 0.9
    assert inside.sum() > 5
    assert guidance.confidence[inside].max() < 0.2
    assert make_guidance(rig, rest_pose(rig)).confidence[0, 0, GUIDE_SIDE // 2, GUIDE_SIDE // 2] > 0.99


def test_head_flow_and_outer_flow_part_at_the_edge_of_a_turned_head(small_rig: Rig) -> None:
    guidance = make_guidance(small_rig, retarget(small_rig, driver(rotation=rotation_of(0.6)), driver()))
    flow, outer, coverage = guidance.focus_flow, guidance.outer_flow, guidance.head_coverage
    face = avg_pool2d(guidance.head_flow, FINER) + guidance.head_shift
    apart = (flow - face).norm(dim=1, keepdim=True)[coverage == 1] * GUIDE_SIDE / 2
    assert apart.median() < 0.01  # cells; more where the nose stands before a cheek
    assert apart.quantile(0.95) < 0.1
    assert torch.where(coverage == 0, flow - outer, 0).abs().max() == 0
    is_soft = guidance.head_shift.norm(dim=1, keepdim=True) * GUIDE_SIDE / 2 > 0.1  # as the end at the neck
    edge = (coverage > 0) & (coverage < 1) & (max_pool2d(coverage, 5, 1, 2) == 1) & ~is_soft  # the outline
    apart = torch.where(edge, (face - outer).norm(dim=1, keepdim=True), 0) * GUIDE_SIDE / 2
    assert apart.max() > 1  # cells: a single flow would be torn there
    most = max_pool2d(torch.where(coverage >= 0.5, face, -9), 9, 1, 4)
    least = -max_pool2d(torch.where(coverage >= 0.5, -face, -9), 9, 1, 4)
    beyond = torch.where(edge, torch.maximum(face - most, least - face), 0) * GUIDE_SIDE / 2
    assert beyond.max() < 1  # the head's flow continues as it is inside the edge


def test_the_flow_of_the_surface_in_front_is_told_on_finer_cells(small_rig: Rig) -> None:
    pose = retarget(small_rig, driver(rotation=rotation_of(0.3)), driver())
    guidance = make_guidance(small_rig, pose)
    assert guidance.head_flow.shape == (1, 2, FINER * GUIDE_SIDE, FINER * GUIDE_SIDE)
    landmarks = [NOSE_TIP, FOREHEAD, CHIN]
    place = to_box(pose.face[:, landmarks], guidance.box)[..., :2]
    at_landmarks = grid_sample(guidance.head_flow, place[:, None], "bilinear", "border", False)[0, :, 0].T
    assert (at_landmarks - (small_rig.face - pose.face)[0, landmarks, :2]).norm(dim=-1).max() < 0.01


@pytest.mark.parametrize(("half", "size"), [(0.2, 512), (0.4, 320), (1.0, 512)])
def test_the_finer_flow_is_continued_as_far_as_pixels_read_it(half: float, size: int) -> None:
    """Wherever the pooled coverage covers any of a pixel, its flow is that of what is covered near it."""
    box, side = torch.tensor([[0.013, 0.007, half]]), FINER * GUIDE_SIDE
    covered = (torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(1)) > 0.985).float()
    flow = continue_outwards(torch.where(covered > 0, 1.0, 0.0), covered, FLOW_REACH)
    seen = sharpen_coverage(avg_pool2d(covered, FINER), size, box) > 0
    assert seen.any()
    assert torch.allclose(resize_map(flow, size, box)[seen], torch.tensor(1.0))


def test_motion_tokens_of_expression_are_zero_at_rest(rig: Rig) -> None:
    tokens = make_guidance(rig, rest_pose(rig)).tokens
    moved = make_guidance(rig, retarget(rig, driver(local=lids_at(0.3)), driver())).tokens
    assert tokens[:, 2].abs().max() < 1e-4
    assert (moved[:, 1] - tokens[:, 1]).abs().max() > 0.05
    assert (moved[:, 3] - tokens[:, 3]).abs().max() < 0.02  # lids do not turn the head


def test_canonical_map_at_rest_is_the_canonical_face(rig: Rig) -> None:
    canonical = make_guidance(rig, rest_pose(rig)).canonical
    for landmark in (NOSE_TIP, FOREHEAD, CHIN, 50, 280):
        x, y = ((rig.face[0, landmark, :2] + 1) * GUIDE_SIDE / 2 - 0.5).round().long().tolist()
        here = canonical[0, :, y, x]
        assert (here - topology().canonical[landmark]).norm() < 0.12


def test_flow_opens_no_gap_at_the_canvas_border() -> None:
    rig = drawn_face(scale=0.28)  # its body is cut by the lower border
    pose = retarget(rig, driver(0.28, shift=(0.0, -0.2, 0.0)), driver(0.28))
    guidance = make_guidance(rig, pose)
    bottom = guidance.flow[0, 1, -1] + (1 - 1 / GUIDE_SIDE)
    alpha = sample_planes(rig.body_matte, unit_planes(GUIDE_SIDE, guidance.flow.device) + guidance.flow)
    assert bottom[alpha[0, 0, -1] > 0.5].max() < 1.0 + 1e-3
