"""Which films a job makes, and what can be wrong with it, found out within a second: before torch is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from streamer.errors import KagamiError, SettingsError
from streamer.files.video_reader import VideoError, reason
from streamer.files.video_writer import check_format, check_output
from streamer.film.driving import Driving
from streamer.film.film_length import look_into
from streamer.film.job import MAX_IDLE_S, Job
from streamer.generation.weights_file import check_weights
from streamer.options import say_duration
from streamer.rigging.backdrop import Backdrop, load_backdrop
from streamer.rigging.picture import Picture, load_picture
from streamer.runtime.temporary_folder import check_temporary_folder
from streamer.settings import check_background_file

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mts", ".ts"})  # of a folder's videos


@dataclass(frozen=True, slots=True)
class PlannedFilm:
    """A film that can be begun.

    seconds, frames: its expected length, 0 where the files do not tell. has_sound: whether it will have some. note:
    a sentence about what of its files is left out, if anything is.
    """

    driving: Driving
    out: Path
    seconds: float
    frames: int
    has_sound: bool
    note: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """What a job comes to.

    pictures: the one that is drawn, and further views. films: those that can be begun. problems: a sentence for each
    video of several that cannot be used. folder: of the films of several videos, which may have to be made; None for
    one video.
    """

    pictures: tuple[Picture, ...]
    backdrop: Backdrop | None
    films: tuple[PlannedFilm, ...]
    problems: tuple[str, ...]
    folder: Path | None


def plan_films(job: Job) -> Plan:
    """Read the pictures and look into each video. Of several videos, bad ones become problems.

    Raises KagamiError for everything that no film can be made with.
    """
    check_background_file(job.background, job.background_file)
    several = len(job.drive) > 1 or any(drive.is_dir() for drive in job.drive)
    films = list(_outputs_of_several(job) if several else [_output_of_one(job)])
    pictures = tuple(map(load_picture, job.ref))
    backdrop = None if job.background_file is None else load_backdrop(job.background_file)
    if job.generator == "dit":
        check_weights(job.checkpoint, job.device)
    check_temporary_folder()
    planned: list[PlannedFilm] = []
    problems: list[str] = []
    for driving, out in films:
        try:
            planned.append(_plan_film(job, driving, out, several and not job.out.exists()))
        except KagamiError as error:
            if not several:
                raise
            problems.append(str(error))
    return Plan(pictures, backdrop, tuple(planned), tuple(problems), job.out if several else None)


def _plan_film(job: Job, driving: Driving, out: Path, is_new: bool) -> PlannedFilm:
    """is_new: whether the folder of several films is yet to be made, so that there is nothing in it."""
    lengths = look_into(driving, job.clip_range)
    inputs = [
        *job.ref, *job.drive, *driving.files, job.points, job.script, job.background_file, job.checkpoint
    ]  # fmt: skip
    if out.exists() and any(_is_within(path, out) for path in inputs if path is not None and path.exists()):
        raise VideoError(f"{out} is also an input: choose another --out.")
    if not is_new:
        check_output(out, job.is_transparent, job.crf, job.force)
    has_sound = lengths.has_sound and bool(out.suffix)
    return PlannedFilm(driving, out, lengths.seconds, lengths.frames, has_sound, lengths.note)


def _is_within(path: Path, out: Path) -> bool:
    """Whether a file is the output, or in the folder that it is."""
    return out.samefile(path) or out.resolve() in path.resolve().parents


def _output_of_one(job: Job) -> tuple[Driving, Path]:
    if job.format is not None:
        raise VideoError("--format is for several videos, and --out chooses for one: leave it out.")
    check_format(job.out, job.is_transparent, job.crf)
    if not job.is_driven:
        return Driving(idle_s=_idle_seconds(job)), job.out
    return job.drivings[0], job.out


def _idle_seconds(job: Job) -> float:
    """How long a film is that words alone drive. Raises ScriptError, SettingsError."""
    seconds = job.seconds
    if seconds is None and job.script is not None:
        from streamer.sources.script import Script  # noqa: PLC0415 - torch, which takes seconds to import

        seconds = Script.load(job.script).seconds
        if seconds is not None and seconds > MAX_IDLE_S:
            raise SettingsError(f"{job.script} ends after {say_duration(seconds)}: give --seconds, at most ten hours.")
    if seconds is None:
        raise SettingsError(f"{job.script} does not say when the film ends: give its last mood an end, or --seconds.")
    return seconds


def _outputs_of_several(job: Job) -> Iterator[tuple[Driving, Path]]:
    """What drives each film, each video once, and the file or folder that it becomes."""
    if job.out.is_file() or job.out.suffix.lower() in VIDEO_SUFFIXES:
        raise VideoError(f"{job.out} is a file, and several videos become several films: let --out be a folder.")
    if not job.out.parent.is_dir():
        raise VideoError(f"There is no folder {job.out.parent}: make it first or choose another --out.")
    kind = job.format or ("webm" if job.is_transparent else "mp4")
    suffix = "" if kind == "png" else f".{kind}"
    check_format(Path(f"film{suffix}"), job.is_transparent, job.crf)
    taken: dict[Path, Path] = {}
    for drive in dict.fromkeys(drive for given in job.drive for drive in _videos(given)):
        out = job.out / (f"{drive.stem}{suffix}" if suffix else drive.stem.replace(".", "_"))
        if out in taken:
            raise VideoError(f"{taken[out]} and {drive} would both become {out}: rename one of them.")
        taken[out] = drive
        yield replace(job.drivings[0], drive=drive), out


def _videos(given: Path) -> list[Path]:
    """The videos of a folder by name, or the one file."""
    if not given.is_dir():
        return [given]
    try:
        found = [path for path in given.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES]
    except OSError as error:
        raise VideoError(f"{given} cannot be read ({reason(error)}): check its permissions.") from error
    found = sorted(path for path in found if not path.name.startswith("."))
    if not found:
        raise VideoError(f"{given} holds no video: give a folder of MP4, MOV, WebM or MKV files.")
    return found
