"""Starts the server from its settings: load, warm up, listen, and shut down in order."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import torch

from kernels.backend import compiled_anew
from streamer.engine.engine import Engine, FrameHook
from streamer.engine.output_feed import OutputFeed
from streamer.errors import OutputError
from streamer.generation.device import choose_device
from streamer.generation.factory import make_pipeline
from streamer.generation.separate_preparation import SeparatePreparation
from streamer.rigging.backdrop import load_backdrop
from streamer.rigging.framing import Framing
from streamer.rigging.picture import load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.points import Points
from streamer.runtime import fork_server
from streamer.runtime.log_limits import limit_repeats
from streamer.server.app import Server
from streamer.server.certificate import machine_addresses, machine_names, make_certificate
from streamer.server.listening import run
from streamer.server.phone import phone_address
from streamer.settings import Settings
from streamer.tracking.person_tracker import PersonTracker
from streamer.tracking.tracker_process import TrackerProcess
from streamer.virtual_camera import VirtualCamera


def launch(
    settings: Settings,
    listening: socket.socket,
    print_line: Callable[[str], None],
    frame_hook: FrameHook | None = None,
) -> None:
    """Serve on a bound socket until SIGINT or SIGTERM. Raises KagamiError only before it listens.

    print_line: called with each sentence for whoever starts the server. frame_hook: for benchmarks, see `Engine`.
    """
    fork_server.preload(
        [
            "streamer.tracking.tracker_process",
            "streamer.tracking.person_tracker",
            "streamer.rigging.picture_process",
            "streamer.rigging.views",
            "streamer.film.film",
            "streamer.server.listening",
        ]
    )
    fork_server.warm_up()
    limit_repeats()
    picture, *views = map(load_picture, settings.ref)
    points = None if settings.points is None else Points.load(settings.points)
    backdrop = None if settings.background_file is None else load_backdrop(settings.background_file)
    device = choose_device(settings.device)
    camera = VirtualCamera(settings.virtual_camera)
    if settings.virtual_camera is not None and (problem := camera.problem()):
        raise OutputError(problem)
    certificate = make_certificate(machine_names(), machine_addresses()) if settings.https else None
    phone = phone_address(settings, listening, certificate)
    if certificate is not None:
        print_line(f"certificate made for this start, SHA-256 {certificate.fingerprint}")
    torch.set_num_threads(1)  # trackers, encoders and ONNX Runtime need the other cores
    pipeline = make_pipeline(
        settings.generator, device, settings.size, settings.checkpoint, settings.steps, live=True,
        sessions=settings.max_sessions, precision=settings.precision,
    )  # fmt: skip
    print_line(f"{settings.generator} generator on {device}")
    avatar = pipeline.prepare(picture, points, framing_of(settings), views, settings.person)
    for note in (*avatar.notes, *(() if backdrop is None else backdrop.notes)):
        print_line(note)
    print_line(f"{picture.name} prepared, {avatar.width}x{avatar.height}")
    pipeline.warm_up(avatar)
    print_line("warm; compiled for this machine, the next start is quicker" if compiled_anew() else "warm")
    pictures = PictureProcess()
    engine = Engine(
        pipeline,
        partial(TrackerProcess, PersonTracker),
        fps=settings.fps,
        max_sessions=settings.max_sessions,
        frame_hook=frame_hook,
        min_fps=settings.min_fps,
        preparation=SeparatePreparation(pipeline, pictures),
    )
    engine.start()
    feed = OutputFeed(engine, camera, avatar.width, avatar.height)
    try:
        if settings.virtual_camera is not None:
            feed.turn_on()
        run(
            Server(engine, settings, avatar, picture.name, pictures, backdrop, phone=phone, camera=feed), settings,
            listening, print_line, None if certificate is None else certificate.context,
        )  # fmt: skip
    finally:
        engine.close()
        feed.turn_off()


def framing_of(settings: Settings) -> Framing:
    """The frame at the start."""
    return Framing(settings.frame, settings.aspect, settings.zoom, settings.shift_x, settings.shift_y)
