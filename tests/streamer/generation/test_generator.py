"""Generators: ONNX Runtime predicts what torch predicts, over more frames than the ring holds; and live pacing."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.checkpoint import load, save
from models.closeups.patches import CloseupEdit
from models.dit import CausalDiT, Edit
from models.geometry.guidance import make_guidance
from models.geometry.openings import EYES, lid_pairs
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from models.geometry.topology import INNER_LIPS
from models.geometry.views import View
from models.sampler import sample_edit
from streamer.effort import FULL
from streamer.generation.factory import GeneratorError, make_generator
from streamer.generation.generator import GeometryGenerator, NetworkGenerator, Prediction
from streamer.generation.onnx_generator import OnnxGenerator, propagate_edit, thread_counts
from streamer.generation.tensor_tree import iter_tensors
from streamer.generation.torch_generator import TorchGenerator
from streamer.generation.weights_file import shipped_weights
from tests.support.drivers import lids_at
from tests.support.faces import drawn_face
from tests.support.networks import SMALL, small_network

CPU = torch.device("cpu")
LOWER_LIP_MIDDLE = list(INNER_LIPS[14:17])


@pytest.fixture(scope="module")
def network() -> CausalDiT:
    return small_network()


@pytest.fixture(scope="module")
def rig() -> Rig:
    return drawn_face(256)


@pytest.mark.parametrize("steps", [1, 2])
@torch.inference_mode()
def test_onnx_equals_torch(network: CausalDiT, rig: Rig, steps: int) -> None:
    generators = [OnnxGenerator(network, CPU, steps, int8=False), TorchGenerator(network, CPU, steps)]
    states = [generator.open(generator.encode_reference(rig)) for generator in generators]
    pose = rest_pose(rig)
    for _ in range(4):
        onnx, torch_ = (
            g.predict([s], rig, pose, make_guidance(rig, pose)) for g, s in zip(generators, states, strict=True)
        )
        assert onnx is not None and torch_ is not None
        for field in fields(Edit):
            assert torch.allclose(getattr(onnx.edit, field.name), getattr(torch_.edit, field.name), atol=2e-4)
        for mine, yours in zip(onnx.patches, torch_.patches, strict=True):
            for field in fields(CloseupEdit):
                assert torch.allclose(getattr(mine.edit, field.name), getattr(yours.edit, field.name), atol=2e-4)


@pytest.mark.parametrize("whole", [False, True])
@torch.inference_mode()
def test_recorded_closeups_are_those_of_all_devices(network: CausalDiT, rig: Rig, whole: bool) -> None:
    generator = OnnxGenerator(network, CPU, 1, int8=False)
    state = generator.open(generator.encode_reference(rig))
    rest = rest_pose(rig)
    for lids, lips in ((1.0, 0.0), (0.1, 0.05), (0.6, 0.02)):  # rest; shut, and an open mouth; between
        face = lids_at(lids) * rig.head.scale
        face[:, LOWER_LIP_MIDDLE, 1] += lips
        eyes = torch.tensor([[[lids, 0.02, 0.0, 1.0], [lids, 0.02, 0.0, 1.0]]]) if whole else rest.whole_eyes
        pose = replace(
            rest, face=face, mouth=torch.full_like(rest.mouth, 0.4), whole_eyes=eyes, tongue=torch.tensor([10 * lips])
        )
        guidance = make_guidance(rig, pose)
        state.reset()
        mine = generator.predict([state], rig, pose, guidance)
        state.reset()
        theirs = NetworkGenerator.predict(generator, [state], rig, pose, guidance)
        assert len(mine.patches) == len(theirs.patches) == (5 if whole else 3) + (lips > 0)
        for one, other in zip(iter_tensors(mine), iter_tensors(theirs), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


@torch.inference_mode()
def test_8_bit_products_predict_nearly_the_same(network: CausalDiT, rig: Rig) -> None:
    generators = [OnnxGenerator(network, CPU, 1, int8=int8) for int8 in (True, False)]
    pose = rest_pose(rig)
    coarse, exact = (
        g.predict([g.open(g.encode_reference(rig))], rig, pose, make_guidance(rig, pose)) for g in generators
    )
    assert coarse is not None and exact is not None
    assert not torch.equal(coarse.edit.paint, exact.edit.paint)
    for field in fields(Edit):
        assert torch.allclose(getattr(coarse.edit, field.name), getattr(exact.edit, field.name), atol=2e-2)


@pytest.mark.parametrize("make", [OnnxGenerator, TorchGenerator])
@torch.inference_mode()
def test_state_reset_drops_the_past_frames(network: CausalDiT, rig: Rig, make: type) -> None:
    generator = make(network, CPU, 1)
    state = generator.open(generator.encode_reference(rig))
    pose = rest_pose(rig)
    first, second = (generator.predict([state], rig, pose, make_guidance(rig, pose)).edit.paint for _ in range(2))
    state.reset()
    again = generator.predict([state], rig, pose, make_guidance(rig, pose)).edit.paint
    assert torch.allclose(first, again, atol=1e-5) and not torch.allclose(second, again, atol=1e-5)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@torch.inference_mode()
def test_shipped_weights_in_8_bits_predict_nearly_the_same(rig: Rig, device: str) -> None:
    network = load(shipped_weights(device))
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in network.modules())
    assert len(network.ranges) == convolutions - 3  # the three output convolutions stay in float32
    pose = rest_pose(rig)
    opened = rig.face.clone()
    opened[:, LOWER_LIP_MIDDLE, 1] += 0.05
    now = replace(pose, face=opened)
    coarse, exact = (
        g.predict([g.open(g.encode_reference(rig))], rig, now, make_guidance(rig, now))
        for g in (OnnxGenerator(network, CPU, 1, int8=int8) for int8 in (True, False))
    )
    pairs = [(coarse.edit, exact.edit), *((a.edit, b.edit) for a, b in zip(coarse.patches, exact.patches, strict=True))]
    for mine, yours in pairs:
        for name in ("flow", "keep", "paint"):
            assert (getattr(mine, name) - getattr(yours, name)).abs().mean() < 0.02


def test_geometry_generator_draws_nothing_at_rest_and_by_rule_what_opens_and_shuts(rig: Rig) -> None:
    generator, rest = GeometryGenerator(), rest_pose(rig)
    state = generator.open(generator.encode_reference(rig))

    def predicted(face: Tensor) -> Prediction | None:
        pose = replace(rest, face=face, local=rig.head.inverse(face))
        return generator.predict([state], rig, pose, make_guidance(rig, pose))

    assert predicted(rig.face) is None
    opened, shut = rig.face.clone(), rig.face.clone()
    opened[:, LOWER_LIP_MIDDLE, 1] += 0.05
    for ring, _ in EYES:
        upper, lower = (list(lid) for lid in lid_pairs(ring))
        shut[:, upper] = shut[:, lower]
    mouth, eyes = predicted(opened), predicted(shut)
    assert mouth is not None and mouth.edit is None and len(mouth.patches) == 1
    assert float(mouth.patches[0].edit.keep.amin()) < 0.1
    tongue = generator.predict([state], rig, replace(rest, tongue=torch.ones(1)), make_guidance(rig, rest))
    assert tongue is not None and tongue.edit is None and len(tongue.patches) == 1
    assert eyes is not None and len(eyes.patches) == 2
    assert all(float(patch.edit.keep.amin()) < 0.1 for patch in eyes.patches)


def test_predictions_at_rest_have_every_form_that_frames_of_the_geometry_may_have(rig: Rig) -> None:
    generator, rest = GeometryGenerator(), rest_pose(rig)
    forms = generator.at_rest(generator.encode_reference(rig), rig, rest, make_guidance(rig, rest))
    counts = sorted(0 if form is None else len(form.patches) for form in forms)
    assert counts == [0, 1, 1, 2, 2, 3, 3, 4]  # mouth or not, two eyes or none, a tongue or none


def test_make_generator_chooses_by_kind_and_raises_one_sentence(network: CausalDiT, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save(network, path)
    assert isinstance(make_generator("dit", CPU, path), OnnxGenerator)
    assert isinstance(make_generator("geometry", CPU), GeometryGenerator)
    with pytest.raises(GeneratorError, match="is not there; train one with"):
        make_generator("dit", CPU, tmp_path / "none.safetensors")


def test_sampler_refuses_0_steps() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        sample_edit(None, None, None, None, 0)  # type: ignore[arg-type]


class ManualThread:
    """In place of the thread pool: jobs run when `catch_up` is called."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, job: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((future, partial(job, *arguments)))
        return future

    def catch_up(self) -> None:
        for future, job in self.jobs:
            future.set_result(job())
        self.jobs.clear()


