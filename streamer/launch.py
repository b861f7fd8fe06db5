"""Starts the server from its settings: load, warm up, listen, and shut down in order."""

from __future__ import annotations

import gc
import socket
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import torch

from kernels.compile import compiled_functions
from streamer.engine.batch_drawer import FrameHook
from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.errors import OutputError
from streamer.generation.device import choose_device
from streamer.generation.factory import make_pipeline
from streamer.generation.kernel_compilation import KernelCompilation
from streamer.generation.separate_preparation import SeparatePreparation
from streamer.other_programs import OtherPrograms
from streamer.rigging.backdrop import load_backdrop
from streamer.rigging.framing import Framing
from streamer.rigging.picture import load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.points import Points
from streamer.runtime import fork_server
from streamer.runtime.log_limits import limit_repeats
from streamer.runtime.priority import raise_process_priority
from streamer.runtime.start_lines import StartLines
from streamer.server.app import Server
from streamer.server.browser import PageOpener
from streamer.server.certificate import machine_addresses, machine_names, make_certificate
from streamer.server.listening import run
from streamer.server.made_engine import MadeEngine
from streamer.server.phone import phone_address
from streamer.settings import Settings
from streamer.sources.mood_reading import read_mood
from streamer.sources.tracker_feed import TrackerFeed
from streamer.tracking.person_tracker import PersonTracker
from streamer.tracking.tracker_process import TrackerProcess
from streamer.virtual_camera import VirtualCamera

if TYPE_CHECKING:
    from streamer.osc.udp_ports import UdpPorts

FIRST_FUNCTIONS = 200  # that numba compiles for a first start, some 50 more where the picture shows limbs


def launch(
    settings: Settings,
    listening: socket.socket,
    ports: UdpPorts,
    lines: StartLines,
    frame_hook: FrameHook | None = None,
    show_page: PageOpener | None = None,
) -> None:
    """Serve on a bound socket until Ctrl-C or SIGTERM. Raises KagamiError only before it listens.

    ports: for other programs, see `OtherPrograms`. lines: tell whoever starts the server. frame_hook: for benchmarks,
    see `Engine`. show_page: see `run`.
    """
    prepare_process()
    camera = VirtualCamera(settings.virtual_camera)
    if settings.virtual_camera is not None and (problem := camera.problem()):
        raise OutputError(problem)
    certificate = make_certificate(machine_names(), machine_addresses()) if settings.https else None
    phone = phone_address(settings, listening, certificate)
    if certificate is not None:
        lines.line(f"certificate made for this start, SHA-256 {certificate.fingerprint}")
    with ExitStack() as opened:  # which closes what a failing start has opened, too, the last one first
        others = OtherPrograms(settings, ports, lines)
        opened.callback(others.close)
        compilation = KernelCompilation() if choose_device(settings.device) == "cpu" else None
        if compilation is not None:
            opened.callback(compilation.close)
            compilation.start()
        made = make_engine(settings, lines, frame_hook, others.trackers, compilation)
        engine, avatar = made.engine, made.avatar
        feed = OutputFeed(engine, camera, avatar.width, avatar.height)
        opened.callback(feed.turn_off)
        opened.callback(engine.close)
        others.connect(engine, avatar.width, avatar.height)
        lines.end()
        if settings.virtual_camera is not None:
            feed.turn_on()
        others.turn_on()
        server = Server(
            made, settings, phone=phone, camera=feed, recorder=others.recorder, osc=ports.controls, tell=lines.line
        )  # fmt: skip
        others.count_in(server.metrics)
        if compilation is not None:
            opened.callback(compilation.close)  # before the engine, whose preparation may wait for it
        run(server, settings, listening, lines.line, None if certificate is None else certificate.context, show_page)


def prepare_process() -> None:
    """What a process needs before its engine is made: priority, and the process that its workers are forked from."""
    raise_process_priority()
    fork_server.preload(
        [
            "streamer.tracking.tracker_process",
            "streamer.tracking.person_tracker",
            "streamer.rigging.picture_process",
            "streamer.rigging.views",
            "streamer.film.film",
        ]
    )
    fork_server.warm_up()
    limit_repeats()


def make_engine(
    settings: Settings,
    lines: StartLines,
    frame_hook: FrameHook | None = None,
    trackers: TrackerFeed | None = None,
    compilation: KernelCompilation | None = None,
) -> MadeEngine:
    """Load the pictures, make the pipeline, prepare, warm up and start the engine. Raises KagamiError.

    trackers: see `Engine`. compilation: for whose end later pictures with limbs wait.
    """
    picture, *views = map(load_picture, settings.ref)
    if (complaint := read_mood(settings.mood).complaint) is not None:
        lines.line(complaint)
    points = None if settings.points is None else Points.load(settings.points)
    backdrop = None if settings.background_file is None else load_backdrop(settings.background_file)
    device = choose_device(settings.device)
    torch.set_num_threads(1)  # trackers, encoders and ONNX Runtime need the other cores
    lines.begin(f"making the {settings.generator} generator for {device}", usual_s=2)
    pipeline = make_pipeline(
        settings.generator, device, settings.size, settings.checkpoint, settings.steps, live=True,
        sessions=settings.max_sessions, precision=settings.precision,
    )  # fmt: skip
    lines.line(f"{settings.generator} generator on {device}")
    lines.begin(f"finding the character in {picture.name}", 3, compiled_words)
    avatar = pipeline.prepare(picture, points, framing_of(settings), views, settings.person)
    for note in (*avatar.notes, *(() if backdrop is None else backdrop.notes)):
        lines.line(note)
    lines.line(f"{picture.name} prepared, {avatar.width}x{avatar.height}")
    lines.begin("drawing a first frame", 3, compiled_words)
    pipeline.warm_up(avatar)
    lines.line("warm; compiled for this machine, the next start is quicker" if compiled_functions() else "warm")
    gc.collect()
    gc.freeze()  # a full collection would look at all that is imported and prepared, .2 s in which nothing is drawn
    lines.begin("opening the page")
    pictures = PictureProcess()
    engine = Engine(
        pipeline,
        partial(TrackerProcess, PersonTracker),
        fps=settings.fps,
        max_sessions=settings.max_sessions,
        frame_hook=frame_hook,
        min_fps=settings.min_fps,
        preparation=SeparatePreparation(pipeline, pictures, compilation),
        governed=pipeline.device.type == "cpu",
        feed=trackers,
    )
    engine.start()
    return MadeEngine(engine, avatar, picture.name, pictures, backdrop)


def compiled_words() -> str:
    """How many functions were compiled so far; "" where the disk had them all."""
    count = compiled_functions()
    return f"once for this machine: {count} of about {max(count, FIRST_FUNCTIONS)} functions compiled" if count else ""


def framing_of(settings: Settings) -> Framing:
    """The frame at the start."""
    return Framing(settings.frame, settings.aspect, settings.zoom, settings.shift_x, settings.shift_y)
