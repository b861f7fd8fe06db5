"""Close-ups of mouth and eyes near the picture's own resolution: what a coarse frame cannot draw.

    picture moved and at rest, openings, places ─► Retoucher (small U-Net) ─► Retouch: move a little, keep, paint

A window lies rigidly on the head (models/closeups/window.py): upper teeth and eyeballs stand still in it whatever the
face does,
so that a few convolutions suffice. Windows know nothing of each other and remember nothing.

Three things need no network (`Sight.sure`). What closes: a warp leaves a line of eyeball or teeth where lids or lips
meet, which gets the colour of their edge. The eyeball, of what the picture hides or the warp would squeeze between
closing lids (models/closeups/eyeball.py). The picture's own teeth, which the warp would stretch with the lips
(models/closeups/teeth.py).
What else an open mouth shows is told by the driver's own (`told`, models/closeups/mouth.py); where he shows nothing
either, the
network is taken at its word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.closeups.eyeball import clear, eyeball
from models.closeups.mouth import laid, settled, white
from models.closeups.teeth import behind, own, teeth, tones
from models.closeups.window import LEFT_EYE_VIEW, MOUTH_VIEW, RIGHT_EYE_VIEW, View, Window, fade
from models.config import ModelConfig
from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import height, opening
from models.geometry.topology import HeadTransform

VIEWS = (MOUTH_VIEW, RIGHT_EYE_VIEW, LEFT_EYE_VIEW)
CHANNELS = 14  # of a Sight's maps
EDGE = (-2.0, -1.0, 0.0)  # pixels of a window below an opening's upper edge: lashes, or the lip's shadow
BLUR = 16  # what is found there is averaged over a window's side / BLUR to both sides
SHOWN = (0.3, 0.9)  # share of an opening, of its area now, that is at rest: none of its inside is shown, and all
ROUND = (0.6, 0.95)  # share of its opening at rest below which an eye shows its ball as it is, and no longer as warped
SHADE = 0.3  # how much darker an eyeball is beside its lids, which shade it
SHIFT = 0.2  # largest further move, window units


@dataclass(frozen=True)
class Still:
    """What a view shows of B pictures themselves, made once: window on the map, maps (B, 5, n, n) picture −1..1 and
    both openings, marks (B, K, 2) landmarks in window units. rim (B, 3, 1, n) 0..1: along the opening's upper edge.
    inside (B, 5, n, n) 0..1: the eyeball behind the lids, its opening, and that without its border; or a mouth as it
    is, its opening, and its teeth. known (B,) 0..1: how well. white (B, 3) 0..1: what is white in
    the picture; tones: which colours its mouth may have (models/closeups/teeth.py).
    """

    window: Window
    maps: Tensor
    marks: Tensor
    rim: Tensor
    inside: Tensor
    known: Tensor
    white: Tensor
    tones: Tensor

    @staticmethod
    def stack(stills: Sequence[Still]) -> Still:
        """Several pictures as one batch."""
        if len(stills) == 1:
            return stills[0]
        window = Window.stack([still.window for still in stills])
        rest = [f.name for f in fields(Still) if f.name != "window"]
        return Still(window, *(torch.cat([getattr(still, name) for still in stills]) for name in rest))


@dataclass(frozen=True)
class Subject:
    """B moving pictures before the close-up, in the units of a square map: canvas or focus box.

    picture (B, 3, S, S) 0..1, all of the map; flow (B, 2, G, G) backward displacement on the boxes (B, 3) of the map;
    face (B, 478, 3), head: landmarks and head transform now.
    """

    picture: Tensor
    flow: Tensor
    box: Tensor
    face: Tensor
    head: HeadTransform


@dataclass(frozen=True)
class Sight:
    """What the network sees of a window. maps (B, `CHANNELS`, n, n), marks (B, 2, K, 2) landmarks at rest and now,
    window units. window and source (B, n, n, 2): where on the map, and from where in the picture each pixel comes. sure
    (B, 1, n, n) 0..1: what needs no network, colour (B, 3, n, n) 0..1: what is drawn there. asked (B, 1, n, n) 0..1:
    where the network is; elsewhere the moved picture stands. unseen (B, 1, n, n) 0..1: the inside of an opening that
    the picture does not show.
    """

    maps: Tensor
    marks: Tensor
    window: Window
    source: Tensor
    sure: Tensor
    colour: Tensor
    asked: Tensor
    unseen: Tensor


@dataclass(frozen=True)
class Retouch:
    """The network's word on a window: flow (B, 2, n/2, n/2) further displacement, window units; keep (B, 1, n, n)
    0..1, 1 = the moved picture stands; paint (B, 3, n, n) 0..1. reach (B, 1, n, n) 0..1: where it decides alone;
    beyond, flow and paint have already faded to nothing.
    """

    flow: Tensor
    keep: Tensor
    paint: Tensor
    reach: Tensor

    def rows(self, who: slice) -> Retouch:
        """Some of the batch."""
        return Retouch(*(getattr(self, f.name)[who] for f in fields(self)))


@dataclass(frozen=True)
class Patch:
    """One kind of close-up of B pictures, ready to be laid over them."""

    window: Window
    done: Retouch


def stand(view: View, picture: Tensor, face: Tensor, head: HeadTransform, side: int) -> Still:
    """Look at B pictures (B, 3, S, S) themselves; their landmarks (B, 478, 3) and heads in units of the map."""
    window = Window.of(view, head)
    look, shown = sample(picture, window.grid(side)), openings([view], window, face, side)
    maps, marks = torch.cat([look * 2 - 1, shown], 1), window.at(points(face, [view.marks]))
    rim = along(window.at(points(face, [view.inner])), look)
    whole, bare, known = look, own(look, shown[:, :1]), torch.ones_like(maps[:, 0, 0, 0])
    if view.turns:
        whole, known = eyeball(look, shown[:, :1], *circle(window.at(points(face, [view.outer]))))
        bare = clear(shown[:, :1])
    return Still(
        window, maps, marks, rim, torch.cat([whole, shown[:, :1], bare], 1), known, white(picture, face), tones(look)
    )


def see(views: Sequence[View], subject: Subject, still: Still) -> Sight:
    """Look at B subjects through k views of one kind, one after another: k·B sights of as many stills."""
    side = still.maps.shape[-1]
    window = Window.stack([Window.of(view, subject.head) for view in views])
    grid = window.grid(side)
    box = subject.box.repeat(len(views), 1)[:, None, None]
    in_box = (grid - box[..., :2]) / box[..., 2:]
    source = grid + sample(subject.flow, in_box).permute(0, 2, 3, 1)
    own = unit_grid(side, grid.device).expand_as(grid)
    spot, now = still.window.at(source), openings(views, window, subject.face, side)
    maps = torch.cat([
        sample(subject.picture, source) * 2 - 1, still.maps, now, (spot - own).permute(0, 3, 1, 2) * 4,
        own.permute(0, 3, 1, 2),
    ], 1)  # fmt: skip
    marks = torch.stack([still.marks, window.at(points(subject.face, [view.marks for view in views]))], 1)
    was, now = still.maps[:, 3:4], now[:, :1]
    held = sample(was, spot)
    sure, colour = certain(views[0], still, now, held, spot, marks)
    ask = torch.ones_like(held) if views[0].turns else asked(was, now, held)
    return Sight(maps, marks, window, source, sure, colour, ask, now * (1 - held))


def asked(was: Tensor, now: Tensor, held: Tensor) -> Tensor:
    """`Sight.asked` about a mouth: where its opening now (B, 1, n, n) is not what comes there of the one at rest, was,
    held (B, 1, n, n), and all of one that is much wider than at rest. Moved lips are sharper than painted ones.
    """
    lost = torch.maximum((now - held).abs(), stretched(was, now))
    near = F.avg_pool2d(F.max_pool2d(F.max_pool2d(lost, 4), 3, 1, 1), 3, 1, 1)
    return F.interpolate(near, size=now.shape[-2:], mode="bilinear", align_corners=False)


def certain(view: View, still: Still, now: Tensor, held: Tensor, spot: Tensor, marks: Tensor) -> tuple[Tensor, Tensor]:
    """`Sight.sure` and `Sight.colour`. now, held (B, 1, n, n): coverage of the opening, and of the one at rest where
    the warp takes it; spot (B, n, n, 2): from where at rest each pixel comes; marks (B, 2, K, 2).
    """
    left = share(now, still.maps[:, 3:4])
    now = now * smoothstep(*view.ajar, left)
    shut = (held - now).clamp_min(0)
    rim = sample(still.rim, torch.stack([spot[..., 0], torch.zeros_like(spot[..., 0])], -1))
    if view.turns:
        turn = (marks[:, 1] - marks[:, 0])[:, len(view.inner)]  # the pupil's way; a ball moves as a whole
        there = sample(still.inside, unit_grid(now.shape[-1], now.device) - turn[:, None, None])
        within = clear(now)
        bare = (torch.cat([now, within], 1) - 4 * there[:, 3:]).amax(1, keepdim=True)  # 4: as in geometry/guidance.py
        squeezed = within * (1 - smoothstep(*ROUND, left))
        bare = torch.maximum(bare, squeezed) * still.known[:, None, None, None]
        colour = there[:, :3] * (1 - SHADE + SHADE * F.avg_pool2d(now, 7, 1, 3))
    else:
        there = sample(still.inside, behind(inner_lips(marks), now.shape[-1]))
        bare, colour = (1 - shut) * now * there[:, 4:], there[:, :3]
    return shut + bare, (shut * rim + bare * colour) / (shut + bare).clamp_min(1e-3)


def stretched(was: Tensor, now: Tensor) -> Tensor:
    """(B, 1, n, n) 0..1 the inside of an opening now, of which the one at rest, was, shows too little to be moved."""
    return now * (1 - smoothstep(*SHOWN, share(was, now)))


def share(some: Tensor, whole: Tensor) -> Tensor:
    """(B, 1, 1, 1) the area of one opening (B, 1, n, n) in that of another."""
    return some.mean((1, 2, 3), keepdim=True) / whole.mean((1, 2, 3), keepdim=True).clamp_min(1e-4)


def inner_lips(marks: Tensor) -> Tensor:
    """The ring of a mouth's opening (B, 2, N, 2), at rest and now, among a sight's marks (B, 2, K, 2)."""
    first = len(MOUTH_VIEW.outer)
    return marks[:, :, first : first + len(MOUTH_VIEW.inner)]


def along(ring: Tensor, picture: Tensor) -> Tensor:
    """(B, 3, 1, n) what a picture (B, 3, n, n) shows along the upper side of a ring (B, N, 2): the darkest at `EDGE` of
    each column, to both sides of the ring as in its corners.
    """
    side, corners = picture.shape[-1], ring[:, [0, ring.shape[1] // 2]]
    line = unit_grid(side, ring.device)[0, 0, :, 0]
    x = line.expand(len(ring), -1).clamp(corners[..., :1].amin(1), corners[..., :1].amax(1))
    near = (line[None, :, None] - corners[:, None, :, 0]).abs().argmin(-1)  # the nearer corner
    y = height(ring[:, : ring.shape[1] // 2 + 1], line)
    y = torch.where(y < 1, y, corners[..., 1].gather(1, near))
    below = const_floats(EDGE, ring.device) * (2 / side)
    spots = torch.stack([x[:, None].expand(-1, len(EDGE), -1), y[:, None] + below[:, None]], -1)
    found = F.grid_sample(picture, spots, "bilinear", "border", False)  # (B, 3, K, n)
    darkest = found.mean(1, keepdim=True).argmin(2, keepdim=True)
    found = found.gather(2, darkest.expand(-1, 3, -1, -1))
    reach = side // BLUR
    return F.avg_pool2d(F.pad(found, (reach, reach, 0, 0), mode="replicate"), (1, 2 * reach + 1), 1)


def points(face: Tensor, chosen: Sequence[tuple[int, ...]]) -> Tensor:
    """Places of k choices of landmarks (B, 478, 3), one after another: (k·B, N, 2)."""
    return torch.cat([gather_rows(face, some)[..., :2] for some in chosen])


def openings(views: Sequence[View], window: Window, face: Tensor, side: int) -> Tensor:
    """(k·B, 2, side, side) coverage of k views' inner and outer ring by landmarks (B, 478, 3)."""
    inner = window.at(points(face, [view.inner for view in views]))
    outer = window.at(points(face, [view.outer for view in views]))
    return torch.cat([opening(inner, side), opening(outer, side) if outer.shape[1] > 4 else disc(outer, side)], 1)