@torch.inference_mode()
def test_live_only_the_first_frame_waits_for_the_transformer(network: CausalDiT, rig: Rig) -> None:
    generator = OnnxGenerator(network, CPU, 1, live=True)
    generator._transformer_thread = thread = ManualThread()  # type: ignore[assignment]
    state = generator.open(generator.encode_reference(rig))
    pose = rest_pose(rig)
    flows = []
    for _ in range(4):
        flows.append(generator.predict([state], rig, pose, make_guidance(rig, pose)).edit.flow)
        if len(flows) == 3:
            assert len(thread.jobs) == 1  # one run at a time
            thread.catch_up()
    assert torch.allclose(flows[0], flows[2], atol=1e-6)  # the first frame's edit, propagated
    assert not torch.allclose(flows[0], flows[3], atol=1e-6)  # a new edit, predicted with a past frame


@pytest.mark.parametrize(("duty", "pause"), [(1 / 3, 4), (1 / 4, 6)])
@torch.inference_mode()
def test_live_transformer_pauses_as_long_as_the_effort_demands(
    network: CausalDiT, rig: Rig, duty: float, pause: int
) -> None:
    now = 0.0
    generator = OnnxGenerator(network, CPU, 1, live=True, clock=lambda: now)
    generator._transformer_thread = thread = ManualThread()  # type: ignore[assignment]
    state = generator.open(generator.encode_reference(rig))
    state.effort = replace(FULL, transformer_duty=duty)
    pose = rest_pose(rig)
    pending = []
    for now in range(4 + 2 * pause):
        generator.predict([state], rig, pose, make_guidance(rig, pose))
        pending.append(len(thread.jobs))
        if now % (2 + pause) == 1:
            thread.catch_up()  # done at 2 after 2
    assert pending == [*[1, 1], *[0] * pause] * 2


