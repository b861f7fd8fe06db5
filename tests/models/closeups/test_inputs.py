"""Windows that go with the head, and close-ups that begin as the warp and stay inside their windows."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from models.closeups.inputs import (
    ALL_RINGS,
    LID_SHADOW,
    NOW_INNER_RING,
    REST_INNER_RING,
    REST_PICTURE,
    CloseupInput,
    CloseupReference,
    MovingPicture,
    disc,
    make_input,
    make_inputs,
    make_reference,
    make_references,
    rim_colours,
    sample,
)
from models.closeups.patches import CloseupEdit, Patch, apply_edit, influence, make_edit, make_patches
from models.closeups.refiner import Closeups
from models.closeups.window import LEFT_EYE_VIEW, MOUTH_VIEW, RIGHT_EYE_VIEW, VIEWS, View, Window, window_fade
from models.compositor import compose
from models.config import PRESETS, ModelConfig
from models.geometry.grid import unit_grid
from models.geometry.guidance import guide
from models.geometry.openings import EYES, LOWER_LIP, UPPER_LIP, lid_pairs, opening
from models.geometry.retarget import rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import LEFT_LID, RIGHT_LID, HeadTransform, topology
from models.motion import Driver
from tests.support.faces import drawn_face

SMALL = ModelConfig(mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8), eye_channels=(8, 8, 8))


def turned(angle: float) -> HeadTransform:
    """A head rolled in the picture's plane."""
    c, s = torch.tensor(angle).cos(), torch.tensor(angle).sin()
    rotation = torch.stack([torch.stack([c, -s, c * 0]), torch.stack([s, c, c * 0]), torch.tensor([0.0, 0, 1])])
    return HeadTransform(torch.tensor([0.3]), rotation[None], torch.tensor([[0.1, -0.2, 0.0]]))


def subject_of(rig: Rig) -> MovingPicture:
    guidance, pose = guide(rig, rest_pose(rig)), rest_pose(rig)
    return MovingPicture(rig.image, guidance.focus_flow, rig.focus, pose.face, pose.head)


def mouth_of(rig: Rig, side: int) -> CloseupInput:
    return make_input([MOUTH_VIEW], subject_of(rig), make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, side))


def sights_of(rig: Rig) -> tuple[CloseupInput, CloseupInput]:
    return make_inputs(subject_of(rig), make_references(rig.image, rig.face, rig.head, SMALL))


def block(window: Window, keep: float, colour: float, move: float = 0.0) -> Patch:
    """A patch that says the same everywhere in its window, but for its border."""
    one = window_fade(unit_grid(32, window.centre.device)).expand(len(window.centre), -1, -1, -1)
    flow = F.avg_pool2d(one, 2) * torch.tensor([move, 0.0]).view(1, 2, 1, 1)
    return Patch(window, CloseupEdit(flow, 1 - (1 - keep) * one, torch.full((len(one), 3, 32, 32), colour), one))


def test_a_close_up_has_a_say_about_its_openings_alone() -> None:
    sight = mouth_of(drawn_face(256), 96)
    say = influence(sight)[0, 0]
    lips = sight.maps[0, ALL_RINGS].amax(0) > 0.5
    assert float(say[lips].min()) > 0.95
    assert float(say[:8].max()) == float(say[-8:].max()) == 0
    whole = torch.ones(1, 1, 96, 96)
    said = (torch.ones(1, 2, 48, 48), 0 * whole, whole.expand(-1, 3, -1, -1))
    done = make_edit(replace(sight, network_mask=whole), *said)
    assert torch.allclose(1 - done.keep[0, 0], say, atol=1e-6)
    assert float(done.flow[..., :4, :].abs().max()) == 0
    assert float(make_edit(sight, *said).keep.min()) > 0.95  # a mouth as in the picture is left alone


