"""A picture with several people, each cut out as a character of their own, over one background without all of them.

Every character lies on the same canvas, that of the whole picture, so that they are drawn over one another without
being moved. Where a nearer one stands before another, the farther one goes on behind (`hidden_people.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.body import HIPS, LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, SHOULDERS
from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS
from models.geometry.topology import CHIN
from streamer.options import EVERY_PERSON, MAX_PEOPLE
from streamer.rigging.border import extend
from streamer.rigging.canvas import Array, Canvas, Rect, canvas_pixels, place_on_canvas, to_uint8
from streamer.rigging.cutout import FINE_RIM, Cutout, background, fine_alpha, foreground_colours
from streamer.rigging.drawn_face import fit_drawn_face
from streamer.rigging.face_search import face_extent
from streamer.rigging.finger_outline import find_fingers
from streamer.rigging.framing import BARE_HEAD, Circle, Framing, Layout, frame_rect, head_with_hair, skull_circle
from streamer.rigging.head_region import head_region
from streamer.rigging.hidden_people import MirrorAxis, behind, mirror_axis
from streamer.rigging.limb_outline import find_limbs
from streamer.rigging.matting import CoarseMatte, coarse_matte, face_mask
from streamer.rigging.picture import Picture
from streamer.rigging.picture_search import search_picture
from streamer.rigging.rigger import WHOLE, Character, NoFaceError, move_points
from streamer.rigging.skeleton import Skeleton, find_skeleton
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

SMALLEST_SHARE = 0.4  # of the largest face; smaller ones stay in the background
SEED = 0.1  # extents of the face: half the width of the lines along bones that surely are a person's
SEED_NECK = 0.25  # extents of the face below the chin that surely are a person's whose body is not found
SEED_THIGH = 0.3  # part of the thighs that surely is a person's, wherever the knees are
SOMEBODY = 0.1  # coarse matte from which a pixel may be anybody's
FAINT = 0.003  # alpha that is none in 8 bits
BONES = tuple(
    (start, end)
    for starts, ends in ((FIRST_JOINTS, SECOND_JOINTS), (SECOND_JOINTS, THIRD_JOINTS))
    for start, end in zip(starts, ends, strict=True)
)
HIP = (LEFT_HIP, RIGHT_HIP)


@dataclass(frozen=True)
class FoundScene:
    """What was found in a picture with several people; all of it is picklable.

    characters: from left to right, on one canvas and with one plate, the background without all of them.
    order: their numbers, the farthest first.
    """

    characters: tuple[Character, ...]
    order: tuple[int, ...]


def find_scene(picture: Picture, size: int, framing: Framing | None = None) -> FoundScene:
    """Find up to MAX_PEOPLE people in a picture on a canvas of `size` pixels around its frame. Seconds for each.

    framing: as in `find_character`; what is chosen by the head is chosen by all heads. Raises NoFaceError.
    """
    framing = framing or WHOLE
    search = search_picture(picture, size)
    shown, seen = search.picture, search.people
    if not seen:
        raise NoFaceError(picture.name)
    canvas = place_on_canvas(shown, size)
    sizes = sorted((person.size for person in seen), reverse=True)
    smallest = max(SMALLEST_SHARE * sizes[0], sizes[:MAX_PEOPLE][-1])
    people = [(each.face, find_skeleton(canvas, each.face)) for each in seen if each.size >= smallest][:MAX_PEOPLE]
    canvas, people, layout = _laid_out(shown, framing, canvas, people)
    cutouts = cut_all_out(canvas, shown, people)
    order = tuple(sorted(range(len(people)), key=lambda one: face_extent(people[one][0])))
    axes = [mirror_axis(face, skeleton.body, canvas.size) for face, skeleton in people]
    characters = layered(canvas, cutouts, [face_extent(face) for face, _ in people], axes, order)
    found = []
    for number, ((detected, skeleton), (rgb, cutout)) in enumerate(zip(people, characters, strict=True)):
        own_layout = replace(layout, hair=head_with_hair(detected, cutout.alpha))
        face = fit_drawn_face(rgb, detected)
        body = skeleton.body
        limbs = None if body is None else find_limbs(rgb, cutout.alpha, body, canvas.inside)
        fingers = None
        if limbs is not None and body is not None and skeleton.hands is not None:
            fingers = find_fingers(cutout.alpha, face, body, skeleton.hands, limbs)
        first = [*picture.notes, *search.notes, _sentence(len(seen), len(people))]
        notes = skeleton.notes if number else [*first, *skeleton.notes]
        made = Character(
            rgb, cutout.alpha, cutout.foreground, cutout.plate, face, body, own_layout, picture, None, notes,
            skeleton.hands, limbs, fingers, len(seen), EVERY_PERSON, True, None if shown is picture else shown,
            search.heads,
        )  # fmt: skip
        found.append(made)
    return FoundScene(tuple(found), order)


def _sentence(faces: int, animated: int) -> str:
    if animated == 1:
        return "Only one person was found in the picture, who is animated alone."
    if faces > animated:
        return f"{faces} faces found; the {animated} largest are animated, from left to right by as many drivers."
    return f"{animated} people found; all are animated, from left to right by as many drivers."


def _laid_out(
    picture: Picture, framing: Framing, canvas: Canvas, people: list[tuple[Array, Skeleton]]
) -> tuple[Canvas, list[tuple[Array, Skeleton]], Layout]:
    """Canvas, people and layout for a framing, as `lay_out` does for one person; its head is the circle around all."""
    height, width = picture.rgba.shape[:2]
    head = _circle_around([skull_circle(face, canvas) for face, _ in people])
    rect = frame_rect(framing, width, height, head)
    layout = Layout(width, height, head, framing, rect, BARE_HEAD)
    if rect == Rect(0, 0, width, height):
        return canvas, people, layout
    framed = place_on_canvas(picture, canvas.size, rect)

    def move(points: Array | None) -> Array | None:
        return None if points is None else move_points(points, canvas, framed)

    moved = [
        (move_points(face, canvas, framed), replace(found, body=move(found.body), hands=move(found.hands)))
        for face, found in people
    ]
    return framed, moved, layout


def _circle_around(circles: list[Circle]) -> Circle:
    low = np.min([(c.x - c.radius, c.y - c.radius) for c in circles], axis=0)
    high = np.max([(c.x + c.radius, c.y + c.radius) for c in circles], axis=0)
    (x, y), radius = (low + high) / 2, float((high - low).max() / 2)
    return Circle(float(x), float(y), radius)


def cut_all_out(canvas: Canvas, picture: Picture, people: list[tuple[Array, Skeleton]]) -> list[Cutout]:
    """Each person of a picture, on the canvas, before the background without all of them.

    Their alphas sum to 1 at most.
    """
    rows, columns = canvas.inside
    rgb = np.ascontiguousarray(canvas.rgb[canvas.inside])
    everybody = np.zeros(rgb.shape[:2], np.float32)
    heads, masks, own_gaps = np.zeros(rgb.shape[:2], np.bool_), [], []
    for face, skeleton in people:
        coarse = coarse_matte(canvas, face, skeleton.body, None, picture)
        everybody = np.maximum(everybody, coarse.matte)
        own_gaps.append(np.zeros_like(heads) if coarse.gaps is None else coarse.gaps)
        masks.append(coarse.face)
    certain = [seed[canvas.inside] for seed in seeds(people, canvas.size)]
    # Between a limb and a torso somebody else may stand, who looks like the background.
    unclaimed = ~np.any(certain, 0)
    own_gaps = [each & unclaimed for each in own_gaps]
    gaps = np.any(own_gaps, 0)
    everybody[gaps] = 0  # the matte of one person has all others, and closes their gaps again
    owners = owner_of_each_pixel(rgb, everybody, certain)
    alphas = []
    for number, ((face, _), mask) in enumerate(zip(people, masks, strict=True)):
        pixels = canvas_pixels(face, canvas.size) - (columns.start, rows.start)
        heads |= head_region(pixels, gaps.shape, below=0.0)
        own = np.where(owners == number, everybody, 0).astype(np.float32)
        alphas.append(fine_alpha(rgb, pixels, CoarseMatte(own, mask, own_gaps[number]))[0])
    total = np.maximum(np.sum(alphas, 0), 1)
    alphas = [alpha / total for alpha in alphas]
    together = np.minimum(np.sum(alphas, 0), 1).astype(np.float32)
    radius = max(1, round(FINE_RIM * max(together.shape)))
    plate = background(rgb, together, foreground_colours(rgb, together), radius, heads, gaps)
    return [extend(Cutout(each, foreground_colours(rgb, each), plate), canvas.margins) for each in alphas]


def seeds(people: list[tuple[Array, Skeleton]], size: int) -> list[NDArray[np.bool_]]:
    """(S, S) for each person: what surely is theirs, which is the face and lines along the bones that are seen."""
    drawn = []
    for face, skeleton in people:
        extent = face_extent(face) * size / 2
        mask = (face_mask(face, size) > 0.5).astype(np.uint8)
        thickness = max(1, round(2 * SEED * extent))
        for start, end in _sure_lines(face, skeleton.body):
            ends = [tuple(int(v) for v in np.round((point + 1) * size / 2 - 0.5)) for point in (start, end)]
            cv2.line(mask, ends[0], ends[1], 1, thickness)
        drawn.append(mask > 0)
    nearest_first = sorted(range(len(people)), key=lambda one: -face_extent(people[one][0]))
    taken = np.zeros((size, size), bool)
    for number in nearest_first:
        drawn[number] &= ~taken
        taken |= drawn[number]
    return drawn


def _sure_lines(face: Array, body: Array | None) -> list[tuple[Array, Array]]:
    """The ends (2,) of lines that surely lie within a person, canvas units."""
    chin = face[CHIN, :2]
    if body is None or body[SHOULDERS, VISIBILITY].min() < MIN_VISIBILITY:
        return [(chin, chin + np.array([0, SEED_NECK * face_extent(face)], np.float32))]
    place, seen = body[:, :2], body[:, VISIBILITY] > MIN_VISIBILITY
    middle = place[SHOULDERS].mean(0)
    left, right = (place[joint] + 0.25 * (middle - place[joint]) for joint in (LEFT_SHOULDER, RIGHT_SHOULDER))
    hips = place[HIPS].mean(0)
    thighs = [(hips, place[start] + SEED_THIGH * (place[end] - place[start])) for start, end in BONES if start in HIP]
    lines = [(chin, middle), (left, right), (middle, hips), *thighs]
    return lines + [(place[start], place[end]) for start, end in BONES if seen[start] and seen[end]]


def owner_of_each_pixel(rgb: Array, everybody: Array, certain: list[NDArray[np.bool_]]) -> NDArray[np.int32]:
    """(H, W) number of the person whom a pixel belongs to, -1 for nobody, by a watershed.

    rgb: (H, W, 3) 0..1 the picture. everybody: (H, W) coarse matte of all people. certain: (H, W) of each, what surely
    is theirs, where the watershed begins.
    """
    markers = np.zeros(everybody.shape, np.int32)
    nobody = len(certain) + 1
    markers[everybody < SOMEBODY] = nobody
    for number, mask in enumerate(certain):
        markers[mask] = number + 1
    # Whose colours go on in the background is bordered all the same: it is flooded in colours far from its own.
    apart = np.where((everybody < SOMEBODY)[..., None], (rgb < 0.5).astype(np.float32), rgb)
    cv2.watershed(cv2.GaussianBlur(to_uint8(apart), (0, 0), 1.0), markers)
    # The lines between two basins belong to the greater number beside them, which is nobody where that is one.
    beside = cv2.dilate(np.maximum(markers, 0).astype(np.float32), np.ones((3, 3))).astype(np.int32)
    owners = np.where(markers > 0, markers, beside)
    owners = np.where((owners == nobody) & (everybody >= SOMEBODY), _nearest(owners, nobody), owners)
    return np.where(owners == nobody, -1, owners - 1).astype(np.int32)


def _nearest(owners: NDArray[np.int32], nobody: int) -> NDArray[np.int32]:
    """(H, W) the owner of the nearest pixel that is somebody's."""
    empty = (owners == nobody).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.full(int(labels.max()) + 1, nobody, np.int32)
    table[labels[empty == 0]] = owners[empty == 0]
    return table[labels]


