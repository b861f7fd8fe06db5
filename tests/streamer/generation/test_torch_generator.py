"""The network in torch: streams in lanes of one pool, predicted as one batch, eagerly and recorded."""

import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.dit import CausalDiT
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from models.geometry.topology import INNER_LIPS
from streamer.errors import DeviceMemoryError
from streamer.generation.generator import Prediction, Reference
from streamer.generation.tensor_tree import iter_tensors, map_tensors
from streamer.generation.torch_generator import NetworkInputs, ReferencePool, TorchGenerator, TorchState
from streamer.options import Precision
from tests.support.devices import needs_cuda
from tests.support.faces import drawn_face
from tests.support.host_access import HostAccessGuard
from tests.support.networks import small_network
from tests.support.recorders import FailingRecorder, RerunRecorder

CPU = torch.device("cpu")
LOWER_LIP_MIDDLE = list(INNER_LIPS[14:17])


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def network() -> CausalDiT:
    return small_network()


@pytest.fixture(scope="module")
def rigs() -> list[Rig]:
    """Three heads of three sizes."""
    return [drawn_face(128, scale) for scale in (0.22, 0.25, 0.28)]


@pytest.fixture(scope="module")
def references(network: CausalDiT, rigs: list[Rig]) -> list[Reference]:
    generator = TorchGenerator(network, CPU, 1)
    with torch.inference_mode():
        return [generator.encode_reference(rig) for rig in rigs]


def draw(generator: TorchGenerator, states: Sequence[TorchState], rigs: Sequence[Rig]) -> Prediction:
    rig = Rig.stack(list(rigs))
    pose = rest_pose(rig)
    opened = pose.face.clone()
    opened[:, LOWER_LIP_MIDDLE, 1] += 0.03
    pose = replace(pose, face=opened)
    return generator.predict(states, rig, pose, make_guidance(rig, pose))


def alike(a: Prediction, b: Prediction, tolerance: float = 2e-5) -> bool:
    pairs = zip(iter_tensors(a), iter_tensors(b), strict=True)
    return all(x.shape == y.shape and torch.allclose(x, y, atol=tolerance) for x, y in pairs)


def apart(a: Prediction, b: Prediction) -> float:
    """The largest mean difference of any tensor."""
    return max(float((x - y).abs().mean()) for x, y in zip(iter_tensors(a), iter_tensors(b), strict=True))


def warm(generator: TorchGenerator, rig: Rig, reference: Reference) -> None:
    pose = rest_pose(rig)
    state = generator.open(reference)
    generator.warm_up(rig, pose, make_guidance(rig, pose))
    state.close()


@pytest.mark.parametrize("steps", [1, 2])
def test_batch_equals_each_stream_alone(
    network: CausalDiT, rigs: list[Rig], references: list[Reference], steps: int
) -> None:
    together, alone = TorchGenerator(network, CPU, steps), TorchGenerator(network, CPU, steps)
    batch, single = ([each_one.open(reference) for reference in references] for each_one in (together, alone))
    draw(together, batch[:1], rigs[:1])  # gives the first stream one past frame more
    draw(alone, single[:1], rigs[:1])
    for order in ([2, 0], [0, 1, 2])[: 3 - steps]:
        drawn = draw(together, [batch[i] for i in order], [rigs[i] for i in order])
        for row, i in enumerate(order):
            one = draw(alone, [single[i]], [rigs[i]])
            assert alike(map_tensors(drawn, lambda tensor, row=row: tensor[row : row + 1]), one)  # type: ignore[misc]


def test_reused_lane_has_no_past_frames(network: CausalDiT, rigs: list[Rig], references: list[Reference]) -> None:
    generator = TorchGenerator(network, CPU, 1, lanes=1)
    first = generator.open(references[0])
    wanted = draw(generator, [first], rigs[:1])
    first.close()
    second = generator.open(references[1])
    draw(generator, [second], rigs[1:2])
    second.close()
    again = generator.open(references[0])
    assert first.lane == second.lane == again.lane
    assert alike(draw(generator, [again], rigs[:1]), wanted)


def test_open_without_a_free_lane_raises_and_leaves_other_streams(
    network: CausalDiT, rigs: list[Rig], references: list[Reference]
) -> None:
    generator = TorchGenerator(network, CPU, 1, lanes=2)
    reference = references[0]
    states = [generator.open(reference) for _ in range(2)]
    with pytest.raises(DeviceMemoryError, match="no memory left for this session"):
        generator.open(reference)
    draw(generator, states, [rigs[0]] * 2)
    states[0].close()
    states[0].close()
    assert generator.lanes.free == 1
    assert generator.open(reference).lane == states[0].lane


def test_garbage_collected_state_returns_its_lane(network: CausalDiT, references: list[Reference]) -> None:
    generator = TorchGenerator(network, CPU, 1, lanes=1)
    state: TorchState | None = generator.open(references[0])
    assert generator.lanes.free == 0
    assert state is not None
    state = None
    gc.collect()
    assert generator.lanes.free == 1


