"""The matte follows an outline that the points bring."""

from streamer.rigging.points import Points
from streamer.rigging.rigger import make_rig
from tests.support.pictures import CAT_POINTS, cat


def test_character_matte_is_the_outline_of_the_points() -> None:
    box = [[60, 20], [300, 20], [300, 240], [60, 240]]
    matte = make_rig(cat(), 256, Points.parse({**CAT_POINTS, "outline": box}), "cpu").rig.matte[0, 0]
    assert matte[128, 128] > 0.95
    assert matte[128, 20] < 0.05
