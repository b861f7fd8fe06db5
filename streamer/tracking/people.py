"""The people before a camera: who is followed stays followed, by place, whoever else comes in, leaves or is larger."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.geometry.topology import MESH
from streamer.frames import Image
from streamer.options import LARGEST_PERSON, MAX_PEOPLE
from streamer.tracking.image_points import to_pixels
from streamer.tracking.motion import Array

SAME_PLACE = 1.5  # half sides of a face that it may have moved between two looks and still be the same person's
SAME_SIZE = 2.0  # ratio of two looks at one face, up to which it may be the same person's
LOOKS = 2  # at a person until they count, since a single look may be wrong
GONE_S = 1.0  # without a look at a person, after which they have left
RETURN_S = 6.0  # for which a followed person who has left is waited for before another one is followed
HIDDEN = 1.3  # half sides of a face that are painted over around its middle
GREY = 128


class Place(NamedTuple):
    """Where a face is: its middle and half of its longer side, camera units."""

    x: float
    y: float
    half: float

    @classmethod
    def of(cls, face: Array) -> Place:
        """Of landmarks (478, 3)."""
        low, high = face[:MESH, :2].min(0), face[:MESH, :2].max(0)
        x, y = (low + high) / 2
        return cls(float(x), float(y), float((high - low).max() / 2))

    def distance(self, other: Place) -> float:
        """Between the middles, in the smaller one's half sides."""
        return float(np.hypot(self.x - other.x, self.y - other.y)) / max(min(self.half, other.half), 1e-6)

    def is_of_same(self, other: Place) -> bool:
        """Whether two looks, one after the other, may show one face."""
        ratio = max(self.half, other.half) / max(min(self.half, other.half), 1e-6)
        return self.distance(other) < SAME_PLACE and ratio < SAME_SIZE


@dataclass(eq=False, slots=True)
class Seen:
    """Somebody before the camera. at: seconds of the last look. looks: how many there were."""

    place: Place
    at: float
    looks: int = 1