def test_open_without_device_memory_raises_and_returns_the_lane(
    network: CausalDiT, references: list[Reference], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    generator = TorchGenerator(network, CPU, 1, lanes=2)
    with monkeypatch.context() as patch:
        patch.setattr(ReferencePool, "pin", full)
        with pytest.raises(DeviceMemoryError):
            generator.open(references[0])
    assert generator.lanes.free == 2
    assert generator.open(references[0]).lane == 0


def test_recorded_step_equals_the_step(network: CausalDiT, rigs: list[Rig], references: list[Reference]) -> None:
    recorder = RerunRecorder()
    eager, recorded = TorchGenerator(network, CPU, 1), TorchGenerator(network, CPU, 1, recorder=recorder)
    warm(recorded, rigs[0], references[0])
    assert recorded.graphs is not None and recorded.graphs.sizes == [1, 2, 4]
    states = [[generator.open(reference) for reference in references] for generator in (eager, recorded)]
    for count in (3, 1, 2):
        wanted, drawn = (
            draw(generator, mine[:count], rigs[:count])
            for generator, mine in zip((eager, recorded), states, strict=True)
        )
        assert alike(drawn, wanted)
    assert recorder.replayed == [4, 1, 2]


def test_failed_recording_predicts_the_same(
    network: CausalDiT, rigs: list[Rig], references: list[Reference], caplog: pytest.LogCaptureFixture
) -> None:
    generator = TorchGenerator(network, CPU, 1, recorder=FailingRecorder())
    warm(generator, rigs[0], references[0])
    eager = TorchGenerator(network, CPU, 1)
    states = [each_one.open(references[0]) for each_one in (generator, eager)]
    assert alike(draw(generator, states[:1], rigs[:1]), draw(eager, states[1:], rigs[:1]))
    assert len(caplog.records) == 1


def test_bfloat16_predicts_nearly_the_same(network: CausalDiT, rigs: list[Rig], references: list[Reference]) -> None:
    exact, coarse = TorchGenerator(network, CPU, 1), TorchGenerator(small_network(), CPU, 1, precision="bfloat16")
    assert coarse.network.blocks[0].out.weight.dtype == torch.bfloat16
    wanted = draw(exact, [exact.open(references[0])], rigs[:1])
    reference = coarse.encode_reference(rigs[0])
    drawn = draw(coarse, [coarse.open(reference)], rigs[:1])
    kept, wanted_too = (iter_tensors([r.focus, r.closeups]) for r in (reference, references[0]))
    assert all(torch.equal(a, b) for a, b in zip(kept, wanted_too, strict=True))  # only the network is rounded
    assert all(tensor.dtype == torch.float32 for tensor in iter_tensors(drawn))
    assert 0 < apart(drawn, wanted) < 0.02


@pytest.mark.parametrize("steps", [1, 2])
def test_step_never_waits_for_the_host(
    rigs: list[Rig], references: list[Reference], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the meta device, where reading a value fails, as it does while a CUDA graph is recorded."""
    monkeypatch.setenv("KAGAMI_KERNELS", "reference")
    rig, pose, nowhere = rigs[0], rest_pose(rigs[0]), torch.device("meta")
    scene = NetworkInputs.of(torch.zeros(1, dtype=torch.long), rig, pose, make_guidance(rig, pose))
    generator = TorchGenerator(small_network(), nowhere, steps)
    generator.open(map_tensors(references[0], lambda tensor: tensor.to(nowhere)))
    scene = map_tensors(scene, lambda tensor: tensor.to(nowhere))
    generator.step(scene)
    with HostAccessGuard():
        drawn = generator.step(scene)
    assert all(tensor.device == nowhere for tensor in iter_tensors(drawn))


@needs_cuda
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.02)])
def test_graphs_on_cuda_equal_the_cpu(
    rigs: list[Rig], references: list[Reference], steps: int, precision: Precision, tolerance: float
) -> None:
    cuda = torch.device("cuda")
    moved = [rig.to(cuda) for rig in rigs]
    exact = TorchGenerator(small_network(), CPU, steps)
    generator = TorchGenerator(small_network(), cuda, steps, precision=precision)
    pinned = [generator.encode_reference(rig) for rig in moved]
    warm(generator, moved[0], pinned[0])
    assert generator.graphs is not None and generator.graphs.sizes == [1, 2, 4]
    states, mine = ([g.open(r) for r in kept] for g, kept in ((exact, references), (generator, pinned)))
    for count in (3, 1, 2):
        wanted, drawn = draw(exact, states[:count], rigs[:count]), draw(generator, mine[:count], moved[:count])
        assert apart(map_tensors(drawn, Tensor.cpu), wanted) < tolerance


@needs_cuda
def test_streams_on_cuda_allocate_no_memory(rigs: list[Rig]) -> None:
    cuda = torch.device("cuda")
    rig = rigs[0].to(cuda)
    generator = TorchGenerator(small_network(), cuda, 1, lanes=4)
    reference = generator.encode_reference(rig)
    warm(generator, rig, reference)
    held = []
    for _ in range(3):
        states = [generator.open(reference) for _ in range(4)]
        draw(generator, states, [rig] * 4)
        for state in states:
            state.close()
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated())
    assert held[1] == held[2]
