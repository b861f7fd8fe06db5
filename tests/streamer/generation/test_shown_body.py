"""Which parts of a body a prepared picture shows."""

import torch

from models.geometry.body import LEFT_ELBOW, RIGHT_WRIST
from streamer.generation.avatar import shown_body
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody
from tests.support.bodies import drawn_figure
from tests.support.faces import drawn_face


def test_a_portrait_shows_no_limbs_and_a_figure_all() -> None:
    assert shown_body(drawn_face(64)) == ShownBody(limbs=False, hands=False)
    assert shown_body(drawn_figure(64)) == WHOLE_BODY


def test_joints_count_where_they_are_seen_inside_the_picture() -> None:
    rig = drawn_face(64)
    rig.body[0, LEFT_ELBOW] = torch.tensor([0.5, 0.9, 0.0, 0.9])
    assert shown_body(rig) == ShownBody(limbs=True, hands=False)
    rig.body[0, LEFT_ELBOW, 1] = 1.1
    assert shown_body(rig) == ShownBody(limbs=False, hands=False)
    rig.body[0, RIGHT_WRIST] = torch.tensor([-0.5, 0.9, 0.0, 0.9])
    assert shown_body(rig) == WHOLE_BODY
