"""Makes one film: a prepared character makes the motion of its drivers, every frame, with their rate and sound.

`streamer.animate` and the page's films are made here; nothing is printed, and no command line is known.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing

import torch

from streamer.files.sound import Sound
from streamer.files.video_writer import open_recording
from streamer.film.film import Film, FilmCancelledError, FilmSummary
from streamer.film.footage import Footage
from streamer.film.performance import draw_all
from streamer.film.progress import FilmProgress, ProgressMeter
from streamer.generation.avatar import Avatar
from streamer.generation.pipeline import AvatarPipeline

# Of torch, which draws beside the thread that tracks: on two busy cores a second one made drawing eight times and the
# whole film three times slower, since each of its many small steps waits for both.
TORCH_THREADS = 1


def make_film(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    film: Film,
    report: Callable[[FilmProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FilmSummary:
    """Make one film. Blocks; may be called again with the same pipeline and avatar.

    report: called in this thread at the beginning, after each frame that was tracked or drawn, and before the file is
    finished. cancelled: asked as often; once it is true, FilmCancelledError is raised. What is held at once does not
    grow with the length of the film. Lets torch compute in TORCH_THREADS from now on.

    Raises KagamiError. On any error, and on Ctrl-C, nothing new is left on the disk.
    """
    torch.set_num_threads(TORCH_THREADS)
    driving = film.driving
    with ExitStack() as stack:
        footage = stack.enter_context(Footage(film, avatar))
        sound: Sound | None = None
        if driving.sound is not None:
            name = film.name or str(driving.sound)
            sound = stack.enter_context(Sound(driving.sound, film.clip, name, not driving.is_one_video))
        out = stack.enter_context(open_recording(film.out, footage.rate, film.alpha, sound, film.crf, film.replace))
        meter = ProgressMeter(footage.frames)

        def step() -> None:
            if cancelled():
                raise FilmCancelledError
            report(meter.progress())

        def on_tracked() -> None:
            meter.tracked += 1
            step()

        step()
        motions = footage.motions(on_tracked)
        seconds = 0.0
        drawn = draw_all(pipeline, avatar, motions, film.controls, film.backdrop, footage.additions)
        with closing(drawn) as frames:
            for frame in frames:
                out.write(frame)
                meter.drawn += 1
                seconds = frame.captured + float(1 / footage.rate)
                step()
        if sound is not None and not driving.is_one_video:
            sound.cut(seconds)
        meter.finishing = True
        step()
    return FilmSummary(meter.drawn, seconds, footage.notes)