def test_a_mouth_is_asked_about_what_the_picture_does_not_show() -> None:
    rig = drawn_face(256)
    subject = subject_of(rig)
    face = subject.face.clone()
    upper, lower = list(UPPER_LIP), list(LOWER_LIP)
    face[:, upper, 1] -= 0.02
    face[:, lower, 1] += 0.04
    still = make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, 96)
    sight = make_input([MOUTH_VIEW], replace(subject, face=face), still)  # the lips part, the warp has not followed
    was, now = sight.maps[:, REST_INNER_RING], sight.maps[:, NOW_INNER_RING]
    new = (now > 0.9) & (was < 0.1)
    assert new.any() and float(sight.network_mask[new].min()) > 0.9
    assert float(sight.hidden[new].min()) > 0.8
    assert float(sight.network_mask[..., :16, :].max()) == 0  # the nose
    shifted = make_input([MOUTH_VIEW], replace(subject, flow=subject.flow - 0.01, face=subject.face + 0.01), still)
    assert float(shifted.network_mask.max()) < 0.5  # the warp has: what was an opening lies in one


@pytest.mark.parametrize("view", VIEWS)
def test_places_go_to_the_map_and_back(view: View) -> None:
    window = Window.of(view, turned(0.4))
    unit = unit_grid(8, torch.device("cpu"))
    assert torch.allclose(window.to_window(window.grid(8)), unit, atol=1e-5)
    assert torch.allclose(window.to_window(window.grid(8).flatten(1, 2)), unit.flatten(1, 2), atol=1e-5)


@pytest.mark.parametrize("view", VIEWS)
def test_a_landmark_stays_in_its_place_while_the_head_moves(view: View) -> None:
    canonical = topology().canonical[None]
    still, moved = (Window.of(view, f).to_window(f.apply(canonical)[..., :2]) for f in (turned(0.0), turned(0.7)))
    assert torch.allclose(still, moved, atol=1e-4)


def test_a_left_eye_looks_like_a_right_one() -> None:
    head, canonical = turned(0.3), topology().canonical[None]
    right, left = (
        Window.of(view, head).to_window(head.apply(canonical)[:, list(view.landmarks), :2])
        for view in (RIGHT_EYE_VIEW, LEFT_EYE_VIEW)
    )
    assert torch.allclose(right, left, atol=2e-2)


def test_the_openings_are_where_the_landmarks_are() -> None:
    sight = mouth_of(drawn_face(128), 32)
    rest, (inner, outer) = sight.maps[0, 6:8], sight.maps[0, 8:10]
    assert outer.sum() > 4 * inner.sum() > 0
    assert torch.equal(rest, sight.maps[0, 8:10])
    rows = outer.sum(1).nonzero()[:, 0]
    assert 10 < float(rows.float().mean()) < 18  # the lips lie a little above the window's middle


def closing(rig: Rig, share: float) -> CloseupInput:
    """Eyes whose lids have come together to a share of their opening while the warp has not followed."""
    subject = subject_of(rig)
    face = subject.face.clone()
    for ring in (RIGHT_LID, LEFT_LID):
        upper, lower = lid_pairs(ring)
        face[:, list(upper)] = torch.lerp(face[:, list(lower)], face[:, list(upper)], share)
    still = replace(subject, face=face, flow=0 * subject.flow)
    return make_inputs(still, make_references(rig.image, rig.face, rig.head, PRESETS["tiny"]))[1]


def test_lids_that_meet_are_drawn_as_their_edge() -> None:
    rig = drawn_face(256)
    eyes = closing(rig, 0.0)
    was = eyes.maps[:, REST_INNER_RING]
    assert float((eyes.known - was).abs().max()) < 1e-3  # all that was to be seen
    whole = torch.ones_like(was)
    done = make_edit(eyes, torch.zeros(2, 2, 24, 24), whole, whole.expand(-1, 3, -1, -1))  # the network would keep all
    gone = was[:, 0] > 0.9
    assert float(done.keep[:, 0][gone].max()) < 0.2
    assert torch.allclose(done.paint.permute(0, 2, 3, 1)[gone], eyes.known_colour.permute(0, 2, 3, 1)[gone], atol=1e-3)