def layered(
    canvas: Canvas, cutouts: list[Cutout], extents: list[float], axes: list[MirrorAxis], order: tuple[int, ...]
) -> list[tuple[Array, Cutout]]:
    """For each cutout the picture (S, S, 3) of this person alone, and their cutout as a layer.

    extents: of the faces, canvas units. axes: as `mirror_axis` has them. Drawn over one another in `order`, the
    farthest first, the layers give the picture where it shows the people, and the plate is the picture where nobody
    stands: each layer's picture is what it adds. A farther person's alpha counts what a nearer one leaves, and goes on
    behind them.
    """
    rim = max(1, round(FINE_RIM * canvas.size)) + 1
    inside = np.zeros((canvas.size, canvas.size), bool)
    inside[canvas.inside] = True
    left = np.ones((canvas.size, canvas.size), np.float32)  # what those nearer leave of a pixel
    layers: dict[int, Cutout] = {}
    open_to: dict[int, Array] = {}
    for number in reversed(order):
        cutout = cutouts[number]
        alpha = np.minimum(cutout.alpha / np.maximum(left, FAINT), 1) * (left > FAINT)
        unseen, colours = behind(cutout, left < 0.5, inside, axes[number], extents[number] * canvas.size / 2)
        colours = np.where((unseen > alpha)[..., None], colours, cutout.foreground)
        layers[number] = Cutout(np.maximum(alpha, unseen).astype(np.float32), colours, cutout.plate)
        open_to[number] = left
        left = left * (1 - cutout.alpha / np.maximum(left, FAINT)).clip(0, 1)
    anybody = np.zeros_like(inside)
    supports = {}
    for number, layer in layers.items():
        supports[number] = cv2.dilate((layer.alpha > FAINT).astype(np.uint8), np.ones((2 * rim + 1,) * 2)) > 0
        anybody |= supports[number]
    plate = np.where((inside & ~anybody)[..., None], canvas.rgb, cutouts[0].plate).astype(np.float32)
    before, made = plate, {}
    for number in order:
        layer = layers[number]
        alpha = layer.alpha[..., None]
        composed = alpha * layer.foreground + (1 - alpha) * before
        shown = (inside & (open_to[number] > 1 - FAINT))[..., None]
        target = np.where(shown, canvas.rgb, composed)
        support = supports[number][..., None]
        own = np.where(support, target - (1 - alpha) * (before - plate), plate).clip(0, 1).astype(np.float32)
        made[number] = (own, replace(layer, plate=plate))
        before = own + (1 - alpha) * (before - plate)
    return [made[number] for number in range(len(cutouts))]
