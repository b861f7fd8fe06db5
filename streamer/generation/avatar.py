"""A prepared character, or several in one picture: what all sessions that show it share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.geometry.body import LEFT_WRIST, RIGHT_WRIST
from models.geometry.limb_curve import FOREARM_PIECES, SECOND_JOINTS
from models.geometry.rig import Rig
from models.geometry.turn_limit import yaw_of
from streamer.generation.generator import Reference
from streamer.options import LARGEST_PERSON
from streamer.rigging.body_points import Position
from streamer.rigging.framing import Framing, Layout, canvas_crop
from streamer.rigging.person_search import HeadBox
from streamer.rigging.picture import Picture
from streamer.rigging.point_guesses import points_found
from streamer.rigging.points import Points
from streamer.rigging.rigger import Character
from streamer.tracking.motion import MIN_VISIBILITY
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """The characters of a picture with several people.

    avatars: one for each, from left to right, all on one canvas with one plate. order: their indices, the farthest
    first, in which they are drawn over one another.
    """

    avatars: tuple[Avatar, ...]
    order: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Avatar:
    """A prepared character.

    rig: of this character alone, on the device. reference: the network's memory of it. width, height: of the drawn
    frame in pixels. notes: sentences for the person who chose the picture. layout: of the picture on its canvas; None:
    the frame is the middle of the canvas. picture, points: what it was prepared from, for another framing. characters:
    what was found in all its pictures, the drawn one first, so that it can be built with one more or one less.
    people: how many the picture shows. person: who of them is animated, see `choose_person`. shown_body: what of a body
    the picture shows, for the driver's tracker. scene: where several characters of the picture are animated; the rest
    is then that of the leftmost one.
    """

    rig: Rig
    reference: Reference
    width: int
    height: int
    notes: list[str] = field(default_factory=list)
    layout: Layout | None = None
    picture: Picture | None = None
    points: Points | None = None
    characters: tuple[Character, ...] = ()
    shown_body: ShownBody = WHOLE_BODY
    scene: Scene | None = None
    people: int = 1
    person: str = LARGEST_PERSON

    @property
    def heads(self) -> Sequence[HeadBox]:
        """Boxes around the heads of all people in the picture turned upright, from left to right."""
        return self.characters[0].heads if self.characters else ()

    @property
    def chosen(self) -> int | None:
        """The number among them of who is animated, 0 the leftmost; None for all, or without any."""
        return None if self.scene is not None or not self.characters else self.characters[0].chosen

    @property
    def cast(self) -> tuple[Avatar, ...]:
        """The characters, from left to right; of a picture with one, the avatar itself."""
        return (self,) if self.scene is None else self.scene.avatars

    def yaw(self, mirrored: bool = False) -> float:
        """Radians by which its head is turned to a side in the picture, positive to the right of the image, or of its
        mirror image.
        """
        yaw = float(yaw_of(self.rig.head)[0])
        return -yaw if mirrored else yaw

    @property
    def views(self) -> list[str]:
        """The names of its further pictures."""
        return [view.picture.name for view in self.characters[1:]]

    def point_places(self) -> dict[str, Position]:
        """Where the points of its picture were found or placed, see `points_found`."""
        return points_found(self.characters[0])

    def crop_on(self, side: int) -> tuple[int, int]:
        """Width and height of the frame in the middle of a canvas of this side, pixels."""
        return (self.width, self.height) if self.layout is None else canvas_crop(self.layout.rect, side)

    def is_framed(self, framing: Framing) -> bool:
        """Whether it was prepared for this framing, or can be for no other."""
        return self.layout is None or self.layout.framing == framing


def shown_body(rig: Rig) -> ShownBody:
    """What of a body a rig of one picture shows: limbs that are layers, or joints that move the sheet of the body."""
    pieces = rig.limbs.shown[0].cpu() > 0.5
    place, visibility = rig.body[0].cpu().split([3, 1], -1)
    visible = (visibility[:, 0] > MIN_VISIBILITY) & (place[:, :2].abs() <= 1).all(-1)
    hands = bool(pieces[list(FOREARM_PIECES)].any() or visible[[LEFT_WRIST, RIGHT_WRIST]].any())
    limbs = bool(pieces.any() or visible[list(SECOND_JOINTS)].any())
    return ShownBody(limbs or hands, hands)