@pytest.mark.parametrize(("cores", "transformer", "closeups"), [(1, 1, 1), (2, 1, 1), (4, 2, 2), (8, 4, 4), (16, 8, 4)])
def test_thread_counts_live_never_exceed_the_cores(cores: int, transformer: int, closeups: int) -> None:
    assert thread_counts(cores, live=True) == (transformer, closeups)
    assert thread_counts(cores, live=False) == (cores, cores)


@torch.inference_mode()
def test_live_transformer_error_is_raised_by_the_next_frame(network: CausalDiT, rig: Rig) -> None:
    generator = OnnxGenerator(network, CPU, 1, live=True)
    state = generator.open(generator.encode_reference(rig))
    pose = rest_pose(rig)
    generator.predict([state], rig, pose, make_guidance(rig, pose))
    state.pending = Future()
    state.pending.set_exception(RuntimeError("no"))
    with pytest.raises(RuntimeError, match="no"):
        generator.predict([state], rig, pose, make_guidance(rig, pose))


@pytest.mark.parametrize(("period", "runs"), [(1, 6), (2, 3), (3, 2)])
@torch.inference_mode()
def test_closeups_run_for_every_frame_that_the_effort_allows(
    network: CausalDiT, rig: Rig, monkeypatch: pytest.MonkeyPatch, period: int, runs: int
) -> None:
    generator, done = OnnxGenerator(network, CPU, 1, live=True), []
    state, run = generator.open(generator.encode_reference(rig)), generator._run_closeups
    monkeypatch.setattr(generator, "_run_closeups", lambda *inputs: done.append(1) or run(*inputs))
    state.effort = replace(FULL, closeup_period=period)
    pose = rest_pose(rig)
    for _ in range(6):
        generator.predict([state], rig, pose, make_guidance(rig, pose))
    assert len(done) == runs


