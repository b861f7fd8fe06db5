"""The stream of batches rendered on a device: the CPU's samples, in any order and number at a time."""

from __future__ import annotations

import pickle
from itertools import islice

import numpy as np
import pytest
import torch

from tests.support.devices import CUDA
from tests.support.kits import BODYKIT, FACEKIT, needs_bodykit, needs_facekit

pytestmark = [needs_facekit, pytest.mark.timeout(600)]  # the machine may be busy
SIZE = 64


@pytest.fixture(scope="module")
def plans():
    from training.data.device_samples import PlanStream  # noqa: PLC0415
    from training.data.samples import SAMPLES_PER_CHARACTER  # noqa: PLC0415

    return PlanStream(FACEKIT, seed=11, size=SIZE, per_character=SAMPLES_PER_CHARACTER, per_scene=1)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_device_stream_matches_the_sample_stream(plans, device):
    from training.data.device_samples import DeviceStream, PlanBatch  # noqa: PLC0415
    from training.data.samples import SampleStream  # noqa: PLC0415

    plan = plans.plan(2)
    number = [3, 0]
    stream = DeviceStream(plans, device, batch=2, mix=2)
    batch = stream.draw(PlanBatch.gather([plan], device), number)
    assert {value.device.type for value in batch.values()} == {device}
    one_by_one = SampleStream(plans.studio, seed=11, size=SIZE)
    for n, k in enumerate(number):
        sample = one_by_one.sample(2 * plans.per_character + k)
        got = {name: value[n].cpu().numpy() for name, value in batch.items()}
        assert {name: (value.shape, value.dtype) for name, value in got.items()} == {
            name: (value.shape, value.dtype) for name, value in sample.items()
        }
        quiet = plan.scenes[plan.scene_index[k]].lens.noise == 0
        for name, value in sample.items():
            gap = np.abs(got[name].astype(float) - value)
            if name.endswith("image"):
                coded = plan.scenes[plan.scene_index[k]].lens.jpeg_quality > 0
                assert np.median(gap) <= (1 if quiet and not coded else 6), name
            elif name.endswith(("face", "face_true", "body")):
                if quiet or not name.endswith("_face"):
                    assert gap.max() < 1e-3, name
            else:
                assert (gap <= (1 if value.dtype == np.uint8 and not name.endswith("label") else 1e-3)).mean() > 0.995


@needs_bodykit
@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_device_stream_leaves_out_the_limbs_that_the_sample_stream_does(device):
    from training.data.device_samples import DeviceStream, PlanBatch, PlanStream  # noqa: PLC0415
    from training.data.samples import SampleStream  # noqa: PLC0415

    plans = PlanStream(FACEKIT, seed=77, size=SIZE, per_character=1, per_scene=1, bodykit=BODYKIT)
    batch = DeviceStream(plans, device, batch=1, mix=1).draw(PlanBatch.gather([plans.plan(0)], device), [0])
    sample = SampleStream(plans.studio, seed=77, size=SIZE).sample(0)
    assert set(batch) == set(sample) and sample["ref_limb_shown"].any()
    for name in ("ref_limb_shown", "ref_limb_radii", "ref_matte", "target_matte", "flow", "visible"):
        gap = np.abs(batch[name][0].cpu().numpy().astype(float) - sample[name])
        assert (gap <= 1e-3 + (name.endswith(("matte", "visible")))).mean() > 0.995, name


def test_device_stream_mixes_characters_and_is_reproducible(plans):
    from training.data.device_samples import DeviceStream  # noqa: PLC0415

    stream, once = (DeviceStream(plans, "cpu", batch=10, mix=2, turns=turns) for turns in (2, 1))
    (first, second), again = islice(stream, 2), next(iter(once))
    for name, value in first.items():
        assert torch.equal(value, again[name]), name
    assert first["target_image"].shape == (10, 2, 3, SIZE, SIZE)
    # In the second turn the same motion is another character's.
    kinds = [sorted(batch["kind"].tolist()) for batch in (first, second)]
    assert kinds[0] == kinds[1]
    leans = [batch["ref_body"][:, 23, 0].sort().values for batch in (first, second)]  # hips: of no character's shape
    torch.testing.assert_close(*leans, atol=1e-5, rtol=0)
    heads = [batch["ref_face_true"].mean((1, 2)).sort().values for batch in (first, second)]
    assert not torch.allclose(*heads, atol=1e-3)


def test_plan_stream_shares_scenes_between_per_scene_samples(plans):
    from training.data.device_samples import PlanStream  # noqa: PLC0415

    plan = PlanStream(plans.studio, seed=11, size=SIZE, per_character=5, per_scene=3).plan(0)
    assert plan.scene_index == [0, 0, 0, 1, 1] and len(plan.scenes) == 2
    assert plan.landmark_error.shape == (5, 3, 478, 3) and plan.kind.shape == (5,)
    sent = pickle.loads(pickle.dumps(plan))  # as a worker sends it
    np.testing.assert_array_equal(sent.figure.rest, plan.figure.rest)


def test_device_stream_refuses_a_batch_that_does_not_divide_the_mix(plans):
    from training.data.device_samples import DeviceStream  # noqa: PLC0415

    with pytest.raises(ValueError, match="a batch of 3 does not divide 2 · 5 = 10 samples"):
        DeviceStream(plans, "cpu", batch=3, mix=2)
    with pytest.raises(ValueError, match=r"turns must be 1\.\.2, the number of characters that are mixed, got 3"):
        DeviceStream(plans, "cpu", batch=5, mix=2, turns=3)
