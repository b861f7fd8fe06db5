"""Whole ticks as recordings, over rigs in lanes."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from models.geometry.retarget import Strength
from models.geometry.rig import Rig
from models.motion import Driver
from streamer.errors import DeviceMemoryError
from streamer.frames import AvatarFrame
from streamer.generation.controls import Controls
from streamer.generation.cuda_graphs import CudaRecorder, Recorder
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.eager_frame import EagerFrame
from streamer.generation.pipeline import Avatar, AvatarPipeline, FrameRequest, Stream
from streamer.generation.recorded_frame import RecordedFrame, TickInputs
from streamer.generation.rig_pool import RigPool
from streamer.generation.tensor_tree import iter_tensors, map_tensors
from streamer.generation.torch_generator import TorchGenerator
from streamer.tracking.motion import Motion
from tests.support.devices import needs_cuda
from tests.support.faces import drawn_face
from tests.support.host import Alert, uncovered_mesh
from tests.support.networks import small_network
from tests.support.recorders import NoRecorder, Rerun

CPU = torch.device("cpu")
SIDE = 64
OWN = [Controls(mirror=False), Controls(mirror=False, face=1.5)]
CHOSEN = [
    Controls(mirror=False, background="colour", colour=(200, 10, 30)), Controls(mirror=False, background="transparent")
]  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Of so small pieces of work threads make no more than waiting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def rigs() -> list[Rig]:
    """Two heads of two sizes, neither of which fills the canvas."""
    return [drawn_face(SIDE, scale) for scale in (0.2, 0.25)]


class Studio(AvatarPipeline):
    """A pipeline with a small network, which records ticks if it is given a recorder."""

    def __init__(self, recorder: Recorder | None, device: torch.device = CPU, lanes: int = 2) -> None:
        self.generator = TorchGenerator(small_network(), device, 1, lanes, "float32")
        eager = EagerFrame(self.generator, device)
        super().__init__(eager if recorder is None else RecordedFrame(self.generator, recorder), SIDE)

    @torch.inference_mode()
    def adopt(self, rig: Rig) -> Avatar:
        rig = rig.to(self.device)
        return Avatar(rig, self.generator.encode_reference(rig), SIDE, SIDE)


def requests(streams: Sequence[Stream], controls: Sequence[Controls] = OWN) -> list[FrameRequest]:
    """Everybody as far to the right as nobody else."""
    made = []
    for k, (stream, chosen) in enumerate(zip(streams, controls, strict=False)):
        face = stream.avatar.rig.face[0].cpu().numpy()
        still = Motion.still(face, stream.avatar.rig.body[0].cpu().numpy())
        step = np.array([0.04 * k, 0, 0], np.float32)
        made.append(FrameRequest(stream, Motion.still(face + step, still.body), still, chosen))
    return made


def alike(mine: Sequence[AvatarFrame], theirs: Sequence[AvatarFrame], most: float = 0.05) -> bool:
    """But for rounding in a few pixels."""
    return all(
        np.abs(a.rgb.astype(int) - b.rgb).mean() < most and (a.alpha is None) == (b.alpha is None)
        for a, b in zip(mine, theirs, strict=True)
    )


def check(studio: Studio, rigs: list[Rig], most: float) -> None:
    """Sessions come, choose, swap and go as on a CPU without recordings."""
    plain = Studio(None)
    both = plain, studio
    avatars = [[pipeline.adopt(rig) for rig in rigs] for pipeline in both]
    studio.warm_up(avatars[1][0])
    streams = [[p.open(avatar) for avatar in mine] for p, mine in zip(both, avatars, strict=True)]
    for controls in (OWN, CHOSEN, OWN):
        wanted, drawn = (p.draw(requests(mine, controls)) for p, mine in zip(both, streams, strict=True))
        assert alike(drawn, wanted, most)
        assert set(drawn[0].stages) == {"tick"} and len(wanted[0].stages) == 4
    for pipeline, mine, seen in zip(both, streams, avatars, strict=True):
        pipeline.swap(mine[0], seen[1])
        pipeline.close(mine.pop(1))
    wanted, drawn = (p.draw(requests(mine, CHOSEN)) for p, mine in zip(both, streams, strict=True))
    assert alike(drawn, wanted, most)


def test_a_recorded_tick_draws_what_its_stages_draw(rigs: list[Rig]) -> None:
    recorder = Rerun()
    check(Studio(recorder), rigs, 0.05)
    assert recorder.replayed == [2, 2, 2, 1]


@needs_cuda
def test_on_cuda_a_tick_is_one_graph(rigs: list[Rig]) -> None:
    device = torch.device("cuda")
    check(Studio(CudaRecorder(device), device), rigs, 1)


@pytest.mark.parametrize("after", [0, 3])
def test_a_tick_that_cannot_be_recorded_is_drawn_by_stages(
    rigs: list[Rig], after: int, caplog: pytest.LogCaptureFixture
) -> None:
    plain, studio = Studio(None), Studio(NoRecorder(after))
    streams = []
    for pipeline in (plain, studio):
        avatar = pipeline.adopt(rigs[0])
        pipeline.warm_up(avatar)
        streams.append([pipeline.open(avatar)])
    drawn, wanted = studio.draw(requests(streams[1])), plain.draw(requests(streams[0]))
    assert alike(drawn, wanted) and set(drawn[0].stages) == set(wanted[0].stages)
    assert [record.getMessage() for record in caplog.records] == [
        "A tick runs without CUDA graphs, more slowly: they cannot be recorded (operation not permitted)."
    ]


def test_a_device_without_room_for_the_rigs_is_told_and_keeps_its_lanes(
    rigs: list[Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    studio = Studio(Rerun(), lanes=1)
    avatar = studio.adopt(rigs[0])
    with monkeypatch.context() as patch:
        patch.setattr(RigPool, "__init__", full)
        with pytest.raises(DeviceMemoryError):
            studio.open(avatar)
    assert studio.generator.lanes.free == 1
    studio.open(avatar)


def test_rigs_lie_in_lanes_as_they_are(rigs: list[Rig]) -> None:
    kept = RigPool(rigs[0], 2)
    kept.put(1, rigs[1])
    rig, behind = kept.look_up(torch.tensor([1, 2]))
    assert torch.equal(rig.pick(0).layer, rigs[1].layer) and torch.equal(rig.pick(1).layer, rigs[0].layer)
    assert rig.layer.is_contiguous(memory_format=torch.channels_last) and torch.equal(behind, rig.plate)
    black = torch.zeros_like(rigs[1].plate)
    kept.set_background(1, black)
    assert torch.equal(kept.look_up(torch.tensor([1]))[1], black)
    kept.set_background(1, None)
    assert torch.equal(kept.look_up(torch.tensor([1]))[1], rigs[1].plate)


@pytest.mark.parametrize("trim", [False, True])
def test_a_tick_asks_nothing_of_the_host(rigs: list[Rig], trim: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device without numbers, where whatever wants to see one breaks, as a recording does."""
    monkeypatch.setenv("KAGAMI_KERNELS", "reference")
    monkeypatch.setattr("models.geometry.guidance.draw_mesh", uncovered_mesh)
    nowhere = torch.device("meta")
    with torch.inference_mode():
        reference = TorchGenerator(small_network(), CPU, 1).encode_reference(rigs[0])
        generator = TorchGenerator(small_network(), nowhere, 1)
        tick = RecordedFrame(generator, Rerun())
        tick.put(generator.open(map_tensors(reference, lambda tensor: tensor.to(nowhere))), rigs[0].to(nowhere))
        driver = map_tensors(Driver.of_face(rigs[0].face.repeat(2, 1, 1)), lambda tensor: tensor.to(nowhere))
        lane = torch.zeros(2, dtype=torch.long, device=nowhere)
        strength = Strength(*torch.ones(5, 2, device=nowhere))
        inputs = TickInputs(lane, DriverBatch(driver, driver, strength))
        tick.step(inputs, trim)
        with Alert():
            planes = tick.step(inputs, trim)
    assert [tuple(plane.shape) for plane in iter_tensors(planes)] == [(2, SIDE, SIDE, 3), (2, SIDE, SIDE, 1)]
    assert all(isinstance(plane, Tensor) and plane.device == nowhere for plane in planes)