class People:
    """Keeps apart who is before one camera, and who drives which of `count` characters.

    Deterministic: only the places of faces and the times of the looks count. choice: whom to follow, if there is one
    character: "largest", "left", "right", or a number counted from the left; it is made when so many people are seen,
    and then holds. Several characters are driven from left to right. mirrored: count from the right, as people see
    themselves in a mirror; may be set at any time.
    """

    def __init__(self, choice: str = LARGEST_PERSON, count: int = 1, mirrored: bool = False) -> None:
        self.mirrored = mirrored
        self._people: list[Seen] = []
        self._followed: list[Seen | None] = [None] * count
        self._changed = [0] * count
        self._resumed = False
        self.choose(choice)

    @property
    def wanted(self) -> tuple[str, int, bool]:
        """Whom to follow: the choice, and for how many characters; for several, whether from right to left."""
        count = len(self._followed)
        return self._choice, count, self.mirrored and count > 1

    def copy(self) -> People:
        """The same people, who may be kept apart elsewhere from now on."""
        return copy.deepcopy(self)

    def resume(self) -> None:
        """Some pictures were missed: at the next look, everybody may have moved, left or come in meanwhile."""
        self._resumed = True

    @property
    def seen(self) -> int:
        """How many people are seen."""
        return len(self._counted())

    def choose(self, choice: str) -> None:
        """Follow somebody else from the next look on, or those that stand from left to right now."""
        self._choice, self._open = choice, True

    def resize(self, count: int) -> None:
        """Drive so many characters from now on, by who is seen now."""
        self._followed = [None] * count
        self._changed += [0] * (count - len(self._changed))
        self._open = True
        self._follow(max((person.at for person in self._people), default=0.0))

    def generation(self, slot: int) -> int:
        """A number that changes when the driver of a character becomes another person."""
        return self._changed[slot]

    def place(self, slot: int) -> Place | None:
        """Where the driver of a character was seen last; None while nobody drives it."""
        followed = self._followed[slot]
        return None if followed is None or followed not in self._people else followed.place

    def others(self, slot: int) -> list[Place]:
        """The places of all but the driver of a character."""
        followed = self._followed[slot]
        return [person.place for person in self._people if person is not followed]

    def look(self, places: Sequence[Place], now: float) -> None:
        """Take the faces of one picture, in any order. now: seconds of its capture; of a look back in time, nothing is
        taken.
        """
        unknown = list(places)
        pairs = sorted(
            ((person.place.distance(place), i, place) for i, person in enumerate(self._people) for place in unknown),
            key=lambda pair: pair[:2],
        )
        known: set[int] = set()
        for _, index, place in pairs:
            person = self._people[index]
            if index not in known and place in unknown and person.place.is_of_same(place):
                known.add(index)
                unknown.remove(place)
                person.place, person.at, person.looks = place, now, person.looks + 1
        resumed, self._resumed = self._resumed, False
        first = resumed or (not self._people and all(followed is None for followed in self._followed))
        self._people += [Seen(place, now, LOOKS if first else 1) for place in unknown[: 2 * MAX_PEOPLE]]
        gone_s = 0.0 if resumed else GONE_S
        self._people = [person for person in self._people if 0 <= now - person.at <= gone_s]
        self._follow(now)

    def track(self, slot: int, face: Array | None, now: float) -> None:
        """Take the landmarks (478, 3) that were tracked of a character's driver, in a picture of `now` seconds."""
        if face is None:
            return
        place, followed = Place.of(face), self._followed[slot]
        if followed is None or followed not in self._people:
            self._return_to(slot, place, now)
        else:
            followed.place, followed.at = place, now

    def _return_to(self, slot: int, place: Place, now: float) -> None:
        """A driver who is found again before a look finds them."""
        if any(person.place.is_of_same(place) for person in self._people):
            return
        person = Seen(place, now, LOOKS)
        self._people.append(person)
        self._followed[slot] = person

    def _counted(self) -> list[Seen]:
        """Who has been seen often enough, from left to right, or as in a mirror."""
        certain = [p for p in self._people if p.looks >= LOOKS or p in self._followed]
        return sorted(certain, key=lambda person: person.place.x, reverse=self.mirrored)

    def _follow(self, now: float) -> None:
        counted = self._counted()
        if self._open and counted:
            chosen = self._chosen(counted)
            self._open = len(counted) < self._wanted()
            for slot, person in enumerate(chosen):
                if person is None:
                    self._followed[slot] = None
                elif person is not self._followed[slot]:
                    self._take(slot, person)
        free = [person for person in counted if not any(person is other for other in self._followed)]
        for slot, followed in enumerate(self._followed):
            if not free:
                return
            if followed is None:
                self._take(slot, free.pop(0) if len(self._followed) > 1 else _largest(free))
            elif followed not in self._people:
                fresh = [person for person in free if person.looks <= LOOKS]
                if fresh:  # somebody who came in meanwhile is who left
                    again = self._followed[slot] = min(fresh, key=lambda p: p.place.distance(followed.place))
                    free.remove(again)
                elif now - followed.at > RETURN_S:
                    self._take(slot, free.pop(0))

    def _wanted(self) -> int:
        """How many people must be seen for the choice to be made for good."""
        if len(self._followed) > 1 or self._choice == LARGEST_PERSON:
            return 1
        return int(self._choice) if self._choice.isdigit() else 2

    def _chosen(self, counted: list[Seen]) -> list[Seen | None]:
        """Who shall drive each character, of at least one person."""
        count = len(self._followed)
        if count > 1:
            return [*counted[:count], *[None] * (count - len(counted))]
        if self._choice == "left":
            return [counted[0]]
        if self._choice == "right":
            return [counted[-1]]
        if self._choice.isdigit():
            number = int(self._choice)
            return [counted[number - 1] if number <= len(counted) else self._followed[0] or _largest(counted)]
        return [_largest(counted)]

    def _take(self, slot: int, person: Seen) -> None:
        self._changed[slot] += 1
        self._followed[slot] = person


def hide(rgb: Image, others: Sequence[Place], kept: Place | None) -> Image:
    """A picture (H, W, 3) in which the faces of others are painted grey, so that no model finds them; the same one
    without any. kept: the face that is followed, of which nothing is painted over.
    """
    if not others:
        return rgb
    hidden = rgb.copy()
    for other in others:
        corners = _corners(other, HIDDEN, rgb.shape)
        if kept is not None:
            corners = _apart(corners, _corners(kept, 1.0, rgb.shape))
        left, top, right, bottom = corners
        hidden[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = GREY
    return hidden


def _corners(place: Place, reach: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, upper, right and lower end of a square around a face, pixels."""
    reach *= place.half
    points = np.array([[place.x - reach, place.y - reach], [place.x + reach, place.y + reach]], np.float32)
    (left, top), (right, bottom) = np.round(to_pixels(points, shape)).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _apart(box: tuple[int, int, int, int], kept: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A box, cut where it overlaps the one that is kept, along the side that loses least."""
    left, top, right, bottom = box
    overlap = (
        min(right, kept[2]) - max(left, kept[0]),
        min(bottom, kept[3]) - max(top, kept[1]),
    )
    if min(overlap) <= 0:
        return box
    if overlap[0] <= overlap[1]:
        return (left, top, kept[0], bottom) if left + right < kept[0] + kept[2] else (kept[2], top, right, bottom)
    return (left, top, right, kept[1]) if top + bottom < kept[1] + kept[3] else (left, kept[3], right, bottom)


def _largest(people: Sequence[Seen]) -> Seen:
    return max(people, key=lambda person: person.place.half)