def sample(maps: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """Maps (B, C, h, w) at places (k·B, n, m, 2) of theirs, k whole batches after one another: (k·B, C, n, m)."""
    batch, rows = len(maps), grid.shape[1]
    side_by_side = grid.unflatten(0, (-1, batch)).transpose(0, 1).flatten(1, 2)  # (B, k·n, m, 2)
    found = F.grid_sample(maps, side_by_side, mode, "border", False)
    return found.unflatten(2, (-1, rows)).permute(2, 0, 1, 3, 4).flatten(0, 1)


def disc(rim: Tensor, side: int) -> Tensor:
    """Coverage (B, 1, side, side) of the circle through rim points (B, N, 2), window units."""
    centre, radius = circle(rim)
    away = (unit_grid(side, rim.device) - centre[:, None, None]).norm(dim=-1)
    return ((radius[:, None, None] - away) * (side / 2) + 0.5).clamp(0, 1).unsqueeze(1)


def circle(rim: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (B, 2) and radius (B,) of the circle through rim points (B, N, 2)."""
    centre = rim.mean(1)
    return centre, (rim - centre[:, None]).norm(dim=-1).mean(-1)


def conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1), nn.GroupNorm(8, outside), nn.SiLU())


class Retoucher(nn.Module):
    """A U-Net over one kind of window. Starts as "keep everything, move nothing"."""

    def __init__(self, channels: tuple[int, int, int], marks: int) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.enter = conv(CHANNELS * 4, fine)
        self.to_middle = nn.Sequential(conv(fine, middle, 2), conv(middle, middle))
        self.to_coarse = nn.Sequential(conv(middle, coarse, 2), conv(coarse, coarse))
        self.marks = nn.Sequential(nn.Linear(4 * marks, coarse), nn.SiLU())
        self.context = nn.Sequential(nn.Linear(2 * coarse, coarse), nn.SiLU(), nn.Linear(coarse, 2 * coarse))
        self.bottom = conv(coarse, coarse)
        self.from_coarse = nn.Conv2d(coarse, middle, 1)
        self.at_middle = conv(middle, middle)
        self.from_middle = nn.Conv2d(middle, fine, 1)
        self.at_fine = conv(fine, fine)
        self.out = nn.Conv2d(fine, 2 + 4 * 4, 3, 1, 1)
        bias = torch.zeros(self.out.out_channels)
        bias[2:6] = 2.5  # keep ≈ 0.92
        nn.init.normal_(self.out.weight, std=1e-3)
        self.out.bias = nn.Parameter(bias)

    def forward(self, maps: Tensor, marks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """maps (B, `CHANNELS`, n, n), marks (B, 2, K, 2) → the fields of a Retouch, before fading."""
        fine = self.enter(F.pixel_unshuffle(maps, 2))  # (B, ., n/2, n/2)
        middle = self.to_middle(fine)
        x = self.to_coarse(middle)  # (B, ., n/8, n/8)
        known = torch.cat([self.marks(marks.flatten(1)), x.mean((2, 3))], 1)
        scale, shift = self.context(known)[:, :, None, None].chunk(2, 1)
        x = x + self.bottom(x * (1 + scale) + shift)
        x = self.at_middle(F.interpolate(self.from_coarse(x), scale_factor=2.0) + middle)
        x = self.at_fine(F.interpolate(self.from_middle(x), scale_factor=2.0) + fine)
        x = self.out(x)
        pixels = F.pixel_shuffle(x[:, 2:], 2)
        return x[:, :2].tanh() * SHIFT, pixels[:, :1].sigmoid(), pixels[:, 1:].sigmoid()


class Closeups(nn.Module):
    """The two networks: one for mouths, one for eyes, both eyes in one batch (the left one mirrored)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mouth = Retoucher(config.mouth_channels, len(MOUTH_VIEW.marks))
        self.eye = Retoucher(config.eye_channels, len(RIGHT_EYE_VIEW.marks))

    def forward(
        self, mouth_maps: Tensor, mouth_marks: Tensor, eye_maps: Tensor, eye_marks: Tensor
    ) -> tuple[Tensor, ...]:
        """Six tensors: flow, keep and paint of the mouths (B), then of the eyes (2·B: right ones, then left ones)."""
        return *self.mouth(mouth_maps, mouth_marks), *self.eye(eye_maps, eye_marks)


def stills(picture: Tensor, face: Tensor, head: HeadTransform, config: ModelConfig) -> tuple[Still, ...]:
    """`stand` for each of `VIEWS`."""
    sides = (config.mouth_side, config.eye_side, config.eye_side)
    return tuple(stand(view, picture, face, head, side) for view, side in zip(VIEWS, sides, strict=True))


def sights(subject: Subject, stills: Sequence[Still]) -> tuple[Sight, Sight]:
    """The mouths' and the eyes' windows of B subjects, as `Closeups` takes them."""
    return see(VIEWS[:1], subject, stills[0]), see(VIEWS[1:], subject, Still.stack(stills[1:]))


def reach(sight: Sight) -> Tensor:
    """(B, 1, n, n) 0..1 where a close-up has a say: about its openings, at rest and now, and not at its border."""
    side = sight.maps.shape[-1]
    near = F.max_pool2d(F.avg_pool2d(sight.maps[:, 6:10].amax(1, keepdim=True), 4), 5, 1, 2)
    near = F.interpolate(near, size=(side, side), mode="bilinear", align_corners=False)
    return near.clamp(0, 1) * fade(unit_grid(side, near.device))


def retouch(sight: Sight, flow: Tensor, keep: Tensor, paint: Tensor) -> Retouch:
    """A network's output, held back to its reach and to where it is asked, under what is sure."""
    fine = reach(sight)
    said = fine * sight.asked
    sure, cover = sight.sure * fine, (1 - keep) * said
    painted = (1 - sure) * cover
    paint = (sure * sight.colour + painted * paint) / (sure + painted).clamp_min(1e-3)
    return Retouch(flow * F.avg_pool2d(said, 2), (1 - sure) * (1 - cover), paint, fine)


def told(seen: Tensor, sight: Sight, still: Still) -> Tensor:
    """(B, 4, n, n) what drivers' mouths (B, 4, h, w), see `Driver.mouth`, tell of the inside of mouths: colours 0..1,
    what is white in the picture where theirs are white, and how far there is anything to tell, 0..1: where the picture
    shows nothing of an open mouth, or only what is stretched.
    """
    was, now = sight.maps[:, 6:7], sight.maps[:, 8:9]
    colour, weight = laid(seen, inner_lips(sight.marks)[:, 1], now.shape[-1]).split([3, 1], 1)
    colour = (colour / weight.clamp_min(1e-3) * still.white[:, :, None, None]).clamp(0, 1)
    hidden = torch.maximum(sight.unseen, stretched(was, now))
    return torch.cat([colour, weight * hidden * smoothstep(*MOUTH_VIEW.ajar, share(now, was))], 1)


def patches(mouth: Sight, eyes: Sight, out: Sequence[Tensor], still: Still, seen: Tensor) -> list[Patch]:
    """The six tensors of `Closeups` as patches: mouth, right eye, left eye. still: the mouths'; seen: see `told`."""
    flow, keep, paint = out[:3]
    shown = told(seen, mouth, still)
    weight = shown[:, 3:]
    invented = teeth(paint, mouth.unseen * (1 - keep), still.tones)
    paint, keep = torch.lerp(invented, settled(shown, paint, still.tones), weight), keep * (1 - weight)
    right, left = (Patch(*half) for half in zip(split(eyes.window), split(retouch(eyes, *out[3:])), strict=True))
    return [Patch(mouth.window, retouch(mouth, flow, keep, paint)), right, left]


def split(pair: Any) -> list[Any]:
    """Both halves of a batch of right and left eyes."""
    parts = [getattr(pair, f.name).chunk(2) for f in fields(pair)]
    return [type(pair)(*(part[k] for part in parts)) for k in (0, 1)]


def develop(sight: Sight, done: Retouch, picture: Tensor) -> tuple[Tensor, Tensor]:
    """A window as it will look (B, 3, n, n), and the further displacement on the map (B, n, n, 2)."""
    side = sight.maps.shape[-1]
    step = F.interpolate(done.flow, size=(side, side), mode="bilinear", align_corners=False)
    step = sight.window.lay(step.permute(0, 2, 3, 1))
    return done.keep * sample(picture, sight.source + step) + (1 - done.keep) * done.paint, step
