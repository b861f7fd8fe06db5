"""From a picture and what drives it to a video: the live pipeline on files, every frame, nothing dropped.

python -m streamer.animate --ref avatar.png --drive talking.mp4 --out avatar_talking.mp4
python -m streamer.animate --ref avatar.png --drive-voice speech.mp3 --out avatar_speaking.mp4
python -m streamer.animate --ref avatar.png --mood "tired, a shy smile" --seconds 10 --out avatar_tired.mp4
python -m streamer.animate --ref avatar.png --drive-face a.mp4 --drive-body b.mp4 --out avatar_moving.mp4
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from streamer import flags
from streamer.errors import KagamiError, SettingsError
from streamer.files.video_reader import VideoError, reason
from streamer.film.job import Job
from streamer.film.plan import Plan, plan_films
from streamer.film.progress_lines import ProgressLines
from streamer.options import say_duration
from streamer.runtime.console import accept_every_character
from streamer.runtime.cpu import check_cpu
from streamer.runtime.end_signals import end_as_ctrl_c_does
from streamer.runtime.library_threads import use_one_thread
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.package_path import check_package_path

LOADING = {"dit": "usually 5 s", "geometry": "usually 4 s"}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status. A film that is not complete is never left under its name."""
    job = read_job(argv)
    lines = ProgressLines(sys.stderr)
    try:
        check_cpu()
        check_package_path()
        return run(job, lines)
    except KagamiError as error:
        lines.sentence(str(error))
        return 1
    except KeyboardInterrupt:
        lines.sentence(f"Stopped; {job.out} was not written.")
        return 130


def run(job: Job, lines: ProgressLines) -> int:
    """Make the films of a job; the exit status. Raises KagamiError if there is none that can be made."""
    plan = plan_films(job)
    for problem in plan.problems:
        lines.sentence(problem)
    for planned in plan.films:
        length = f" ({say_duration(planned.seconds)}, {planned.frames} frames)" if planned.frames else ""
        lines.line(f"{planned.driving}{length} becomes {planned.out}")
        if planned.note is not None:
            lines.sentence(planned.note)
    wanted = len(plan.films) + len(plan.problems)
    made = 0
    if plan.films:
        lines.line(f"loading the {job.generator} generator, {LOADING[job.generator]}")
        from streamer.film.batch import make_films  # noqa: PLC0415 - torch and MediaPipe take seconds to import

        with folder_of(plan):
            made = make_films(job, plan, lines)
    if plan.folder is not None:
        lines.sentence(f"{made} of {wanted} films were written to {plan.folder}.")
    return 0 if made == wanted else 1


@contextlib.contextmanager
def folder_of(plan: Plan) -> Iterator[None]:
    """Makes the folder of several films where it does not exist, and takes it away if none was written."""
    folder: Path | None = plan.folder
    if folder is None or folder.exists():
        yield
        return
    try:
        folder.mkdir()
    except OSError as error:
        raise VideoError(f"{folder} cannot be made ({reason(error)}): choose another --out.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it holds films
            folder.rmdir()


def read_job(arguments: Sequence[str] | None) -> Job:
    """The job of a command line (default: sys.argv). argparse exits on flags that are unknown or out of range."""
    parser = flags.make_parser(
        Job,
        "python -m streamer.animate",
        "Let a picture make the motion of a video, or of one for the face and one for the body, or speak with a voice: "
        "every frame, with the frame rate of the first video and the sound of the voice or of that video.",
    )
    try:
        return Job(
            **flags.check_all(Job, flags.parse(parser, joined(sys.argv[1:] if arguments is None else arguments)))
        )
    except SettingsError as error:
        parser.error(str(error))


def joined(arguments: Sequence[str]) -> list[str]:
    """`--clip -12` as one word: argparse would take the time for a flag."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] == "--clip" and word[:1] == "-" and word[1:2].isdigit():
            words[-1] = f"--clip={word}"
        else:
            words.append(word)
    return words


if __name__ == "__main__":
    accept_every_character()
    filter_native_logs()
    use_one_thread()  # in each thread of the film; torch, numba and OpenMP are not imported yet
    end_as_ctrl_c_does()  # and leaves no half film
    sys.exit(main())
