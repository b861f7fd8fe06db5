"""The network in torch, on any device: all streams in one batch, each in its lane of one pool."""

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
from models.sampler import Focus, frame_input, guidance_maps, layer_maps, sample_edit
from streamer.errors import DeviceMemoryError
from streamer.generation.cuda_graphs import CudaRecorder, GraphSet, Recorder, sizes_for
from streamer.generation.generator import NetworkGenerator, Prediction, Reference, State
from streamer.generation.lanes import LaneAllocator
from streamer.generation.precision import autocast_to, best_precision, cast_weights, disable_tf32, dtype_of
from streamer.generation.tensor_tree import iter_tensors, map_tensors
from streamer.generation.transfer import upload
from streamer.options import Precision

DEFAULT_LANES = 4


@dataclass(eq=False, slots=True, weakref_slot=True)
class TorchState(State):
    """A stream's memory in torch.

    lane: its row in `pool`. give_back: returns the lane; called by `close`, or when the state is garbage.
    """

    lane: int
    pool: ReferencePool
    give_back: Callable[[], object] = lambda: None

    def reset(self) -> None:
        self.pool.reset(self.lane)

    def close(self) -> None:
        self.give_back()


@dataclass(frozen=True, slots=True)
class NetworkInputs:
    """Input of the network's step for B streams.

    lane: (B,) long.
    subject: what the close-ups see.
    maps, layers: from `models.sampler.guidance_maps` and `models.sampler.layer_maps`.
    canonical, tokens: the guidance's.
    mouth: the pose's.
    """

    lane: Tensor
    subject: MovingPicture
    maps: Tensor
    layers: Tensor
    canonical: Tensor
    tokens: Tensor
    mouth: Tensor

    @staticmethod
    def of(lane: Tensor, rig: Rig, pose: Pose, guidance: Guidance) -> NetworkInputs:
        subject = MovingPicture.of(rig, pose, guidance)
        maps, layers = guidance_maps(rig, guidance), layer_maps(rig, guidance)
        return NetworkInputs(lane, subject, maps, layers, guidance.canonical, guidance.tokens, pose.mouth)


class ReferencePool:
    """The memory of all streams on the device, allocated once at fixed addresses: KV cache, focus pictures and
    close-ups' references, a row for each lane and a spare one, which is the last.
    """

    def __init__(self, config: ModelConfig, lanes: int, example: Reference, device: torch.device, dtype: torch.dtype):
        """example: any reference; gives the sizes. Raises torch.OutOfMemoryError."""

        def allocate(row: Tensor) -> Tensor:
            return row.new_zeros(lanes + 1, *row.shape[1:])

        with torch.inference_mode(False):  # tensors made in inference mode could not be written to outside of it
            self.cache = Cache(config, lanes + 1, device, dtype)
            self._pool: tuple[Focus | None, tuple[CloseupReference, ...]] = map_tensors(
                (example.focus, example.closeups), allocate
            )
            self._lanes = torch.arange(lanes + 1, device=device)

    def pin(self, lane: int, reference: Reference) -> None:
        """Copy a reference into a lane and drop the lane's past frames."""
        assert reference.keys is not None and reference.values is not None
        lanes = self._lanes[lane : lane + 1]
        self.cache.pin(lanes, reference.keys, reference.values)
        self.cache.reset(lanes)
        rows = reference.focus, reference.closeups
        for pool, row in zip(iter_tensors(self._pool), iter_tensors(rows), strict=True):
            pool[lane : lane + 1].copy_(row)

    def reset(self, lane: int) -> None:
        """Drop a lane's past frames."""
        self.cache.reset(self._lanes[lane : lane + 1])

    def look_up(self, lane: Tensor) -> tuple[Focus, tuple[CloseupReference, ...]]:
        """The focus pictures and close-ups' references of lanes (B,) long, as one batch."""
        focus, closeups = map_tensors(self._pool, lambda pool: pool.index_select(0, lane))
        assert focus is not None
        return focus, closeups


