"""From a picture to a rig: face, body and alpha are found, then the geometry is built on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from models.geometry.head_surface import skull_fits
from models.geometry.kind import Kind
from models.geometry.limbs import Outlines
from models.geometry.relief import on_relief
from models.geometry.rig import Rig
from models.geometry.views import View
from streamer.errors import KagamiError
from streamer.options import LARGEST_PERSON
from streamer.rigging.border import below_without, extend
from streamer.rigging.canvas import Array, Canvas, canvas_pixels, original_grid, place_on_canvas
from streamer.rigging.cutout import Cutout, continued, cut_out
from streamer.rigging.drawn_face import fit_drawn_face
from streamer.rigging.drawn_lids import find_drawn_lids
from streamer.rigging.face_fit import face_within
from streamer.rigging.face_parts import has_lids, has_lips, is_flat_drawing
from streamer.rigging.finger_outline import FingerOutlines, find_fingers
from streamer.rigging.framing import BARE_HEAD, Framing, Layout, frame_rect, head_with_hair, skull_circle
from streamer.rigging.hidden_arms import add_hidden_arms
from streamer.rigging.hidden_hands import CompletedHands, complete_hands, cut_columns
from streamer.rigging.limb_outline import LimbOutlines, find_limbs
from streamer.rigging.matting import coarse_matte
from streamer.rigging.person_search import HeadBox, Person, choice_notes, choose_person, index_of
from streamer.rigging.picture import Picture, original_size
from streamer.rigging.picture_search import SMALL_PERSON, PictureSearch, cut_note, cut_to_person, search_picture
from streamer.rigging.point_completion import completed
from streamer.rigging.points import Points, PointsError
from streamer.rigging.skeleton import Skeleton, find_skeleton

WHOLE = Framing()
MIN_SHOWN_FACE = 0.92  # of the way from the middle of a face to its border that a head shows, in every direction
MIN_ALPHA = 0.1  # of a picture's own alpha from which its colour is exact enough to be continued


class NoFaceError(KagamiError):
    """No face was found in the picture."""

    code = "no-face"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No face was found in {name}: use a picture that shows one, or name the places of eyes, nose, mouth and "
            "chin yourself with --points points.json."
        )


@dataclass(frozen=True)
class Character:
    """What was found in a picture on a canvas of S pixels around its frame; all of it is picklable.

    rgb: (S, S, 3) float32 0..1.
    alpha: (S, S) float32 0..1.
    foreground: (S, S, 3) float32 0..1, straight colours of the character, continued beyond its edge.
    plate: (S, S, 3) float32 0..1, the background without the character.
    face: (478, 3) landmarks, canvas units.
    body: (33, 4) joints x, y, z in canvas units and visibility; None without.
    hands: (2, 21, 4) points x, y, z of the left and of the right hand in canvas units and confidence; None without.
    limbs, fingers: outlines of arms and legs, and of fingers; None where the picture shows none well enough to move on
        their own.
    layout: of the picture on the canvas.
    is_head: False where the face reaches beyond the subject, which is no person's head then.
    picture, points: what it was found in.
    cut: the picture turned upright or cut around the character, where that is another one.
    heads: boxes around the heads of all people in the picture turned upright, from left to right. chosen: the number
        of the character among them, 0 the leftmost.
    notes: sentences for the user.
    people: how many the picture shows. person: who of them was chosen, see `choose_person`.
    """

    rgb: Array
    alpha: Array
    foreground: Array
    plate: Array
    face: Array
    body: Array | None
    layout: Layout
    picture: Picture
    points: Points | None = None
    notes: list[str] = field(default_factory=list)
    hands: Array | None = None
    limbs: LimbOutlines | None = None
    fingers: FingerOutlines | None = None
    people: int = 1
    person: str = LARGEST_PERSON
    is_head: bool = True
    cut: Picture | None = None
    heads: tuple[HeadBox, ...] = ()
    chosen: int = 0

    @property
    def shown(self) -> Picture:
        """What the layout is of: the picture turned upright and, if it shows the character small, cut around it."""
        return self.cut or self.picture

    @property
    def upright(self) -> Picture:
        """The whole picture turned upright."""
        return self.picture.turned(self.shown.turns)


@dataclass(frozen=True)
class MadeRig:
    """The rig of one character. views: its further pictures, one each. layout: of the first picture on its canvas.
    notes: sentences for the user.
    """

    rig: Rig
    views: list[View]
    layout: Layout
    notes: list[str] = field(default_factory=list)


def make_rig(
    picture: Picture, size: int, points: Points | None, device: torch.device | str, framing: Framing = WHOLE
) -> MadeRig:
    """`find_character` and `build_rig` in one, with the arguments and errors of the two."""
    return build_rig(find_character(picture, size, points, framing), device)


def find_character(
    picture: Picture,
    size: int,
    points: Points | None = None,
    framing: Framing | None = None,
    person: str = LARGEST_PERSON,
) -> Character:
    """Find face, body and alpha in a picture on a canvas of `size` pixels around its frame. Seconds of work.

    framing: what the frame shows; None: the whole picture. person: which one of several people, see `choose_person`.
    points: hand-placed points of the face, used instead of detection, of the body, which put right what was detected,
    or both. Raises NoFaceError when there is neither a face nor points of one, PointsError when a point lies outside of
    the picture, or where no body is found for points of some of its joints, and PersonError.
    """
    complete = None if points is None else completed(points, picture)
    search = _search(picture, size, complete)
    placed = None if complete is None else complete.turned(search.picture.turns, *original_size(picture))
    shown, canvas, chosen, face, skeleton = _find(search, size, placed, person)
    canvas, face, skeleton, layout = lay_out(shown, framing or WHOLE, canvas, face, skeleton)
    found = own_cutout(canvas) if canvas.cut_out else found_cutout(canvas, face, skeleton.body, placed, shown)
    is_head = True
    if points is not None and points.has_face:
        face, inside = face_within(face, found.alpha)
        is_head = inside > MIN_SHOWN_FACE
    layout = replace(layout, hair=head_with_hair(face, found.alpha))
    rgb = seen(canvas, found)
    if points is None or not points.has_face:
        face = fit_drawn_face(rgb, face)
    body = skeleton.body
    limbs = None if body is None else find_limbs(rgb, found.alpha, body, canvas.inside)
    fingers = None
    if limbs is not None and body is not None and skeleton.hands is not None:
        fingers = find_fingers(found.alpha, face, body, skeleton.hands, limbs)
    return Character(
        rgb, found.alpha, found.foreground, found.plate, face, body, layout, picture, points,
        [*picture.notes, *search.notes, *skeleton.notes], skeleton.hands, limbs, fingers, len(search.people), person,
        is_head, None if shown is picture else shown, search.heads, chosen,
    )  # fmt: skip


def _search(picture: Picture, size: int, points: Points | None) -> PictureSearch:
    """The people in a picture; with points of a face, that face alone. Raises NoFaceError, PointsError."""
    if points is not None and points.has_face:
        canvas = place_on_canvas(picture, size)
        return PictureSearch(picture, [Person(points.landmarks(*points_grid(points, canvas, picture)))])
    search = search_picture(picture, size)
    if not search.people:
        raise NoFaceError(picture.name)
    return search


def _find(
    search: PictureSearch, size: int, points: Points | None, choice: str
) -> tuple[Picture, Canvas, int, Array, Skeleton]:
    """What is shown of a picture, the canvas around it, and number, landmarks and skeleton of the chosen person.

    points: on the picture as it was turned. Raises PersonError, PointsError.
    """
    shown = search.picture
    canvas = place_on_canvas(shown, size)
    places = {} if points is None else points.body_places(*points_grid(points, canvas, shown))
    has_face_points = points is not None and points.has_face
    index = 0 if has_face_points else index_of(search.people, choice)
    face = search.people[index].face
    if search.people[index].size < SMALL_PERSON:
        shown, face = cut_to_person(search, search.people[index], size)
        canvas = place_on_canvas(shown, size)
        if points is not None:
            places = points.body_places(*points_grid(points, canvas, shown, search.picture))
        skeleton = Skeleton(None, None) if has_face_points and not places else find_skeleton(canvas, face, places)
        notes = [*choice_notes(search.people, index, choice), cut_note(search.picture, shown)]
        skeleton = replace(skeleton, notes=[*notes, *skeleton.notes])
    elif has_face_points:
        skeleton = find_skeleton(canvas, face, places) if places else Skeleton(None, None)
    else:
        index, skeleton = choose_person(canvas, search.people, choice, places)
        face = search.people[index].face
    if places and skeleton.body is None:
        raise PointsError(
            f"No body was found in {shown.name} that the points could put right: name left_shoulder and "
            "right_shoulder, too."
        )
    return shown, canvas, index, face, skeleton


def build_rig(character: Character, device: torch.device | str, further: Sequence[Character] = ()) -> MadeRig:
    """The rig of a character, a batch of one on `device`. further: what `find_view` found in more pictures of it."""

    def batch(array: Array) -> torch.Tensor:
        return torch.from_numpy(np.array(array, np.float32, order="C"))[None].to(device)

    character, unseen = with_arms(character)
    character, hidden = with_hands(character, unseen)
    outlines = every_outline(character)
    limbs = None if outlines is None else Outlines(*map(batch, outlines))
    if limbs is not None and hidden is not None:
        limbs = limbs._replace(hidden=batch(hidden))
    if limbs is not None and unseen is not None:
        limbs = limbs._replace(unseen=batch(unseen))
    with torch.inference_mode():
        kind = kind_of(character, skull_fits(batch(character.alpha[None]), batch(character.face)))
        views = [
            View(
                batch(each.rgb.transpose(2, 0, 1)),
                batch(each.alpha[None]),
                on_relief(batch(each.face), kind),
            )
            for each in further
        ]
        rig = Rig.build(
            batch(character.rgb.transpose(2, 0, 1)),
            batch(character.alpha[None]),
            on_relief(batch(character.face), kind),
            None if character.body is None else batch(character.body),
            batch(character.plate.transpose(2, 0, 1)),
            batch(character.foreground.transpose(2, 0, 1)),
            views,
            None if character.hands is None else batch(character.hands),
            limbs,
            kind,
            find_drawn_lids(character.rgb, character.face).to(device) if not kind.lids.all() else None,
        )
    notes = [note for each in (character, *further) for note in each.notes]
    return MadeRig(rig, views, character.layout, notes)


def kind_of(character: Character, skull_fits: torch.Tensor) -> Kind:
    """What of a person's head a character has. skull_fits (1,): see there. A detected face is a person's, but the eyes
    of flat drawings have no lids that could be moved.
    """
    rgb, face = character.rgb, character.face
    placed = character.points is not None and character.points.has_face
    lids = has_lids(rgb, face) if placed else not is_flat_drawing(rgb, face)
    lips = not placed or has_lips(rgb, face)
    is_head = bool(skull_fits) and character.is_head and (lids or lips)  # a flat drawing has no other side
    return Kind(*(skull_fits.new_tensor([known], dtype=torch.float32) for known in (
        is_head, lids, lips,
    )))  # fmt: skip


def with_arms(character: Character) -> tuple[Character, Array | None]:
    """A character with an arm that its torso hides, and which (2,) was added; None where none was."""
    if character.body is None or character.limbs is None:
        return character, None
    added = add_hidden_arms(character.body, character.limbs)
    if added is None:
        return character, None
    return replace(character, body=added[0], limbs=added[1]), added[2]


def with_hands(character: Character, unseen: Array | None) -> tuple[Character, Array | None]:
    """A character with hands where the picture's border hides them, and which (2,) were added; None where none were.

    unseen: (2,), 1 for arms that have the other one's texture, and so its hand; None: there are none.
    """
    if character.body is None or character.limbs is None:
        return character, None
    rgb, alpha = character.rgb, character.alpha
    added = complete_hands(rgb, alpha, character.body, character.hands, character.limbs, character.fingers, unseen)
    if added is None:
        return character, None
    completed = replace(character, body=added.body, hands=added.hands, limbs=added.limbs, fingers=added.fingers)
    return without_cut_hands(completed, added), added.hidden


def without_cut_hands(character: Character, added: CompletedHands) -> Character:
    """A character that goes on below its picture without the hands that are cut there, which are limbs."""
    row = round((float(added.limbs.inside[3]) + 1) * len(character.alpha) / 2)
    cut = cut_columns(character.rgb, added.body, added.limbs, added.hidden)
    if row >= len(character.alpha) or not cut.any():
        return character
    foreground, alpha = below_without(character.foreground, character.alpha, row, cut)
    rgb = character.rgb.copy()
    rgb[row:] = (alpha[..., None] * foreground + (1 - alpha[..., None]) * character.plate)[row:]
    return replace(character, foreground=foreground, alpha=alpha, rgb=rgb)


def every_outline(character: Character) -> tuple[Array, Array, Array] | None:
    """Half widths, `shown` and borders of a character's limbs and fingers, as in `Outlines`; None without limbs."""
    limbs, fingers = character.limbs, character.fingers
    if limbs is None:
        return None
    shown = limbs.shown.reshape(-1)
    if fingers is None:
        return limbs.radii, shown, limbs.inside
    return np.concatenate([limbs.radii, fingers.radii]), np.concatenate([shown, fingers.shown]), limbs.inside


