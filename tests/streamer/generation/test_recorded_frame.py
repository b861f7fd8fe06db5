"""Whole frames as recordings, over rigs in lanes."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from models.geometry.rig import Rig
from models.motion import Driver
from streamer.errors import DeviceMemoryError
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.cuda_graphs import CudaRecorder, Recorder
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.eager_frame import EagerFrame
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.recorded_frame import RecordedFrame, TickInputs
from streamer.generation.rig_pool import RigPool
from streamer.generation.stream import FrameRequest, Stream
from streamer.generation.tensor_tree import iter_tensors, map_tensors
from streamer.generation.torch_generator import TorchGenerator
from streamer.tracking.motion import Motion
from tests.support.devices import needs_cuda
from tests.support.drivers import all_strengths
from tests.support.faces import drawn_face
from tests.support.host_access import HostAccessGuard, uncovered_mesh
from tests.support.networks import small_network
from tests.support.recorders import FailingRecorder, RerunRecorder

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
SIDE = 64
OWN = [Controls(mirror=False), Controls(mirror=False, face=1.5)]
CHOSEN = [
    Controls(mirror=False, background="colour", colour=(200, 10, 30)), Controls(mirror=False, background="transparent")
]  # fmt: skip


@pytest.fixture(scope="module")
def rigs() -> list[Rig]:
    """Two heads of two sizes, neither of which fills the canvas."""
    return [drawn_face(SIDE, scale) for scale in (0.2, 0.25)]


class SmallPipeline(AvatarPipeline):
    """A pipeline with a small network, which records whole frames if it has a recorder."""

    def __init__(self, recorder: Recorder | None, device: torch.device = CPU, lanes: int = 2) -> None:
        self.generator = TorchGenerator(small_network(), device, 1, lanes, "float32")
        eager = EagerFrame(self.generator, device)
        super().__init__(eager if recorder is None else RecordedFrame(self.generator, recorder), SIDE)

    @torch.inference_mode()
    def adopt(self, rig: Rig) -> Avatar:
        rig = rig.to(self.device)
        return Avatar(rig, self.generator.encode_reference(rig), SIDE, SIDE)


def requests(streams: Sequence[Stream], controls: Sequence[Controls] = OWN) -> list[FrameRequest]:
    """One request for each stream, each with the driver further to the right."""
    made = []
    for k, (stream, chosen) in enumerate(zip(streams, controls, strict=False)):
        face = stream.avatar.rig.face[0].cpu().numpy()
        still = Motion.still(face, stream.avatar.rig.body[0].cpu().numpy())
        step = np.array([0.04 * k, 0, 0], np.float32)
        made.append(FrameRequest(stream, Motion.still(face + step, still.body), still, chosen))
    return made


def alike(mine: Sequence[AvatarFrame], theirs: Sequence[AvatarFrame], most: float = 0.05) -> bool:
    """Equal up to rounding in a few pixels."""
    return all(
        np.abs(a.rgb.astype(int) - b.rgb).mean() < most and (a.alpha is None) == (b.alpha is None)
        for a, b in zip(mine, theirs, strict=True)
    )


def check(recording: SmallPipeline, rigs: list[Rig], most: float) -> None:
    """Opening, backgrounds, swapping and closing draw the same as eager frames on a CPU."""
    eager = SmallPipeline(None)
    pipelines = eager, recording
    avatars = [[pipeline.adopt(rig) for rig in rigs] for pipeline in pipelines]
    recording.warm_up(avatars[1][0])
    streams = [[p.open(avatar) for avatar in mine] for p, mine in zip(pipelines, avatars, strict=True)]
    for controls in (OWN, CHOSEN, OWN):
        wanted, drawn = (p.draw(requests(mine, controls)) for p, mine in zip(pipelines, streams, strict=True))
        assert alike(drawn, wanted, most)
        assert set(drawn[0].stages) == {"tick"} and len(wanted[0].stages) == 4
    for pipeline, mine, own in zip(pipelines, streams, avatars, strict=True):
        pipeline.swap(mine[0], own[1])
        pipeline.close(mine.pop(1))
    wanted, drawn = (p.draw(requests(mine, CHOSEN)) for p, mine in zip(pipelines, streams, strict=True))
    assert alike(drawn, wanted, most)


def test_recorded_frame_equals_the_eager_frame(rigs: list[Rig]) -> None:
    recorder = RerunRecorder()
    check(SmallPipeline(recorder), rigs, 0.05)
    assert recorder.replayed == [2, 2, 2, 1]


@needs_cuda
def test_recorded_frame_on_cuda_equals_the_eager_frame_on_a_cpu(rigs: list[Rig]) -> None:
    device = torch.device("cuda")
    check(SmallPipeline(CudaRecorder(device), device), rigs, 1)


@pytest.mark.parametrize("after", [0, 3])
def test_failed_recording_falls_back_to_the_eager_frame(
    rigs: list[Rig], after: int, caplog: pytest.LogCaptureFixture
) -> None:
    eager, recording = SmallPipeline(None), SmallPipeline(FailingRecorder(after))
    streams = []
    for pipeline in (eager, recording):
        avatar = pipeline.adopt(rigs[0])
        pipeline.warm_up(avatar)
        streams.append([pipeline.open(avatar)])
    drawn, wanted = recording.draw(requests(streams[1])), eager.draw(requests(streams[0]))
    assert alike(drawn, wanted) and set(drawn[0].stages) == set(wanted[0].stages)
    assert [record.getMessage() for record in caplog.records] == [
        "A tick runs without CUDA graphs, more slowly: they cannot be recorded (operation not permitted)."
    ]


def test_open_without_memory_for_the_rigs_raises_and_returns_the_lane(
    rigs: list[Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    recording = SmallPipeline(RerunRecorder(), lanes=1)
    avatar = recording.adopt(rigs[0])
    with monkeypatch.context() as patch:
        patch.setattr(RigPool, "__init__", full)
        with pytest.raises(DeviceMemoryError):
            recording.open(avatar)
    assert recording.generator.lanes.free == 1
    recording.open(avatar)


def test_rig_pool_keeps_rigs_backgrounds_and_memory_format(rigs: list[Rig]) -> None:
    pool = RigPool(rigs[0], 2)
    pool.put(1, rigs[1])
    rig, behind = pool.look_up(torch.tensor([1, 2]))
    assert torch.equal(rig.pick(0).own.head, rigs[1].own.head) and torch.equal(rig.pick(1).own.head, rigs[0].own.head)
    assert rig.own.head.is_contiguous(memory_format=torch.channels_last) and torch.equal(behind, rig.plate)
    black = torch.zeros_like(rigs[1].plate)
    pool.set_background(1, black)
    assert torch.equal(pool.look_up(torch.tensor([1]))[1], black)
    pool.set_background(1, None)
    assert torch.equal(pool.look_up(torch.tensor([1]))[1], rigs[1].plate)


@pytest.mark.parametrize("trim", [False, True])
def test_step_never_waits_for_the_host(rigs: list[Rig], trim: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, where reading a value fails, as it does while a CUDA graph is recorded."""
    monkeypatch.setenv("KAGAMI_KERNELS", "reference")
    for module in ("guidance", "head_surface", "limb_motion"):
        monkeypatch.setattr(f"models.geometry.{module}.draw_mesh", uncovered_mesh)
    nowhere = torch.device("meta")
    with torch.inference_mode():
        reference = TorchGenerator(small_network(), CPU, 1).encode_reference(rigs[0])
        generator = TorchGenerator(small_network(), nowhere, 1)
        recorded = RecordedFrame(generator, RerunRecorder())
        recorded.put(generator.open(map_tensors(reference, lambda tensor: tensor.to(nowhere))), rigs[0].to(nowhere))
        driver = map_tensors(Driver.of_face(rigs[0].face.repeat(2, 1, 1)), lambda tensor: tensor.to(nowhere))
        lane = torch.zeros(2, dtype=torch.long, device=nowhere)
        strength = all_strengths(2, nowhere)
        inputs = TickInputs(lane, DriverBatch(driver, driver, strength))
        recorded.step(inputs, trim)
        with HostAccessGuard():
            planes = recorded.step(inputs, trim)
    assert [tuple(plane.shape) for plane in iter_tensors(planes)] == [(2, SIDE, SIDE, 3), (2, SIDE, SIDE, 1)]
    assert all(isinstance(plane, Tensor) and plane.device == nowhere for plane in planes)