def test_nothing_is_sure_that_stays_as_it_was() -> None:
    rig = drawn_face(256)
    assert float(closing(rig, 1.0).known.max()) < 0.05
    assert float(closing(rig, 0.1).known.max()) > 0.9


def test_an_iris_between_closing_lids_stays_as_it_is() -> None:
    """The warp squeezes it with the lids; the ball behind them does not change."""
    eyes = closing(drawn_face(256), 0.5)
    opened = eyes.maps[:, NOW_INNER_RING]
    inside = -F.max_pool2d(-opened, 3, 1, 1) > 0.95
    assert inside.any() and float(eyes.known[inside].min()) > 0.9
    ball, rest = eyes.known_colour, eyes.maps[:, REST_PICTURE] / 2 + 0.5
    shaded = (ball / rest.clamp_min(0.02)).mean(1, keepdim=True)[inside]
    assert float(shaded.min()) > 1 - LID_SHADOW - 0.02 and float(shaded.max()) < 1.02


def test_what_a_glance_uncovers_is_white_and_the_iris_stays_round() -> None:
    rig = drawn_face(256)
    plain = torch.full_like(rig.image, 0.4)
    for ring, iris in EYES:
        shown = opening(rig.face[:, list(ring), :2], 256) > 0.5
        iris_shown = disc(rig.face[:, iris + 1 : iris + 5, :2], 256) > 0.5
        plain = torch.where(shown, torch.where(iris_shown, 0.1, 0.9), plain)
    rig = replace(rig, image=plain)
    subject = subject_of(rig)
    face = subject.face.clone()
    for _, iris in EYES:
        face[:, iris : iris + 5, 0] += 0.02
    eyes = make_inputs(replace(subject, face=face), make_references(rig.image, rig.face, rig.head, PRESETS["tiny"]))[1]
    uncovered = eyes.known[:, 0] > 0.9
    assert uncovered.any()
    assert float(eyes.known_colour.permute(0, 2, 3, 1)[uncovered].min()) > 0.9 * (1 - LID_SHADOW)


def test_the_edge_is_the_darkest_above_an_opening() -> None:
    ring = torch.tensor([[[-0.5, 0.0], [-0.25, -0.25], [0.25, -0.25], [0.5, 0.0], [0.25, 0.25], [-0.25, 0.25]]])
    picture = torch.ones(1, 3, 48, 48)
    picture[..., 16:18, 18:30] = -1.0  # a line just over the upper side
    told = rim_colours(ring, picture)[0, 0, 0]
    assert told.shape == (48,)
    assert float(told[22:26].max()) < -0.5 and float(told[:12].min()) == float(told[36:].min()) == 1.0
    mirrored = ring[:, [3, 2, 1, 0, 5, 4]]
    assert torch.allclose(rim_colours(mirrored, picture), rim_colours(ring, picture), atol=1e-5)


def test_both_halves_of_a_batch_are_sampled_from_the_same_maps() -> None:
    maps = torch.rand(2, 3, 16, 16)
    grids = torch.rand(4, 5, 6, 2) * 2 - 1
    each = torch.cat([sample(maps, grids[:2]), sample(maps, grids[2:])])
    assert torch.allclose(sample(maps, grids), each, atol=1e-6)


@torch.inference_mode()
def test_untrained_close_ups_all_but_keep_the_picture() -> None:
    rig = drawn_face(128)
    mouth, eyes = sights_of(rig)
    network = Closeups(SMALL).eval()
    out = network(mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)
    still = make_references(rig.image, rig.face, rig.head, SMALL)[0]
    done = make_patches(mouth, eyes, out, still, rest_pose(rig).mouth)
    assert [patch.edit.keep.shape[-1] for patch in done] == [32, 16, 16]
    guidance = guide(rig, rest_pose(rig))
    plain, retouched = (compose(rig, guidance, None, None, some) for some in ((), done))
    assert float((plain - retouched).abs().max()) < 0.08


