"""Generators: what predicts a frame's edit and patches from its guidance, by the network or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from models.closeups.inputs import (
    CloseupInput,
    CloseupReference,
    MovingPicture,
    make_input,
    make_inputs,
    make_references,
)
from models.closeups.lids import may_be_shut, open_shares
from models.closeups.patches import Patch, drawn_eye_patches, drawn_mouth_patch, make_patches
from models.closeups.tongue import any_tongue, tongue_patch
from models.closeups.whole_eyes import any_whole, whole_eye_patches
from models.closeups.window import VIEWS
from models.config import PRESETS, ModelConfig
from models.dit import CausalDiT, Edit, FrameInput
from models.geometry.grid import smoothstep
from models.geometry.guidance import Guidance, make_guidance
from models.geometry.openings import EYES, lid_opening, lips_gap
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from models.geometry.views import View
from models.sampler import NOISE, Focus, frame_input, guidance_maps, layer_maps, reference_input
from streamer.effort import FULL, Effort
from streamer.generation.recorded_function import RecordedFunction

EDIT_STRENGTH = 0.5  # share of the predicted flow and alpha that is drawn (docs/decisions/network-and-training.md)
KEEP_THRESHOLDS = (0.2, 0.7)  # `keep` becomes a soft step between these, since half-kept pixels blur
MIN_OPENING = 0.005  # canonical units by which lips part or meet before the inside of a mouth is drawn
LIDS_CLOSE = 0.7  # of their opening in the picture, below which eyes are drawn by rule
NOISE_SEED = 7  # one fixed noise for every stream and frame, so that nothing flickers


@dataclass(frozen=True, eq=False)  # compared and hashed as an object
class Reference:
    """What a generator keeps of a picture; `GeometryGenerator` keeps the close-ups alone.

    focus: the picture on its focus box. keys, values (L, 1, H, R·N, D): of the picture in every layer. closeups: of
    the mouth and both eyes.
    """

    focus: Focus | None = None
    keys: Tensor | None = None
    values: Tensor | None = None
    closeups: tuple[CloseupReference, ...] = ()

    @staticmethod
    def stack(references: Sequence[Reference]) -> Reference:
        """The close-ups of several pictures as one batch; of a single one, the reference itself."""
        if len(references) == 1:
            return references[0]
        views = zip(*(reference.closeups for reference in references), strict=True)
        return Reference(closeups=tuple(CloseupReference.stack(view) for view in views))


@dataclass(eq=False, slots=True)
class State:
    """One stream's memory: the pinned reference, to which each generator adds its own. effort: of its next frames."""

    reference: Reference
    effort: Effort = field(default=FULL, kw_only=True)

    def reset(self) -> None:
        """Drop the past frames."""

    def close(self) -> None:
        """Free what the device keeps of the stream, which cannot be drawn afterwards. Idempotent."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is drawn over the warp in one frame of B streams: the network's edit of the focus box, None without one, and
    the patches of the close-ups.
    """

    edit: Edit | None
    patches: list[Patch]


StateT = TypeVar("StateT", bound=State)
RunCloseups = Callable[[CloseupInput, CloseupInput], Sequence[Tensor]]


class Generator(Protocol):
    """Predicts one frame of each of several streams."""

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        """The reference of a rig of one picture, and of further views of the same character, one picture each."""
        ...

    def at_rest(self, reference: Reference, rig: Rig, pose: Pose, guidance: Guidance) -> Sequence[Prediction | None]:
        """Predictions that change nothing, one in each form that those of the picture's frames have on a CPU, so that
        what is drawn of them can be recorded before. Networks in torch give [None]: their maps are recorded in their
        first frame.
        """
        ...

    def open(self, reference: Reference) -> State:
        """A new stream's memory. Raises DeviceMemoryError if the device has no memory for it."""
        ...

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        """Prepare for live drawing, with a frame of one stream as an example; called before any stream is live."""
        ...

    def predict(self, states: Sequence[Any], rig: Rig, pose: Pose, guidance: Guidance) -> Prediction | None:
        """The frames of B streams; None: draw the warp alone. Mutates `states`, which come from `open`."""
        ...