class TorchGenerator(NetworkGenerator[TorchState]):
    """Runs the whole network for every frame, all streams in one batch.

    lanes: number of streams that may be open at once. precision: of the network, None for the device's best. recorder:
    how `warm_up` records the network's step; None: CUDA graphs on CUDA, no recording elsewhere. `RecordedFrame` records
    the step together with the stages around it, and then does without `warm_up`.
    """

    def __init__(
        self,
        network: CausalDiT,
        device: torch.device,
        steps: int,
        lanes: int = DEFAULT_LANES,
        precision: Precision | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(network, device, steps)
        self.device = device
        self.precision = precision or best_precision(device)
        cast_weights(self.network, self.precision)
        if device.type == "cuda":
            disable_tf32()
            recorder = recorder or CudaRecorder(device)
        self.lanes = LaneAllocator(lanes)
        self.recorder = recorder
        self.graphs = None if recorder is None else GraphSet(self.step, recorder)
        self._pool: ReferencePool | None = None

    def open(self, reference: Reference) -> TorchState:
        """The first call allocates the pool. Raises DeviceMemoryError if no lane is free or memory runs out."""
        lane = self.lanes.take()
        try:
            if self._pool is None:
                dtype = dtype_of(self.precision)
                self._pool = ReferencePool(self.config, self.lanes.count, reference, self.device, dtype)
            self._pool.pin(lane, reference)
        except torch.OutOfMemoryError as error:
            self.lanes.give(lane)
            raise DeviceMemoryError from error
        state = TorchState(reference, lane, self._pool)
        state.give_back = return_lane_once(state, self.lanes, lane)
        return state

    def warm_up(self, rig: Rig, pose: Pose, guidance: Guidance) -> None:
        if self.graphs is not None and self._pool is not None:
            spare = torch.full((1,), self.spare, device=self.device)
            self.graphs.record(NetworkInputs.of(spare, rig, pose, guidance), sizes_for(self.lanes.count))

    def predict(self, states: Sequence[TorchState], rig: Rig, pose: Pose, guidance: Guidance) -> Prediction:
        """As in `Generator`; the result is valid until the next call."""
        lane = upload(torch.tensor([state.lane for state in states]), self.device)
        inputs = NetworkInputs.of(lane, rig, pose, guidance)
        prediction = None if self.graphs is None else self.graphs.replay(inputs, len(states))
        return self.step(inputs) if prediction is None else prediction

    @property
    def spare(self) -> int:
        """The lane that is never lent: it pads recorded batches."""
        return self.lanes.count

    def step(self, inputs: NetworkInputs) -> Prediction:
        """The whole network for one frame, as a function of tensors and of the pool, whose KV cache it writes."""
        pool, count = self._pool, len(inputs.lane)
        assert pool is not None
        focus, closeups = pool.look_up(inputs.lane)

        def run_transformer(frame: FrameInput) -> Edit:
            with autocast_to(self.precision, self.device):
                edit = self.network.step(frame, pool.cache, inputs.lane)
            return map_tensors(edit, Tensor.float)

        noise, level = self.noise.expand(count, -1, -1, -1), inputs.maps.new_ones(count)
        frame = frame_input(focus, inputs.maps, inputs.layers, inputs.canonical, inputs.tokens, noise, level)
        edit = sample_edit(run_transformer, focus, frame, inputs.layers, self.steps)
        pool.cache.advance(inputs.lane)
        return self._prediction(edit, inputs.subject, inputs.mouth, closeups, self._run_closeups)

    def _reference_kv(self, frame: FrameInput) -> tuple[Tensor, Tensor]:
        with autocast_to(self.precision, self.device):
            return self.network.encode_reference(frame)

    def _run_closeups(self, mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        with autocast_to(self.precision, self.device):
            outputs = self.network.closeups(mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)
        return [output.float() for output in outputs]


def return_lane_once(state: TorchState, lanes: LaneAllocator, lane: int) -> Callable[[], object]:
    """A function that returns the state's lane at its first call; runs by itself when the state is garbage."""
    finalizer = weakref.finalize(state, lanes.give, lane)
    finalizer.atexit = False
    return finalizer
