"""What draws a frame from guidance: the warp alone, or the network, whoever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from models.closeups.inputs import CloseupInput, CloseupReference, MovingPicture, make_inputs, make_references
from models.closeups.patches import Patch, make_patches
from models.config import ModelConfig
from models.dit import CausalDiT, Edit, FrameInput
from models.geometry.grid import smoothstep
from models.geometry.guidance import Guidance, make_guidance
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from models.sampler import NOISE, Focus, frame_input, guidance_maps, reference_input

TRUST = 0.5  # share of the network's corrections of flow and alpha that is drawn; docs/decisions.md has the measurement
DECIDED = (0.2, 0.7)  # a matte between is drawn as the one or the other, softly: half of each is mush; chosen likewise
NOISE_SEED = 7  # one frozen noise for every stream: nothing flickers that the driver did not move


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture as the network remembers it; keys, values (L, 1, H, N, D), and its close-ups. Empty for geometry."""

    focus: Focus | None = None
    keys: Tensor | None = None
    values: Tensor | None = None
    stills: tuple[CloseupReference, ...] = ()


@dataclass(eq=False, slots=True)
class State:
    """One stream's memory: the pinned reference; each generator adds its own."""

    reference: Reference

    def forget(self) -> None:
        """Drop the past frames."""

    def close(self) -> None:
        """Give back what the device keeps of the stream; nothing is drawn with it any more. May be called again."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the network says of one frame of B streams: the whole, and its close-ups."""

    edit: Edit
    patches: list[Patch]


Memory = TypeVar("Memory", bound=State)


class Generator(Protocol):
    """Draws one frame for each of several streams; None where the warp alone is to be seen."""

    def refer(self, rig: Rig) -> Reference: ...

    def open(self, reference: Reference) -> State:
        """A new stream's memory. Raises DeviceMemoryError where the device has no room for it."""
        ...

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        """Prepare for drawing, with one frame of a batch of one as an example; before any stream is live."""
        ...

    def draw(self, states: Sequence[Any], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing | None:
        """states: what its own `open` returned."""
        ...


class GeometryGenerator:
    """The warp alone."""

    def refer(self, rig: Rig) -> Reference:
        return Reference()

    def open(self, reference: Reference) -> State:
        return State(reference)

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        pass

    def draw(self, states: Sequence[State], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing | None:
        return None


class NetworkGenerator(Generic[Memory]):
    """What torch and ONNX Runtime share: the reference, the frozen noise, how far the network is trusted."""

    def __init__(self, network: CausalDiT, device: torch.device, steps: int) -> None:
        """steps: of the sampler."""
        self.network = network.to(device).eval()
        self.config: ModelConfig = network.config
        self.steps = steps
        side = self.config.side
        noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(NOISE_SEED))
        self.noise = noise.mul(NOISE).to(device)

    def refer(self, rig: Rig) -> Reference:
        focus = Focus.of(rig, self.config.side)
        rest = make_guidance(rig, rest_pose(rig))
        frame = reference_input(focus, guidance_maps(rig, rest), rest.canonical, rest.tokens)
        # One picture fills all reference slots, as in training (training/train.py).
        keys, values = (kept.repeat(1, 1, 1, self.config.references, 1) for kept in self._remember(frame))
        return Reference(focus, keys, values, make_references(rig.image, rig.face, rig.head, self.config))

    def _remember(self, frame: FrameInput) -> tuple[Tensor, Tensor]:
        """A picture's K/V."""
        return self.network.encode_reference(frame)

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        pass

    def draw(self, states: Sequence[Memory], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing:
        edit = self._edit(states, guidance_maps(rig, guidance), guidance)
        subject = MovingPicture(rig.image, guidance.focus_flow, rig.focus, pose.face, pose.head)
        views = zip(*(state.reference.stills for state in states), strict=True)
        return self._drawing(edit, subject, pose.mouth, [CloseupReference.stack(each) for each in views])

    def _drawing(self, edit: Edit, subject: MovingPicture, seen: Tensor, stills: Sequence[CloseupReference]) -> Drawing:
        """What is drawn of an edit, and the close-ups' word beside it. seen: the pose's `mouth`."""
        keep = smoothstep(*DECIDED, edit.keep)
        trusted = Edit(TRUST * edit.flow, keep, edit.paint, TRUST * edit.alpha)
        mouth, eyes = make_inputs(subject, stills)
        return Drawing(trusted, make_patches(mouth, eyes, self._look(mouth, eyes), stills[0], seen))

    def _frame(self, state: Memory, maps: Tensor, guidance: Guidance) -> tuple[Focus, FrameInput]:
        """One stream's frame as the sampler wants it; maps from `guidance_maps`, of this stream alone, as guidance."""
        focus = state.reference.focus
        assert focus is not None
        level = self.noise.new_ones(1)
        return focus, frame_input(focus, maps, guidance.canonical, guidance.tokens, self.noise, level)

    def _edit(self, states: Sequence[Memory], maps: Tensor, guidance: Guidance) -> Edit:
        """The transformer's word on this frame."""
        raise NotImplementedError

    def _look(self, mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        """The close-ups' six tensors."""
        raise NotImplementedError
