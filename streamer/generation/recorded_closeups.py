"""What surrounds the close-ups' network, for one picture on a CPU: recorded when the picture is prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from models.closeups.inputs import CloseupInput, MovingPicture, make_inputs
from models.closeups.lids import may_be_shut, open_shares
from models.closeups.patches import Patch, make_patches
from models.closeups.tongue import any_tongue
from models.closeups.whole_eyes import any_whole
from models.geometry.guidance import Guidance
from models.geometry.retarget import Pose
from models.geometry.rig import Rig
from streamer.generation.generator import Reference, moving_eyes, moving_tongue
from streamer.generation.recorded_function import RecordedFunction

RunCloseups = Callable[[CloseupInput, CloseupInput], Sequence[Tensor]]


class RecordedCloseups:
    """The patches of one picture, the same as those of `NetworkGenerator.predict`."""

    def __init__(self) -> None:
        self._inputs = RecordedFunction(closeup_inputs)
        self._patches = RecordedFunction(closeup_patches)
        self._whole_eyes = RecordedFunction(moving_eyes)
        self._tongue = RecordedFunction(moving_tongue)

    def record(self, rig: Rig, reference: Reference, pose: Pose, guidance: Guidance, run: RunCloseups) -> None:
        """Record all that frames of a picture may need, with one of them as an example."""
        mouth, eyes, _ = self._inputs((rig, reference), pose, guidance)
        outputs = run(mouth, eyes)
        for lids in (False, True):
            self._patches((rig, reference), mouth, eyes, outputs, pose, guidance, lids)
        self.tongue(rig, reference, pose, guidance)
        if any_whole(pose.whole_eyes):
            self._whole_eyes((rig,), pose, guidance)

    def patches(self, rig: Rig, reference: Reference, pose: Pose, guidance: Guidance, run: RunCloseups) -> list[Patch]:
        """The patches of a frame. run: the close-ups' network."""
        mouth, eyes, shares = self._inputs((rig, reference), pose, guidance)
        outputs = run(mouth, eyes)
        patches = self._patches((rig, reference), mouth, eyes, outputs, pose, guidance, may_be_shut(shares))
        if any_whole(pose.whole_eyes):
            patches = [*patches, *self._whole_eyes((rig,), pose, guidance)]
        if any_tongue(pose.tongue):
            patches = [*patches, self.tongue(rig, reference, pose, guidance)]
        return patches

    def tongue(self, rig: Rig, reference: Reference, pose: Pose, guidance: Guidance) -> Patch:
        """The tongue of a frame, which is the last of its patches if it is out."""
        return self._tongue((rig, reference), pose, guidance)


def closeup_inputs(
    rig: Rig, reference: Reference, pose: Pose, guidance: Guidance
) -> tuple[CloseupInput, CloseupInput, Tensor]:
    """`make_inputs` for a picture, and the `open_shares` of its eyes."""
    mouth, eyes = make_inputs(MovingPicture.of(rig, pose, guidance), reference.closeups)
    return mouth, eyes, open_shares(eyes)


def closeup_patches(
    rig: Rig,
    reference: Reference,
    mouth: CloseupInput,
    eyes: CloseupInput,
    outputs: Sequence[Tensor],
    pose: Pose,
    guidance: Guidance,
    lids: bool,
) -> list[Patch]:
    """`make_patches` for a picture."""
    moving = MovingPicture.of(rig, pose, guidance)
    return make_patches(mouth, eyes, outputs, reference.closeups, moving, pose.mouth, lids)
