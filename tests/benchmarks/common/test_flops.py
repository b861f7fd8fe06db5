"""Operations are counted by what runs."""

from benchmarks.common.flops import flops_per_frame
from tests.support.faces import drawn_face
from tests.support.networks import small_network


def test_two_steps_cost_twice_the_transformer() -> None:
    network, rig = small_network(), drawn_face(128)
    one, two, three = (flops_per_frame(network, rig, steps) for steps in (1, 2, 3))
    assert 0 < one < two < 2 * one  # close-ups look once
    assert three - two == two - one