@torch.inference_mode()
def test_closeups_follow_each_frame(network: CausalDiT, rig: Rig) -> None:
    generator = OnnxGenerator(network, CPU, 1, live=True)
    state = generator.open(generator.encode_reference(rig))
    pose = rest_pose(rig)
    opened = rig.face.clone()
    opened[:, LOWER_LIP_MIDDLE, 1] += 0.05
    paint = []
    for face in (rig.face, opened, rig.face):
        now = replace(pose, face=face)
        paint.append(generator.predict([state], rig, now, make_guidance(rig, now)).patches[0].edit.paint)
    assert not torch.equal(paint[0], paint[1])
    assert torch.allclose(paint[2], paint[0], atol=1e-5)


def test_propagate_edit_follows_the_flow_and_drops_the_paint() -> None:
    flow = torch.zeros(1, 2, 128, 128)
    flow[..., 60:68, 60:68] = 0.3
    edit = Edit(flow, torch.zeros(1, 1, 128, 128), torch.zeros(1, 3, 128, 128), flow[:, :1])
    still, right = torch.zeros(1, 2, 128, 128), torch.zeros(1, 2, 128, 128)
    right[:, 0] = -2 * 10 / 128  # shown ten cells further right, so taken from ten cells to the left
    carried = propagate_edit(edit, still, right)
    assert torch.allclose(carried.flow[..., 70:78], flow[..., 60:68], atol=1e-4)
    assert torch.allclose(carried.alpha[..., 70:78], flow[:, :1, :, 60:68], atol=1e-4)
    assert float(carried.keep.min()) == 1


@torch.inference_mode()
def test_views_fill_the_reference_slots_by_turns_as_far_as_the_network_has_them(rig: Rig) -> None:
    views = [View(drawn_face(256, scale).image, rig.matte, rig.face) for scale in (0.2, 0.24)]
    tokens = SMALL.tokens

    def slots(references: int, *given: View) -> list[torch.Tensor]:
        generator = TorchGenerator(small_network(replace(SMALL, references=references)), CPU, 1)
        keys = generator.encode_reference(rig, given).keys
        assert keys is not None and keys.shape[3] == references * tokens
        return list(keys.split(tokens, 3))

    first, second, third, fourth = slots(4, *views)
    assert torch.equal(fourth, first)
    assert not torch.equal(first, second) and not torch.equal(second, third) and not torch.equal(first, third)
    assert torch.equal(second, slots(4, views[0])[1]) and torch.equal(second, slots(4, views[0])[3])
    assert all(torch.equal(slot, first) for slot in slots(4)), "one picture fills all slots"
    assert torch.equal(slots(1, *views)[0], slots(1)[0]), "a network with one slot takes the first picture alone"


@pytest.mark.parametrize("kind", [OnnxGenerator, TorchGenerator])
@torch.inference_mode()
def test_second_view_changes_what_a_network_of_several_references_draws(kind: type, rig: Rig) -> None:
    generator = kind(small_network(replace(SMALL, references=4)), CPU, 1)
    pose, view = rest_pose(rig), View(drawn_face(256, 0.2).image, rig.matte, rig.face)
    alone, both = (
        generator.predict([generator.open(reference)], rig, pose, make_guidance(rig, pose)).edit.paint.clone()
        for reference in (generator.encode_reference(rig), generator.encode_reference(rig, [view]))
    )
    assert not torch.allclose(alone, both, atol=1e-4)
