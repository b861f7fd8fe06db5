"""Patches edit the surroundings of the openings, stay inside their windows, and are composited as they are drawn."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from models.closeups.inputs import (
    ALL_RINGS,
    NOW_INNER_RING,
    REST_INNER_RING,
    CloseupInput,
    CloseupReference,
    MovingPicture,
    make_input,
    make_inputs,
    make_reference,
    make_references,
    sample,
)
from models.closeups.lids import may_be_shut, open_shares
from models.closeups.patches import Patch, apply_edit, driver_mouth, influence, make_edit, make_patches
from models.closeups.window import MOUTH_VIEW, Window, window_fade
from models.compositor import compose
from models.config import GUIDE_SIDE
from models.dit import Edit
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.openings import LOWER_LIP_EDGE
from models.geometry.retarget import Pose, Strength, rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER, topology
from models.motion import Driver
from tests.support.closeups import DARK, SMALL, TEETH, closing_eyes, mouth_at_rest, mouth_cells, uniform_patch
from tests.support.faces import drawn_face

LOWER_LIP_MIDDLE = (LOWER_LIP_INNER, 87, 317)  # landmarks


def test_edit_is_limited_to_the_surroundings_of_openings() -> None:
    mouth = mouth_at_rest(drawn_face(256), 96)
    near = influence(mouth)[0, 0]
    lips = mouth.maps[0, ALL_RINGS].amax(0) > 0.5
    assert float(near[lips].min()) > 0.95
    assert float(near[:8].max()) == float(near[-8:].max()) == 0
    ones = torch.ones(1, 1, 96, 96)
    outputs = (torch.ones(1, 2, 48, 48), 0 * ones, ones.expand(-1, 3, -1, -1))
    edit = make_edit(replace(mouth, network_mask=ones), *outputs)
    assert torch.allclose(1 - edit.keep[0, 0], near, atol=1e-6)
    assert float(edit.flow[..., :4, :].abs().max()) == 0
    assert float(make_edit(mouth, *outputs).keep.min()) > 0.95  # a mouth as in the picture is left alone


def test_edit_draws_lids_that_meet_in_the_colour_of_their_rim() -> None:
    eyes = closing_eyes(drawn_face(256), 0.0)
    rest_inner = eyes.maps[:, REST_INNER_RING]
    assert float((eyes.known - rest_inner).abs().max()) < 1e-3  # all of the opening at rest
    ones = torch.ones_like(rest_inner)
    edit = make_edit(eyes, torch.zeros(2, 2, 24, 24), ones, ones.expand(-1, 3, -1, -1))  # the network would keep all
    closed = rest_inner[:, 0] > 0.9
    assert float(edit.keep[:, 0][closed].max()) < 0.2
    paint, known_colour = (colour.permute(0, 2, 3, 1)[closed] for colour in (edit.paint, eyes.known_colour))
    assert torch.allclose(paint, known_colour, atol=1e-3)


def test_patch_paints_its_window_and_nothing_else() -> None:
    rig = drawn_face(128)
    guidance, window = make_guidance(rig, rest_pose(rig)), Window.of(MOUTH_VIEW, rig.head)
    plain, painted = (compose(rig, guidance, None, None, some) for some in ((), [uniform_patch(window, 0.0, 1.0)]))
    position = window.to_window(unit_grid(128, torch.device("cpu")))
    outside, middle = position.abs().amax(-1)[0] > 1, position.abs().amax(-1)[0] < 0.5
    assert torch.equal(plain[0, :3, outside], painted[0, :3, outside])
    assert torch.allclose(painted[0, :3, middle], torch.ones(()), atol=1e-3)
    assert torch.equal(plain[:, 3], painted[:, 3])


def test_patch_moves_the_pixels_of_its_window() -> None:
    rig = drawn_face(128)
    guidance, window = make_guidance(rig, rest_pose(rig)), Window.of(MOUTH_VIEW, rig.head)
    moved = compose(rig, guidance, None, None, [uniform_patch(window, 1.0, 0.0, flow_x=0.1)])
    step = 0.1 * float(window.across[0, 0])
    grid = unit_grid(128, torch.device("cpu"))
    expected = sample(rig.image, grid + torch.tensor([step, 0.0]))
    middle = window.to_window(grid).abs().amax(-1)[0] < 0.6
    assert torch.allclose(moved[0, :3, middle], expected[0, :, middle], atol=0.03)


def test_patch_replaces_the_dark_of_a_mouth_that_geometry_opens() -> None:
    rig = drawn_face(128)
    opened = topology().canonical[None] * 0.28
    opened[:, list(LOWER_LIP_MIDDLE), 1] += 0.06
    pose = retarget(rig, Driver.of_face(opened), Driver.of_face(rig.face))
    guidance, window = make_guidance(rig, pose), Window.of(MOUTH_VIEW, pose.head)
    dark, kept = (compose(rig, guidance, None, None, some) for some in ((), [uniform_patch(window, 1.0, 0.0)]))
    mouth = window.to_window(unit_grid(128, torch.device("cpu"))).abs().amax(-1)[0] < 0.3
    assert float((dark - kept)[0, :3, mouth].abs().max()) > 0.1


def test_apply_edit_draws_what_compose_draws() -> None:
    rig = drawn_face(256)
    mouth = mouth_at_rest(rig, 64)
    noise = torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    noise = F.interpolate(noise, (64, 64), mode="bilinear")
    edit = make_edit(mouth, torch.full((1, 2, 32, 32), 0.05), noise[:, :1], noise[:, 1:])
    drawn, _ = apply_edit(mouth, edit, rig.image)
    canvas = compose(rig, make_guidance(rig, rest_pose(rig)), None, None, [Patch(mouth.window, edit)])
    composed = sample(canvas[:, :3], mouth.window.grid(64))
    inside = window_fade(unit_grid(64, torch.device("cpu")))[0, 0] > 0.99
    assert float((drawn - composed)[0, :, inside].abs().mean()) < 0.04


def opened_mouth(
    rig: Rig, cells: Tensor, **strength: float
) -> tuple[Pose, CloseupInput, CloseupInput, tuple[CloseupReference, ...]]:
    """A rig whose shut mouth opens as wide as can be, and the input of its close-ups."""
    face = rig.face.clone()
    face[:, list(LOWER_LIP_EDGE), 1] += 0.06
    neutral = Driver.of_face(rig.face)
    pose = retarget(rig, replace(Driver.of_face(face), mouth=cells), neutral, Strength(**strength))
    moving = MovingPicture.of(rig, pose, make_guidance(rig, pose))
    references = make_references(rig.image, rig.face, rig.head, SMALL)
    return pose, *make_inputs(moving, references), references


def test_driver_mouth_counts_where_the_picture_shows_nothing_of_a_mouth() -> None:
    rig = drawn_face(256)
    pose, mouth, _, references = opened_mouth(rig, mouth_cells())
    confidence = driver_mouth(pose.mouth, mouth, references[0])[:, 3:]
    inner = mouth.maps[:, NOW_INNER_RING]
    assert float(confidence[inner > 0.95].min()) > 0.9 and float(confidence[inner < 0.01].max()) == 0
    pose, mouth, _, references = opened_mouth(rig, mouth_cells(weight=0.0))
    assert float(driver_mouth(pose.mouth, mouth, references[0])[:, 3].max()) == 0  # nothing measured
    pose, mouth, _, references = opened_mouth(rig, mouth_cells(), teeth=0.0)
    assert float(driver_mouth(pose.mouth, mouth, references[0])[:, 3].max()) == 0  # switched off
    moving = replace(MovingPicture.of(rig, pose, make_guidance(rig, pose)), face=rig.face, head=rig.head)
    shut = make_input([MOUTH_VIEW], moving, make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, 32))
    assert float(driver_mouth(mouth_cells().permute(0, 3, 1, 2), shut, references[0])[:, 3].max()) < 0.1


@torch.inference_mode()
def test_make_patches_gives_each_picture_of_a_batch_the_mouth_of_its_driver() -> None:
    rigs = Rig.stack([drawn_face(128)] * 2)
    cells = torch.cat([mouth_cells(), mouth_cells(DARK, TEETH)])
    pose, mouth, eyes, references = opened_mouth(rigs, cells)
    outputs = []
    for closeup, count in ((mouth, 2), (eyes, 4)):
        side = closeup.maps.shape[-1]
        paint = torch.full((count, 3, side, side), 0.5)
        outputs += [torch.zeros(count, 2, side // 2, side // 2), torch.ones(count, 1, side, side), paint]
    moving = MovingPicture.of(rigs, pose, make_guidance(rigs, pose))
    patches = make_patches(mouth, eyes, outputs, references, moving, pose.mouth, may_be_shut(open_shares(eyes)))
    edit = Edit(*(torch.zeros(2, k, n, n) for k, n in ((2, GUIDE_SIDE), (1, 128), (3, 128), (1, GUIDE_SIDE))))
    edit = replace(edit, keep=1 - edit.keep)
    picture = compose(rigs, make_guidance(rigs, pose), edit, None, patches)[:, :3].mean(1)
    x, (top, low) = 64, ((pose.face[0, [UPPER_LIP_INNER, LOWER_LIP_INNER], 1] + 1) * 64).tolist()
    upper, lower = (int(top + share * (low - top)) for share in (0.25, 0.75))
    # Half of it is drawn by rule, the same for both drivers.
    assert picture[0, upper, x] > picture[1, upper, x] + 0.1
    assert picture[1, lower, x] > picture[0, lower, x] + 0.1
