"""Frames composed of the moved picture, the background, edits and patches."""

import torch

from models.closeups.patches import CloseupEdit, Patch
from models.closeups.window import VIEWS, Window, window_fade
from models.compositor import compose
from models.config import GUIDE_SIDE
from models.dit import Edit
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.retarget import Strength, rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import LANDMARKS, NOSE_TIP
from models.motion import Driver
from tests.support.drivers import driver, lids_at, rotation_of
from tests.support.faces import drawn_face


def test_compose_draws_patches_of_a_batch_at_once_as_one_by_one() -> None:
    rigs = [drawn_face(64, scale) for scale in (0.2, 0.26)]
    random = torch.Generator().manual_seed(2)

    def maps(channels: int, side: int) -> torch.Tensor:
        return torch.rand(2, channels, side, side, generator=random) * window_fade(unit_grid(side, torch.device("cpu")))

    pair = Rig.stack(rigs)
    patches = [
        Patch(Window.of(view, pair.head), CloseupEdit(0.1 * maps(2, 8), 1 - maps(1, 16), maps(3, 16), maps(1, 16)))
        for view in VIEWS
    ]
    guidance = make_guidance(pair, rest_pose(pair))
    together, without = compose(pair, guidance, patches=patches), compose(pair, guidance)
    for k, rig in enumerate(rigs):
        row = slice(k, k + 1)
        own = [Patch(one.window.select(row), one.edit.select(row)) for one in patches]
        alone = compose(rig, make_guidance(rig, rest_pose(rig)), patches=own)
        assert torch.allclose(together[row], alone, atol=1e-4)
    assert (together - without).abs().max() > 0.1


def test_compose_of_the_rest_pose_returns_the_picture(rig: Rig, small_rig: Rig) -> None:
    for one in (rig, small_rig):
        picture = compose(one, make_guidance(one, rest_pose(one)))
        assert (picture[:, :3] - one.image).abs().max() < 2e-3
        assert (picture[:, 3:] - one.matte).abs().max() < 2e-3


def test_compose_moves_pixels_by_the_heads_shift(rig: Rig) -> None:
    pixels = 16
    unit = 2 * pixels / rig.size
    pose = retarget(rig, driver(0.28, shift=(unit, 0.0, 0.0)), driver(0.28))
    picture = compose(rig, make_guidance(rig, pose))
    middle = slice(rig.size // 2 - 28, rig.size // 2 + 28)
    shifted = picture[:, :3, middle, middle.start + pixels : middle.stop + pixels]
    assert (shifted - rig.image[:, :, middle, middle]).abs().max() < 0.02


def test_compose_leaves_the_background_in_place(rig: Rig) -> None:
    pose = retarget(rig, driver(0.28, shift=(0.1, 0.0, 0.0)), driver(0.28))
    picture = compose(rig, make_guidance(rig, pose))
    corner = (slice(None), slice(0, 3), slice(0, 40), slice(0, 40))
    assert torch.allclose(picture[corner], rig.image[corner], atol=1e-3)


def test_compose_draws_a_chosen_background_and_alpha(rig: Rig) -> None:
    green = torch.tensor([0.0, 0.7, 0.25]).view(1, 3, 1, 1).expand_as(rig.image)
    picture = compose(rig, make_guidance(rig, rest_pose(rig)), None, green)
    assert torch.allclose(picture[:, :3, :30, :30], green[:, :, :30, :30], atol=1e-4)
    assert picture[0, 3, 0, 0] == 0
    assert picture[0, 3, rig.size // 2, rig.size // 2] == 1


def test_a_batch_equals_its_members_drawn_alone(rig: Rig) -> None:
    other = drawn_face(scale=0.3)
    drivers = [driver(rotation=rotation_of(0.2)), driver(rotation=rotation_of(-0.1, 0.2), local=lids_at(0.4))]
    rigs = [rig, other]
    pair = Rig.stack(rigs)
    pose = retarget(pair, Driver.stack(drivers), Driver.stack([driver(), driver()]), Strength(torch.tensor([1.0, 0.5])))
    together = make_guidance(pair, pose)
    picture = compose(pair, together)
    for k, (one, tracked, head) in enumerate(zip(rigs, drivers, (1.0, 0.5), strict=True)):
        alone = make_guidance(one, retarget(one, tracked, driver(), Strength(head)))
        assert torch.allclose(together.pick(k).tokens, alone.tokens, atol=1e-5)
        assert (together.pick(k).focus_flow - alone.focus_flow).abs().mean() < 1e-5
        assert (picture[k] - compose(one, alone)[0]).abs().mean() < 1e-4
        assert torch.equal(pair.pick(k).image, one.image)


def test_compose_draws_tight_and_wide_pictures_in_one_batch(rig: Rig, small_rig: Rig) -> None:
    pair = Rig.stack([rig, small_rig])
    assert not pair.full_canvas
    picture = compose(pair, make_guidance(pair, rest_pose(pair)))
    assert (picture[:, :3] - pair.image).abs().max() < 2e-3


def edit(keep: float, alpha: float = 0.0) -> Edit:
    """An edit that is the same everywhere: grey paint, no flow."""
    side = 2 * GUIDE_SIDE
    grey = torch.full((1, 3, side, side), 0.5)
    return Edit(
        torch.zeros(1, 2, GUIDE_SIDE, GUIDE_SIDE),
        torch.full((1, 1, side, side), keep),
        grey,
        torch.full((1, 1, GUIDE_SIDE, GUIDE_SIDE), alpha),
    )


def test_an_edit_that_keeps_all_changes_nothing(rig: Rig, small_rig: Rig) -> None:
    for one in (rig, small_rig):
        picture = compose(one, make_guidance(one, rest_pose(one)), edit(1.0))
        assert (picture[:, :3] - one.image).abs().max() < 2e-3


def test_an_edit_paints_the_person_inside_the_focus_box_only(small_rig: Rig) -> None:
    picture = compose(small_rig, make_guidance(small_rig, rest_pose(small_rig)), edit(0.0))
    x, y = ((small_rig.face[0, NOSE_TIP, :2] + 1) * small_rig.size / 2).long().tolist()
    assert torch.allclose(picture[0, :3, y, x], torch.full((3,), 0.5), atol=1e-3)
    assert torch.allclose(picture[0, :3, -3:], small_rig.image[0, :, -3:], atol=2e-3)


def test_an_edit_of_alpha_alone_changes_no_colour(rig: Rig) -> None:
    guidance = make_guidance(rig, rest_pose(rig))
    picture = compose(rig, guidance, edit(1.0, alpha=2.0))
    assert (picture[:, :3] - rig.image).abs().max() < 5e-3
    assert picture[:, 3].mean() > rig.matte.mean()


def test_compose_shows_the_plate_where_alpha_is_zero(rig: Rig) -> None:
    picture = compose(rig, make_guidance(rig, rest_pose(rig)), edit(1.0, alpha=-20.0))
    assert (picture[:, :3] - rig.plate)[..., 100:150, 100:150].abs().max() < 0.02


def test_degenerate_landmarks_give_finite_frames(rig: Rig) -> None:
    nothing = Driver.of_face(torch.zeros(1, LANDMARKS, 3))
    far = Driver.of_face(driver().face * 50)
    for tracked, neutral in ((nothing, driver()), (driver(), nothing), (far, driver()), (driver(), far)):
        picture = compose(rig, make_guidance(rig, retarget(rig, tracked, neutral)))
        assert torch.isfinite(picture).all()
        assert picture.min() >= 0 and picture.max() <= 1
