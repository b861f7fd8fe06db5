"""Generators with one input removed."""

import numpy as np
import pytest
import torch

from benchmarks.evaluation.ablated_generators import GreyInputs, GreyTransformerInput, WithoutPastFrames
from benchmarks.evaluation.eval_pipeline import EvalPipeline, animate
from models.sampler import Focus
from streamer.generation.generator import GeometryGenerator, Reference, State
from streamer.tracking.motion import Motion
from tests.support.faces import drawn_face


class HistoryState(State):
    """A state whose past frames can be read."""

    def __init__(self, reference):
        super().__init__(reference)
        self.past = []

    def reset(self):
        self.past.clear()


class RecordingGenerator(GeometryGenerator):
    """Draws the warp, and records (state, number of past frames, rig) of each call."""

    def __init__(self):
        self.calls = []

    def encode_reference(self, rig, views=()):
        return Reference(Focus.of(rig, 64))

    def at_rest(self, reference, rig, pose, guidance):
        return [None]

    def open(self, reference):
        return HistoryState(reference)

    def predict(self, states, rig, *rest):
        self.calls.append((states[0], len(states[0].past), rig))
        states[0].past.append("a frame")


@pytest.fixture
def rig():
    return drawn_face(size=128)


def still(rig):
    return Motion.still(rig.face[0].numpy(), rig.body[0].numpy())


def picture(rig):
    return (rig.image[0].permute(1, 2, 0).numpy() * 255).round()


def test_without_past_frames_the_state_is_always_empty(rig):
    generator = RecordingGenerator()
    animate(EvalPipeline(generator, size=128), rig, [still(rig)] * 3)
    assert [past for _, past, _ in generator.calls] == [0, 1, 2]
    without = RecordingGenerator()
    animate(EvalPipeline(WithoutPastFrames(without), size=128), rig, [still(rig)] * 3)
    assert [past for _, past, _ in without.calls] == [0, 0, 0]


def test_grey_inputs_are_composited_over_the_true_warp(rig):
    generator = RecordingGenerator()
    drawn = animate(EvalPipeline(GreyInputs(generator), size=128), rig, [still(rig)])
    state, _, given_rig = generator.calls[0]
    assert (state.reference.focus.picture == 0.5).all() and (given_rig.image == 0.5).all()
    assert not torch.equal(
        state.reference.focus.person.head[:, :3], torch.full_like(state.reference.focus.person.head[:, :3], 0.5)
    )
    assert np.abs(drawn[0] - picture(rig)).max() <= 2


def test_grey_transformer_input_leaves_the_close_ups_their_picture(rig):
    generator = RecordingGenerator()
    animate(EvalPipeline(GreyTransformerInput(generator), size=128), rig, [still(rig)])
    state, _, given_rig = generator.calls[0]
    assert (state.reference.focus.picture == 0.5).all() and torch.equal(given_rig.image, rig.image)