class GeometryGenerator:
    """Predicts nothing: the warp alone is drawn, and by rule the inside of open mouths and eyes that close."""

    def __init__(self) -> None:
        self._mouth = RecordedFunction(drawn_mouth)
        self._eyes = RecordedFunction(drawn_eyes)
        self._whole_eyes = RecordedFunction(moving_eyes)
        self._tongue = RecordedFunction(moving_tongue)

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        reference = Reference(closeups=make_references(rig.image, rig.face, rig.head, PRESETS["tiny"], rig.kind))
        if rig.face.device.type == "cpu" and len(rig) == 1:
            pose = rest_pose(rig)
            guidance = make_guidance(rig, pose)
            for recorded in (self._mouth, self._eyes, self._tongue):  # here, not in the first live frames
                recorded((rig, reference), pose, guidance)
            if any_whole(pose.whole_eyes):
                self._whole_eyes((rig,), pose, guidance)
        return reference

    def at_rest(self, reference: Reference, rig: Rig, pose: Pose, guidance: Guidance) -> Sequence[Prediction | None]:
        of_picture = (rig, reference), pose, guidance
        choices = [[self._mouth(*of_picture)], self._eyes(*of_picture)]
        whole = self._whole_eyes((rig,), pose, guidance) if any_whole(pose.whole_eyes) else []
        tongue = self._tongue(*of_picture)
        patches = [
            [*(patch for each in drawn for patch in each), *whole, *[tongue] * is_out]
            for count in range(len(choices) + 1)
            for drawn in combinations(choices, count)
            for is_out in (0, 1)
        ]
        return [Prediction(None, each) if each else None for each in patches]

    def open(self, reference: Reference) -> State:
        return State(reference)

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        pass

    def predict(self, states: Sequence[State], rig: Rig, pose: Pose, guidance: Guidance) -> Prediction | None:
        patches: list[Patch] = []
        lips_part, lids_close = moving_parts(rig, pose)
        if lips_part or lids_close:
            reference = Reference.stack([state.reference for state in states])
            if lips_part:
                patches.append(self._mouth((rig, reference), pose, guidance))
            if lids_close:
                patches += self._eyes((rig, reference), pose, guidance)
        if any_whole(pose.whole_eyes):
            patches += self._whole_eyes((rig,), pose, guidance)
        if any_tongue(pose.tongue):
            reference = Reference.stack([state.reference for state in states])
            patches.append(self._tongue((rig, reference), pose, guidance))
        return Prediction(None, patches) if patches else None


def drawn_mouth(rig: Rig, reference: Reference, pose: Pose, guidance: Guidance) -> Patch:
    """`drawn_mouth_patch` for a picture."""
    moving, view = MovingPicture.of(rig, pose, guidance), reference.closeups[0]
    return drawn_mouth_patch(make_input(VIEWS[:1], moving, view), view, moving, pose.mouth)


def drawn_eyes(rig: Rig, reference: Reference, pose: Pose, guidance: Guidance) -> list[Patch]:
    """`drawn_eye_patches` for a picture."""
    moving, views = MovingPicture.of(rig, pose, guidance), reference.closeups[1:]
    return drawn_eye_patches(make_input(VIEWS[1:], moving, CloseupReference.stack(views)), views)


def moving_eyes(rig: Rig, pose: Pose, guidance: Guidance) -> list[Patch]:
    """`whole_eye_patches` for a picture."""
    return whole_eye_patches(MovingPicture.of(rig, pose, guidance))


def moving_tongue(rig: Rig, reference: Reference, pose: Pose, guidance: Guidance) -> Patch:
    """`tongue_patch` for a picture."""
    return tongue_patch(MovingPicture.of(rig, pose, guidance), reference.closeups[0])


def moving_parts(rig: Rig, pose: Pose) -> tuple[bool, bool]:
    """Whether lips part or meet otherwise than in the pictures, and whether lids close. On a device always true: to ask
    would synchronise host and device.
    """
    if rig.face.device.type != "cpu":
        return True, True
    rest, now = rig.head.inverse(rig.face), pose.local
    lips = bool(((lips_gap(now) - lips_gap(rest)).abs() > MIN_OPENING).any())
    lids = any(bool((lid_opening(now, ring) < LIDS_CLOSE * lid_opening(rest, ring)).any()) for ring, _ in EYES)
    return lips, lids


