"""The network in torch, on any device: all streams of a tick in one batch, each in a lane of one pool."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.cache import Cache
from models.closeups.inputs import CloseupInput, CloseupReference, MovingPicture
from models.config import ModelConfig
from models.dit import CausalDiT, Edit, FrameInput
from models.geometry.guidance import Guidance
from models.geometry.retarget import Pose
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform
from models.sampler import Focus, frame_input, guidance_maps, sample_edit
from streamer.errors import DeviceMemoryError
from streamer.generation.cuda_graphs import CudaRecorder, Graphs, Recorder, sizes_for
from streamer.generation.generator import Drawing, NetworkGenerator, Reference, State
from streamer.generation.lanes import Lanes
from streamer.generation.precision import be_exact, best_precision, computing_in, dtype_of, lighten
from streamer.generation.tensor_tree import each, tensors
from streamer.generation.transfer import upload
from streamer.options import Precision

SESSIONS = 4  # lanes, unless told otherwise


@dataclass(eq=False, slots=True, weakref_slot=True)
class TorchState(State):
    """lane: where the pool keeps the reference and the past frames. give_back: frees it, when called or when the state
    is forgotten by everybody.
    """

    lane: int
    pool: Pool
    give_back: Callable[[], object] = lambda: None

    def forget(self) -> None:
        self.pool.forget(self.lane)

    def close(self) -> None:
        self.give_back()


@dataclass(frozen=True, slots=True)
class Scene:
    """What the step looks at, of B streams. lane (B,) long. image (B, 3, S, S), box (B, 3): the rig's picture and focus
    box. flow: the guidance's `focus_flow`; maps: from `guidance_maps`; canonical, tokens: the guidance's. face, head,
    mouth: the pose's.
    """

    lane: Tensor
    image: Tensor
    box: Tensor
    flow: Tensor
    maps: Tensor
    canonical: Tensor
    tokens: Tensor
    face: Tensor
    head: HeadTransform
    mouth: Tensor

    @staticmethod
    def of(lane: Tensor, rig: Rig, pose: Pose, guidance: Guidance) -> Scene:
        maps = guidance_maps(rig, guidance)
        flow, canonical, tokens = guidance.focus_flow, guidance.canonical, guidance.tokens
        return Scene(lane, rig.image, rig.focus, flow, maps, canonical, tokens, pose.face, pose.head, pose.mouth)


class Pool:
    """What the device keeps of every stream, allocated once, at addresses that do not change: K/V, the focus picture
    and the close-ups' stills, one row for each lane and one more, the last, that is nobody's.
    """

    def __init__(self, config: ModelConfig, lanes: int, like: Reference, device: torch.device, dtype: torch.dtype):
        """like: any reference; its sizes are those of all. Raises torch.OutOfMemoryError."""

        def room(row: Tensor) -> Tensor:
            return row.new_zeros(lanes + 1, *row.shape[1:])

        with torch.inference_mode(False):  # in any mode they may be written to later
            self.cache = Cache(config, lanes + 1, device, dtype)
            self._kept: tuple[Focus | None, tuple[CloseupReference, ...]] = each((like.focus, like.stills), room)
            self._numbers = torch.arange(lanes + 1, device=device)

    def pin(self, lane: int, reference: Reference) -> None:
        """Copy a reference into a lane and forget its past frames."""
        assert reference.keys is not None and reference.values is not None
        place = self._numbers[lane : lane + 1]
        self.cache.pin(place, reference.keys, reference.values)
        self.cache.reset(place)
        for kept, row in zip(tensors(self._kept), tensors((reference.focus, reference.stills)), strict=True):
            kept[lane : lane + 1].copy_(row)

    def forget(self, lane: int) -> None:
        """Drop a lane's past frames."""
        self.cache.reset(self._numbers[lane : lane + 1])

    def look_up(self, lane: Tensor) -> tuple[Focus, tuple[CloseupReference, ...]]:
        """The references of lanes (B,) long, as one batch."""
        focus, stills = each(self._kept, lambda kept: kept.index_select(0, lane))
        assert focus is not None
        return focus, stills


