"""A cut, a moved camera and another person are other scenes; whoever moves, leaves or comes back is not."""

import cv2
import numpy as np
import pytest

from streamer.tracking.image_points import to_pixels
from streamer.tracking.scene_tracker import ABSENT_S, FACE_FRAMES, STILL_S, SceneTracker
from tests.support.people import STEP, person

HEIGHT, WIDTH = 144, 192


def room(seed):
    """A textured background (HEIGHT, 2 * WIDTH, 3)."""
    noise = np.random.default_rng(seed).normal(0, 1, (HEIGHT // 24, WIDTH // 12, 3))
    soft = cv2.resize(noise, (2 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 45 * soft, 0, 255).astype(np.uint8)


def skin(seed):
    return np.random.default_rng(100 + seed).normal(0, 1, (6, 6, 3))


def picture(background, motion, who=0, left=0, gain=1.0):
    """A face with its own pattern before a background, of which WIDTH columns from `left` on are seen."""
    rgb = background[:, left : left + WIDTH].copy()
    places = to_pixels(motion.face[:, :2], rgb.shape)
    low, high = np.floor(places.min(0)).astype(int), np.ceil(places.max(0)).astype(int)
    margin = (high - low) // 4  # of hair
    low, high = low - margin, high + margin
    low, high = np.maximum(low, 0), np.minimum(high, (WIDTH - 1, HEIGHT - 1))
    pattern = cv2.resize(skin(who), tuple((high - low + 1).tolist()), interpolation=cv2.INTER_CUBIC)
    rgb[low[1] : high[1] + 1, low[0] : high[0] + 1] = np.clip(140 + 40 * pattern, 0, 255)
    return np.clip(rgb * gain, 0, 255).astype(np.uint8)


class Camera:
    """Feeds a SceneTracker with pictures, STEP seconds apart."""

    def __init__(self):
        self.tracker, self.at = SceneTracker(), 0.0

    def show(self, background, count=1, shift=(0.0, 0.0, 0.0), who=0, left=0, gain=1.0):
        for _ in range(count):
            motion = person(self.at, shift=shift)
            rgb = picture(background, motion, who, left, gain)
            scene = self.tracker.track(rgb, self.at, motion.face)
            self.at += STEP
        return scene

    def leave(self, seconds):
        for _ in range(round(seconds / STEP)):
            scene = self.tracker.track(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), self.at, None)
            self.at += STEP
        return scene


def test_a_cut_is_another_scene_from_its_first_frame_on():
    camera = Camera()
    assert camera.show(room(0), 10) == 0
    assert camera.show(room(1)) == 1
    assert camera.show(room(1), 40) == 1


def test_a_cut_before_one_wall_is_told_by_the_jump_of_the_face():
    wall, camera = np.full((HEIGHT, 2 * WIDTH, 3), 120, np.uint8), Camera()
    camera.show(wall, 10, shift=(-0.5, 0, 0))
    assert camera.show(wall, 10, shift=(0.4, 0, 0)) == 1


def test_someone_who_fills_much_of_a_picture_and_moves_fast_before_a_pale_wall_is_in_the_same_scene():
    """The correlation of such pictures falls below that of a cut."""
    tracker, wall = SceneTracker(), np.full((HEIGHT, WIDTH, 3), 230, np.uint8)
    for i, at in enumerate(np.linspace(-0.6, 0.3, 6)):
        motion = person(0.1 * i, shift=(float(at), 0, 0))
        rgb, (x, y) = wall.copy(), to_pixels(motion.face[:, :2], wall.shape).mean(0).astype(int)
        rgb[max(y - 20, 0) :, max(x - 12, 0) : x + 12] = 40
        assert tracker.track(rgb, 0.1 * i, motion.face) == 0


@pytest.mark.parametrize("other", [False, True])
def test_a_cut_to_somebody_else_before_the_same_pale_wall_is_told_by_their_face(other):
    """Most of the picture stays as it was, and the face does not jump; what changes beside it may be an arm."""
    tracker, wall = SceneTracker(), np.full((HEIGHT, WIDTH, 3), 230, np.uint8)
    scenes = []
    for i in range(20 + FACE_FRAMES):
        motion = person(i * STEP)
        who = int(other and i >= 20)
        rgb = picture(wall, motion, who)
        left = 20 if i < 20 else WIDTH - 36
        rgb[HEIGHT // 3 :, left : left + 16] = 40
        scenes.append(tracker.track(rgb, i * STEP, motion.face))
    assert scenes[:-1] == [0] * (len(scenes) - 1)
    assert scenes[-1] == int(other)


def test_blurred_face_of_somebody_who_moves_fast_is_not_compared():
    """A large change starts the comparison of faces; while they blur it waits, and then finds the same person."""
    tracker, wall, scenes = SceneTracker(), np.full((HEIGHT, WIDTH, 3), 230, np.uint8), []
    for i in range(20 + 6 + 2 * FACE_FRAMES):
        is_fast = 20 <= i < 26 + FACE_FRAMES
        motion = person(i * STEP, shift=(0.04 * (-1) ** i if is_fast else 0, 0, 0))
        rgb = picture(wall, motion)
        if is_fast:
            places = to_pixels(motion.face[:, :2], rgb.shape).astype(int)
            (left, top), (right, bottom) = places.min(0), places.max(0)
            face = rgb[top:bottom, left:right]
            rgb[top:bottom, left:right] = cv2.blur(face, (51, 1), borderType=cv2.BORDER_REPLICATE)
        left = 20 if i < 20 else WIDTH - 36
        rgb[HEIGHT // 3 :, left : left + 16] = 40
        scenes.append(tracker.track(rgb, i * STEP, motion.face))
    assert scenes == [0] * len(scenes)


def test_someone_who_moves_is_in_the_same_scene():
    camera = Camera()
    for i in range(60):
        scene = camera.show(room(0), shift=(0.3 * np.sin(i / 5), 0, 0), gain=1 - 0.5 * (i > 30))
    assert scene == 0  # also when the light goes half out


def test_a_camera_that_is_turned_shows_another_scene_when_it_rests():
    background, camera = room(0), Camera()
    camera.show(background, 20)
    for left in range(0, WIDTH, 4):
        assert camera.show(background, left=left, shift=(-left / WIDTH * 0.6, 0, 0)) == 0
    end = WIDTH - 4
    assert camera.show(background, round(0.5 * STILL_S / STEP), left=end, shift=(-0.6, 0, 0)) == 0
    assert camera.show(background, round(STILL_S / STEP), left=end, shift=(-0.6, 0, 0)) == 1
    assert camera.show(background, round(3 * STILL_S / STEP), left=end, shift=(-0.6, 0, 0)) == 1


@pytest.mark.parametrize("seconds", [2 * STEP, 0.8, 3.0])
def test_who_comes_back_is_in_the_same_scene(seconds):
    camera = Camera()
    camera.show(room(0), 20)
    camera.leave(seconds)
    assert camera.show(room(0), 30, shift=(0.2, 0, 0)) == 0


def test_somebody_else_who_sits_down_is_another_scene_after_some_frames():
    camera = Camera()
    camera.show(room(0), 40)
    camera.leave(ABSENT_S + 1)
    assert camera.show(room(0), FACE_FRAMES - 1, who=1) == 0
    assert camera.show(room(0), 1, who=1) == 1
    assert camera.show(room(0), 40, who=1) == 1


def test_a_clip_without_a_face_has_one_scene():
    assert Camera().leave(2.0) == 0
