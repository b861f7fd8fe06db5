"""Operations of the network, counted."""

from benchmarks.common.flops import flops_per_frame
from tests.support.faces import drawn_face
from tests.support.networks import small_network


def test_each_step_costs_one_transformer_pass() -> None:
    network, rig = small_network(), drawn_face(128)
    one, two, three = (flops_per_frame(network, rig, steps) for steps in (1, 2, 3))
    assert 0 < one < two < 2 * one  # close-ups run once
    assert three - two == two - one