def own_cutout(canvas: Canvas) -> Cutout:
    """The character of a picture that has alpha itself, on the canvas; its plate is white."""
    alpha = canvas.alpha[canvas.inside]
    # The canvas has the character on white.
    straight = (canvas.rgb[canvas.inside] - 1 + alpha[..., None]) / np.maximum(alpha[..., None], MIN_ALPHA)
    colours = continued(straight.clip(0, 1), (alpha > MIN_ALPHA).astype(np.float32))
    return extend(Cutout(alpha, colours, np.ones_like(colours)), canvas.margins)


def found_cutout(canvas: Canvas, face: Array, body: Array | None, points: Points | None, picture: Picture) -> Cutout:
    """The character of an opaque picture with this face (478, 3) and these joints (33, 4), on the canvas."""
    rows, columns = canvas.inside
    pixels = canvas_pixels(face, canvas.size) - (columns.start, rows.start)
    rgb = np.ascontiguousarray(canvas.rgb[canvas.inside])
    return extend(cut_out(rgb, pixels, coarse_matte(canvas, face, body, points, picture)), canvas.margins)


def seen(canvas: Canvas, character: Cutout) -> Array:
    """(S, S, 3) the picture, and beyond it the continued character over its plate."""
    alpha = character.alpha[..., None]
    colours = alpha * character.foreground + (1 - alpha) * character.plate
    colours[canvas.inside] = canvas.rgb[canvas.inside]
    return colours