class TorchGenerator(NetworkGenerator[TorchState]):
    """Each frame of each stream is thought over when it is drawn, in one batch with those of the others.

    lanes: streams that may be open at once. precision: of the network, None = the device's best. recorder: how
    `warm_up` records the step, None = CUDA graphs where there is CUDA, else not at all. A `Tick` records it together
    with what comes before and after, and then does without `warm_up`.
    """

    def __init__(
        self,
        network: CausalDiT,
        device: torch.device,
        steps: int,
        lanes: int = SESSIONS,
        precision: Precision | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(network, device, steps)
        self.device = device
        self.precision = precision or best_precision(device)
        lighten(self.network, self.precision)
        if device.type == "cuda":
            be_exact()
            recorder = recorder or CudaRecorder(device)
        self.lanes = Lanes(lanes)
        self.recorder = recorder
        self.graphs = None if recorder is None else Graphs(self.step, recorder)
        self._pool: Pool | None = None

    def open(self, reference: Reference) -> TorchState:
        """The first one allocates the pool. Raises DeviceMemoryError where no lane or no memory is left."""
        lane = self.lanes.take()
        try:
            if self._pool is None:
                self._pool = Pool(self.config, self.lanes.count, reference, self.device, dtype_of(self.precision))
            self._pool.pin(lane, reference)
        except torch.OutOfMemoryError as error:
            self.lanes.give(lane)
            raise DeviceMemoryError from error
        state = TorchState(reference, lane, self._pool)
        state.give_back = finalize(state, self.lanes, lane)
        return state

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        if self.graphs is not None and self._pool is not None:
            spare = torch.full((1,), self.spare, device=self.device)
            self.graphs.record(Scene.of(spare, rig, pose, guidance), sizes_for(self.lanes.count))

    def draw(self, states: Sequence[TorchState], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing:
        """What it returns is valid until the next call."""
        lane = upload(torch.tensor([state.lane for state in states]), self.device)
        scene = Scene.of(lane, rig, pose, guidance)
        drawing = None if self.graphs is None else self.graphs.draw(scene, len(states))
        return self.step(scene) if drawing is None else drawing

    @property
    def spare(self) -> int:
        """The lane that is nobody's."""
        return self.lanes.count

    def step(self, scene: Scene) -> Drawing:
        """The whole of a frame, as a function of tensors and of the pool."""
        pool, count = self._pool, len(scene.lane)
        assert pool is not None
        focus, stills = pool.look_up(scene.lane)

        def think(frame: FrameInput) -> Edit:
            with computing_in(self.precision, self.device):
                said = self.network.step(frame, pool.cache, scene.lane)
            return each(said, Tensor.float)

        noise, level = self.noise.expand(count, -1, -1, -1), scene.box.new_ones(count)
        frame = frame_input(focus, scene.maps, scene.canonical, scene.tokens, noise, level)
        edit = sample_edit(think, focus, frame, self.steps)
        pool.cache.advance(scene.lane)
        subject = MovingPicture(scene.image, scene.flow, scene.box, scene.face, scene.head)
        return self._drawing(edit, subject, scene.mouth, stills)

    def _remember(self, frame: FrameInput) -> tuple[Tensor, Tensor]:
        with computing_in(self.precision, self.device):
            return self.network.encode_reference(frame)

    def _look(self, mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        with computing_in(self.precision, self.device):
            said = self.network.closeups(mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)
        return [part.float() for part in said]


def finalize(state: TorchState, lanes: Lanes, lane: int) -> Callable[[], object]:
    """What gives the state's lane back, once; by itself when the state is garbage."""
    giving = weakref.finalize(state, lanes.give, lane)
    giving.atexit = False
    return giving
