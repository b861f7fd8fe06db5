"""Makes the planned films one after the other: generator and picture are prepared once."""

from __future__ import annotations

from functools import partial

from streamer.errors import KagamiError
from streamer.film.film import Film, FilmSummary
from streamer.film.film_maker import make_film
from streamer.film.job import Job
from streamer.film.plan import Plan, PlannedFilm
from streamer.film.progress_lines import ProgressLines
from streamer.generation.controls import Controls
from streamer.generation.device import choose_device
from streamer.generation.factory import make_pipeline
from streamer.options import parse_bones, parse_colour, say_duration
from streamer.rigging.points import Points
from streamer.sources.mood_reading import read_mood
from streamer.sources.script import EMPTY_SCRIPT, Script

PREPARING = "usually 3 s"


def make_films(job: Job, plan: Plan, lines: ProgressLines) -> int:
    """Make all films of a plan; returns how many were made. Of several, one that fails is told and the others go on.

    Raises KagamiError if nothing can be drawn, or if the only film fails.
    """
    script = EMPTY_SCRIPT if job.script is None else Script.load(job.script)
    mood = read_mood(job.mood)
    if mood.complaint is not None:
        lines.sentence(mood.complaint)
    points = None if job.points is None else Points.load(job.points)
    pipeline = make_pipeline(job.generator, choose_device(job.device), job.size, job.checkpoint, steps=job.steps)
    controls = controls_of(job)
    picture, *views = plan.pictures
    lines.line(f"preparing {picture.name}, {PREPARING}")
    avatar = pipeline.prepare(picture, points, controls.framing, views, job.person)
    for note in (*avatar.notes, *(() if plan.backdrop is None else plan.backdrop.notes)):
        lines.sentence(note)
    made = 0
    for planned in plan.films:
        film = Film(
            planned.driving, planned.out, clip=job.clip_range, voice=job.voice, mood=mood.mood, script=script,
            controls=controls, backdrop=plan.backdrop, alpha=job.is_transparent, crf=job.crf, replace=job.force,
            neutral=job.neutral, smooth=job.smooth, smoothing=job.smoothing, who=job.who,
        )  # fmt: skip
        began = lines.seconds
        try:
            summary = make_film(pipeline, avatar, film, partial(lines.show, planned.out.name, planned.has_sound))
        except KagamiError as error:
            if plan.folder is None:
                raise
            lines.sentence(str(error))
            continue
        lines.close()
        for note in summary.notes:
            lines.sentence(note)
        print(wrote(planned, summary, lines.seconds - began), flush=True)
        made += 1
    return made


def wrote(planned: PlannedFilm, summary: FilmSummary, seconds: float) -> str:
    """The last line of a film. seconds: that it took."""
    length = say_duration(summary.seconds)
    speed = summary.frames / max(seconds, 1e-6)
    frames = "1 frame" if summary.frames == 1 else f"{summary.frames} frames"
    return (
        f"Wrote {planned.out}: {frames}, {length} of film, in {say_duration(seconds)} ({speed:.1f} frames per second)."
    )


def controls_of(job: Job) -> Controls:
    """The same controls that a person has live."""
    return Controls(
        head=job.head, face=job.face, body=job.body, eyes=job.eyes, brows=job.brows, mouth=job.mouth,
        hands=job.hands, yaw=job.yaw, pitch=job.pitch, roll=job.roll, gaze_x=job.gaze_x, gaze_y=job.gaze_y,
        light=job.light, **parse_bones(job.bones)._asdict(),
        teeth=job.teeth, mirror=job.mirror, background=job.shown_background,
        colour=parse_colour(job.colour), frame=job.frame, aspect=job.aspect, zoom=job.zoom,
        shift_x=job.shift_x, shift_y=job.shift_y, keep_in_frame=job.keep_in_frame,
    )  # fmt: skip