def lay_out(
    picture: Picture, framing: Framing, canvas: Canvas, face: Array, skeleton: Skeleton
) -> tuple[Canvas, Array, Skeleton, Layout]:
    """Canvas, landmarks (478, 3) and skeleton for a framing, from those of a canvas with the whole picture.

    The layout's `hair` is still that of a bare head.
    """
    height, width = picture.rgba.shape[:2]
    skull = skull_circle(face, canvas)
    rect = frame_rect(framing, width, height, skull)
    layout = Layout(width, height, skull, framing, rect, BARE_HEAD)
    if rect == (0, 0, width, height):
        return canvas, face, skeleton, layout
    framed = place_on_canvas(picture, canvas.size, rect)
    move = partial(move_points, before=canvas, after=framed)
    body, hands = (None if points is None else move(points) for points in (skeleton.body, skeleton.hands))
    return framed, move(face), replace(skeleton, body=body, hands=hands), layout


def move_points(points: Array, before: Canvas, after: Canvas) -> Array:
    """Points (…, ≥3), canvas units in their first three columns, of one canvas of a picture on another one of it."""
    zoom = after.scale / before.scale
    shift = [2 / after.size * (there - zoom * here) + zoom - 1 for here, there in
             ((before.left, after.left), (before.top, after.top))]  # fmt: skip
    moved = points.copy()
    moved[..., :3] = points[..., :3] * zoom
    moved[..., :2] += np.array(shift, np.float32)
    return moved


def points_grid(
    points: Points, canvas: Canvas, picture: Picture, whole: Picture | None = None
) -> tuple[float, tuple[float, float], float]:
    """Scale, offset and half side with which points lie on the canvas of a picture, see `Points.landmarks`.

    whole: the picture of which it is a part. Raises PointsError for a point outside of the picture.
    """
    scale, corner = original_grid(canvas, picture)
    width, height = original_size(whole or picture)
    for name, (x, y) in points.positions.items():
        if not (0 <= x <= width and 0 <= y <= height):
            raise PointsError(
                f"The point {name} [{x:g}, {y:g}] lies outside of the picture, which has "
                f"{width:.0f} x {height:.0f} pixels."
            )
    return scale, corner, canvas.size / 2
