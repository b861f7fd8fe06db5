"""The close-up networks: small, and harmless before they are trained."""

import pytest
import torch

from models.closeups.inputs import make_references
from models.closeups.lids import may_be_shut, open_shares
from models.closeups.patches import make_patches
from models.closeups.refiner import Closeups
from models.compositor import compose
from models.config import PRESETS, ModelConfig
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose
from tests.support.closeups import SMALL, at_rest, closeups_at_rest
from tests.support.faces import drawn_face


@torch.inference_mode()
def test_closeups_untrained_almost_keep_the_picture() -> None:
    rig = drawn_face(128)
    mouth, eyes = closeups_at_rest(rig)
    network = Closeups(SMALL).eval()
    outputs = network(mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)
    references = make_references(rig.image, rig.face, rig.head, SMALL)
    patches = make_patches(
        mouth, eyes, outputs, references, at_rest(rig), rest_pose(rig).mouth, may_be_shut(open_shares(eyes))
    )
    assert [patch.edit.keep.shape[-1] for patch in patches] == [32, 16, 16]
    guidance = make_guidance(rig, rest_pose(rig))
    plain, refined = (compose(rig, guidance, None, None, some) for some in ((), patches))
    assert float((plain - refined).abs().max()) < 0.08


def test_closeups_of_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="close-ups must have sides divisible by 8, got 90 and 48"):
        ModelConfig(mouth_side=90)


def test_closeups_of_presets_are_small() -> None:
    for config in PRESETS.values():
        assert sum(p.numel() for p in Closeups(config).parameters()) < 3_000_000
