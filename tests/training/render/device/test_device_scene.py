"""Rendering on a device against the CPU: the same pictures, ground truth and landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.devices import CUDA
from tests.support.kits import BODYKIT, FACEKIT, needs_bodykit, needs_facekit

every_device = pytest.mark.parametrize("device", ["cpu", CUDA])


@pytest.fixture(scope="module")
def people():
    """Two characters, one drawn with outlines, and a scene and acts for each."""
    from training.render.character.character import Character, Traits  # noqa: PLC0415
    from training.render.character.facekit import load_facekit  # noqa: PLC0415
    from training.render.character.studio import Studio  # noqa: PLC0415
    from training.render.scene.motion_tracks import ExpressionIndex, random_track  # noqa: PLC0415
    from training.render.scene.scene import random_scene  # noqa: PLC0415

    studio = Studio(load_facekit(FACEKIT))
    names = ExpressionIndex(studio.kit.expression_names)
    rows = []
    for n, style in enumerate(("skin", "line")):
        rng = np.random.default_rng([3, n])
        character = Character(studio, rng, Traits(style, "long" if n else "short", beard=n == 0, glasses=True))
        scene = random_scene(rng, 128)
        lens = replace(scene.lens, noise=0.0, jpeg_quality=0, blur=0.6 * n, saturation=1.0 - 0.3 * n, haze=0.1 * n)
        scene = replace(scene, lens=lens, shadow=0.5)
        track = random_track(rng, 40, names)
        rows += [(character, scene, track.act(frame)) for frame in (0, 39)]
    return rows


@needs_facekit
@pytest.mark.timeout(600)  # the machine may be busy
@every_device
def test_device_render_of_characters_matches_the_cpu(people, device):
    from training.render.device.device_scene import render_many  # noqa: PLC0415
    from training.render.labels.landmarks import LandmarkMap  # noqa: PLC0415

    characters, scenes, acts = (list(column) for column in zip(*people, strict=True))
    shots = render_many(characters, acts, scenes, device)
    assert {one.device.type for one in (shots.image, shots.matte, shots.label, shots.face, shots.body)} == {device}
    rng, landmarks = np.random.default_rng(0), LandmarkMap.load()
    for n, (character, scene, act) in enumerate(people):
        shot = scene.render(character, act, rng)
        same = shots.hits.triangle[n].cpu().numpy() == shot.hits.triangle
        assert same.mean() >= 0.999
        np.testing.assert_allclose(shots.screen[n, : len(shot.screen)].cpu(), shot.screen, atol=5e-3)
        assert (np.abs(shots.hits.weights[n].cpu().numpy() - shot.hits.weights).max(-1)[same] < 5e-3).mean() > 0.999
        gap = np.abs(shots.image[n].permute(1, 2, 0).cpu().numpy().astype(int) - shot.image).max(-1)
        assert (gap <= 2).mean() >= 0.997
        assert (shots.label[n].cpu().numpy() == shot.label).mean() >= 0.998
        assert (np.abs(shots.matte[n].cpu().numpy() - shot.matte) < 1e-3).mean() >= 0.998
        face = landmarks.face(character, act, scene.camera)
        np.testing.assert_allclose(shots.face[n].cpu(), face, atol=1e-4)
        np.testing.assert_allclose(shots.body[n].cpu(), landmarks.body(character, act, scene.camera, face), atol=2e-4)


@needs_facekit
def test_one_scene_serves_all_acts_and_wrong_lengths_are_refused(people):
    from training.render.device.device_scene import render_many  # noqa: PLC0415

    character, scene, act = people[0]
    both = render_many(character, [act, act], scene, "cpu")
    assert torch.equal(both.image[0], both.image[1])
    with pytest.raises(ValueError, match="3 characters and 2 scenes do not go with 2 acts"):
        render_many([character] * 3, [act, act], scene, "cpu")


@needs_facekit
@needs_bodykit
@pytest.mark.timeout(600)
@every_device
def test_device_render_of_a_body_matches_the_cpu(device):
    from training.render.character.bodykit import load_bodykit  # noqa: PLC0415
    from training.render.character.character import Character, Traits  # noqa: PLC0415
    from training.render.character.facekit import load_facekit  # noqa: PLC0415
    from training.render.character.studio import Studio  # noqa: PLC0415
    from training.render.device.device_scene import render_many  # noqa: PLC0415
    from training.render.labels.landmarks import LandmarkMap  # noqa: PLC0415
    from training.render.scene.motion_tracks import ExpressionIndex, random_track  # noqa: PLC0415
    from training.render.scene.scene import body_camera, random_scene  # noqa: PLC0415

    studio = Studio(load_facekit(FACEKIT), load_bodykit(BODYKIT))
    rng, landmarks = np.random.default_rng(9), LandmarkMap.load()
    character = Character(studio, rng, Traits("skin", "short"))
    scene = replace(random_scene(rng, 128), camera=body_camera(rng, 14.5 - character.body.floor, whole=True))
    track = random_track(rng, 50, ExpressionIndex(studio.kit.expression_names))
    acts = [track.act(frame) for frame in (0, 30)]
    shots = render_many(character, acts, scene, device)
    for n, act in enumerate(acts):
        shot = scene.render(character, act, rng)
        np.testing.assert_allclose(shots.screen[n].cpu(), shot.screen, atol=5e-3)
        assert (shots.hits.triangle[n].cpu().numpy() == shot.hits.triangle).mean() >= 0.999
        face = landmarks.face(character, act, scene.camera)
        np.testing.assert_allclose(shots.body[n].cpu(), landmarks.body(character, act, scene.camera, face), atol=2e-4)
        hands = landmarks.hands(character, act, scene.camera, shot.hits)
        np.testing.assert_allclose(shots.hands[n].cpu(), hands, atol=2e-4)
