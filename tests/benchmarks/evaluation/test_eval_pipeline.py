"""The pipeline for measuring, and generators that lack a part."""

import numpy as np
import pytest
import torch

from benchmarks.evaluation.eval_pipeline import Artist, Blind, Blindfolded, Forgetful, animate
from models.sampler import Focus
from streamer.generation.generator import GeometryGenerator, Reference, State
from streamer.tracking.motion import Motion
from tests.support.faces import drawn_face


class Diary(State):
    """A memory that can be read."""

    def __init__(self, reference):
        super().__init__(reference)
        self.past = []

    def reset(self):
        self.past.clear()


class Spy(GeometryGenerator):
    """Draws the warp, and notes what it was given."""

    def __init__(self):
        self.seen = []

    def encode_reference(self, rig):
        return Reference(Focus.of(rig, 64))

    def open(self, reference):
        return Diary(reference)

    def predict(self, states, rig, *rest):
        self.seen.append((states[0], len(states[0].past), rig))
        states[0].past.append("a frame")


@pytest.fixture
def rig():
    return drawn_face(size=128)


def still(rig):
    return Motion.still(rig.face[0].numpy(), rig.body[0].numpy())


def picture(rig):
    return (rig.image[0].permute(1, 2, 0).numpy() * 255).round()


def test_an_artist_draws_a_rig_that_is_at_hand(rig):
    drawn = animate(Artist(GeometryGenerator(), size=128), rig, [still(rig)] * 2)
    assert len(drawn) == 2 and drawn[0].shape == (128, 128, 3)
    assert np.abs(drawn[1] - picture(rig)).max() <= 2


def test_the_forgetful_see_no_past(rig):
    spy = Spy()
    animate(Artist(spy, size=128), rig, [still(rig)] * 3)
    assert [past for _, past, _ in spy.seen] == [0, 1, 2]
    forgets = Spy()
    animate(Artist(Forgetful(forgets), size=128), rig, [still(rig)] * 3)
    assert [past for _, past, _ in forgets.seen] == [0, 0, 0]


def test_the_blindfolded_see_grey_and_draw_over_the_true_warp(rig):
    spy = Spy()
    drawn = animate(Artist(Blindfolded(spy), size=128), rig, [still(rig)])
    state, _, seen = spy.seen[0]
    assert (state.reference.focus.picture == 0.5).all() and (seen.image == 0.5).all()
    assert not torch.equal(state.reference.focus.layer[:, :3], torch.full_like(state.reference.focus.layer[:, :3], 0.5))
    assert np.abs(drawn[0] - picture(rig)).max() <= 2


def test_blind_is_the_transformer_alone(rig):
    spy = Spy()
    animate(Artist(Blind(spy), size=128), rig, [still(rig)])
    state, _, seen = spy.seen[0]
    assert (state.reference.focus.picture == 0.5).all() and torch.equal(seen.image, rig.image)