def test_a_patch_paints_its_window_and_nothing_else() -> None:
    rig = drawn_face(128)
    guidance, window = guide(rig, rest_pose(rig)), Window.of(MOUTH_VIEW, rig.head)
    plain, painted = (compose(rig, guidance, None, None, some) for some in ((), [block(window, 0.0, 1.0)]))
    place = window.to_window(unit_grid(128, torch.device("cpu")))
    outside, middle = place.abs().amax(-1)[0] > 1, place.abs().amax(-1)[0] < 0.5
    assert torch.equal(plain[0, :3, outside], painted[0, :3, outside])
    assert torch.allclose(painted[0, :3, middle], torch.ones(()), atol=1e-3)
    assert torch.equal(plain[:, 3], painted[:, 3])


def test_a_patch_moves_what_its_window_shows() -> None:
    rig = drawn_face(128)
    guidance, window = guide(rig, rest_pose(rig)), Window.of(MOUTH_VIEW, rig.head)
    moved = compose(rig, guidance, None, None, [block(window, 1.0, 0.0, move=0.1)])
    step = 0.1 * float(window.across[0, 0])
    place = unit_grid(128, torch.device("cpu"))
    expected = sample(rig.image, place + torch.tensor([step, 0.0]))
    middle = window.to_window(place).abs().amax(-1)[0] < 0.6
    assert torch.allclose(moved[0, :3, middle], expected[0, :, middle], atol=0.03)


def test_in_their_windows_close_ups_silence_the_edit() -> None:
    rig = drawn_face(128)
    far = topology().canonical[None] * 0.28
    far[:, [14, 87, 317], 1] += 0.06
    pose = retarget(rig, Driver.of_face(far), Driver.of_face(rig.face))
    guidance, window = guide(rig, pose), Window.of(MOUTH_VIEW, pose.head)
    dark, kept = (compose(rig, guidance, None, None, some) for some in ((), [block(window, 1.0, 0.0)]))
    mouth = window.to_window(unit_grid(128, torch.device("cpu"))).abs().amax(-1)[0] < 0.3
    assert float((dark - kept)[0, :3, mouth].abs().max()) > 0.1


def test_what_a_window_develops_is_what_the_canvas_shows() -> None:
    rig = drawn_face(256)
    sight = mouth_of(rig, 64)
    noise = torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    noise = F.interpolate(noise, (64, 64), mode="bilinear")
    done = make_edit(sight, torch.full((1, 2, 32, 32), 0.05), noise[:, :1], noise[:, 1:])
    drawn, _ = apply_edit(sight, done, rig.image)
    canvas = compose(rig, guide(rig, rest_pose(rig)), None, None, [Patch(sight.window, done)])
    again = sample(canvas[:, :3], sight.window.grid(64))
    inside = window_fade(unit_grid(64, torch.device("cpu")))[0, 0] > 0.99
    assert float((drawn - again)[0, :, inside].abs().mean()) < 0.04


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="close-ups must have sides divisible by 8, got 90 and 48"):
        ModelConfig(mouth_side=90)


def test_presets_have_small_close_ups() -> None:
    for config in PRESETS.values():
        assert sum(p.numel() for p in Closeups(config).parameters()) < 3_000_000


@torch.inference_mode()
def test_pictures_of_one_batch_are_seen_as_alone() -> None:
    rigs = [drawn_face(128, 0.28), drawn_face(128, 0.24)]
    each = [make_references(rig.image, rig.face, rig.head, SMALL) for rig in rigs]
    together = make_inputs(
        subject_of(Rig.stack(rigs)), [CloseupReference.stack(pair) for pair in zip(*each, strict=True)]
    )
    for k, rig in enumerate(rigs):
        for both, one in zip(together, sights_of(rig), strict=True):
            assert torch.allclose(both.maps[k::2], one.maps, atol=1e-4)
            assert torch.allclose(both.landmarks[k::2], one.landmarks, atol=1e-4)