class NetworkGenerator(Generic[StateT]):
    """What the generators in torch and ONNX Runtime share: the reference, the fixed noise, the edit's strength."""

    def __init__(self, network: CausalDiT, device: torch.device, steps: int) -> None:
        """steps: of the sampler, per frame."""
        self.network = network.to(device).eval()
        self.config: ModelConfig = network.config
        self.steps = steps
        side = self.config.side
        noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(NOISE_SEED))
        self.noise = noise.mul(NOISE).to(device)

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        rigs = [rig, *(Rig.build(*view) for view in views[: self.config.references - 1])]
        focuses = [Focus.of(each, self.config.side) for each in rigs]
        encoded = [self._reference_kv(_clean_input(*each)) for each in zip(rigs, focuses, strict=True)]
        # The pictures fill all reference slots by turns, as in training (training/tasks/baked_frames.py).
        slots = [encoded[slot % len(encoded)] for slot in range(self.config.references)]
        keys, values = (torch.cat(parts, 3) for parts in zip(*slots, strict=True))
        closeups = make_references(rig.image, rig.face, rig.head, self.config, rig.kind)
        return Reference(focuses[0], keys, values, closeups)

    def at_rest(self, reference: Reference, rig: Rig, pose: Pose, guidance: Guidance) -> Sequence[Prediction | None]:
        return [None]

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        pass

    def predict(self, states: Sequence[StateT], rig: Rig, pose: Pose, guidance: Guidance) -> Prediction:
        edit = self._predict_edit(states, guidance_maps(rig, guidance), layer_maps(rig, guidance), guidance)
        subject = MovingPicture.of(rig, pose, guidance)
        views = zip(*(state.reference.closeups for state in states), strict=True)
        closeups = [CloseupReference.stack(view) for view in views]
        return self._prediction(edit, subject, pose.mouth, closeups, partial(self._closeups_of, states))

    def _prediction(
        self,
        edit: Edit,
        subject: MovingPicture,
        driver_mouth: Tensor,
        closeups: Sequence[CloseupReference],
        run_closeups: RunCloseups,
    ) -> Prediction:
        """The edit at its strength, and the close-ups' patches. driver_mouth: the pose's `mouth`."""
        mouth, eyes = make_inputs(subject, closeups)
        outputs = run_closeups(mouth, eyes)
        patches = make_patches(mouth, eyes, outputs, closeups, subject, driver_mouth, may_be_shut(open_shares(eyes)))
        if any_whole(subject.whole_eyes):
            patches += whole_eye_patches(subject)
        if any_tongue(subject.tongue):
            patches.append(tongue_patch(subject, closeups[0]))
        return Prediction(at_strength(edit), patches)

    def _frame_input(
        self, state: StateT, maps: Tensor, layers: Tensor, guidance: Guidance
    ) -> tuple[Focus, FrameInput, Tensor]:
        """The sampler's input for one stream. maps from `guidance_maps`, layers from `layer_maps`; of this stream
        alone, as is guidance.
        """
        focus = state.reference.focus
        assert focus is not None
        level = self.noise.new_ones(1)
        frame = frame_input(focus, maps, layers, guidance.canonical, guidance.tokens, self.noise, level)
        return focus, frame, layers

    def _reference_kv(self, frame: FrameInput) -> tuple[Tensor, Tensor]:
        """Keys and values of a picture in every layer, (L, 1, H, N, D) each."""
        return self.network.encode_reference(frame)

    def _predict_edit(self, states: Sequence[StateT], maps: Tensor, layers: Tensor, guidance: Guidance) -> Edit:
        """Transformer output for the frames of B streams."""
        raise NotImplementedError

    def _closeups_of(self, states: Sequence[StateT], mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        """Output of the close-ups' network for the frames of B streams, as that of `_run_closeups`."""
        return self._run_closeups(mouth, eyes)

    def _run_closeups(self, mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        """Output of the close-ups' network: six tensors, as `models.closeups.refiner.Closeups` returns them."""
        raise NotImplementedError


def at_strength(edit: Edit) -> Edit:
    """The network's edit as it is drawn."""
    keep = smoothstep(*KEEP_THRESHOLDS, edit.keep)
    return Edit(EDIT_STRENGTH * edit.flow, keep, edit.paint, EDIT_STRENGTH * edit.alpha)


def _clean_input(rig: Rig, focus: Focus) -> FrameInput:
    """The network's input for a picture at rest, from which its K/V are made."""
    rest = make_guidance(rig, rest_pose(rig))
    return reference_input(focus, guidance_maps(rig, rest), rest.canonical, rest.tokens)
