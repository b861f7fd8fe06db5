"""What `python -m streamer.cluster` can be told, beside the settings of each replica's server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from msgspec import Meta

from streamer import flags
from streamer.errors import SettingsError
from streamer.flags import Flag
from streamer.settings import PROGRAMS, Settings, read_settings

CLUSTER = "cluster"
# Of the flags for other programs those that a cluster has; the others open ports and files of one machine, or send the
# avatar of one session.
PROGRAMS_REACH = frozenset({"control_api", "pictures", "whip"})


@dataclass(frozen=True)
class ClusterSettings:
    """How Kagami runs on a Ray cluster; the `Flag` of a field gives its meaning. Made by `read_cluster_settings`."""

    address: Annotated[
        str | None,
        Flag("Ray cluster to run on, auto or ADDRESS:PORT; without it one starts on this machine", CLUSTER, "ADDRESS"),
    ] = None
    replicas: Annotated[int, Meta(ge=1, le=1000), Flag("least replicas of the engine", CLUSTER)] = 1
    max_replicas: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Flag("most replicas; without it as many as the least", CLUSTER)
    ] = None
    initial_replicas: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Flag("replicas at the start; without it the least", CLUSTER)
    ] = None
    cores: Annotated[float, Meta(ge=0, le=256), Flag("processor cores of each replica", CLUSTER)] = 2.0
    gpus: Annotated[float, Meta(ge=0, le=16), Flag("GPUs of each replica; it draws on a CPU without", CLUSTER)] = 0.0
    memory_gb: Annotated[
        float, Meta(ge=0, le=1024), Flag("memory that each replica reserves, gigabytes; 0 reserves none", CLUSTER)
    ] = 0.0
    ingresses: Annotated[int, Meta(ge=1, le=64), Flag("replicas of the page and the signalling", CLUSTER)] = 1
    ingress_resource: Annotated[
        str | None,
        Flag("Ray resource of the nodes that may have an ingress, such as those of a load balancer", CLUSTER, "NAME"),
    ] = None
    drain_s: Annotated[
        float, Meta(ge=0, le=86400),
        Flag("how long the sessions of a replica that is taken away may stay there, seconds; then they move", CLUSTER),
    ] = 60.0  # fmt: skip
    surge: Annotated[
        int, Meta(ge=0, le=100),
        Flag("replicas beyond those that are wanted while a redeployment replaces them, percent, at least one; 0 stops "
             "former ones first, for a cluster without room", CLUSTER),
    ] = 20  # fmt: skip
    upscale_delay_s: Annotated[
        float, Meta(ge=0, le=3600), Flag("how long more replicas are wanted before they start, seconds", CLUSTER)
    ] = 5.0
    downscale_delay_s: Annotated[
        float, Meta(ge=0, le=86400), Flag("how long fewer are wanted before one is taken away, seconds", CLUSTER)
    ] = 300.0

    @property
    def first(self) -> int:
        """The number of replicas at the start."""
        return self.replicas if self.initial_replicas is None else self.initial_replicas

    @property
    def most(self) -> int:
        """The greatest number of replicas."""
        return self.replicas if self.max_replicas is None else self.max_replicas


def read_cluster_settings(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> tuple[ClusterSettings, Settings]:
    """The settings of a command line: its own, and the rest as `run_server.py` reads it. Raises SettingsError."""
    parser = flags.make_parser(
        ClusterSettings,
        "python -m streamer.cluster",
        "Kagami on a Ray cluster. All flags of run_server.py go to each replica: run_server.py --help lists them.",
    )
    given, rest = parser.parse_known_args(arguments)
    named = {name: (f"--{name.replace('_', '-')}", value) for name, value in vars(given).items()}
    cluster = ClusterSettings(**flags.check_all(ClusterSettings, named))
    if cluster.most < cluster.replicas:
        raise SettingsError(
            f"--max-replicas is {cluster.most}, less than --replicas, which is {cluster.replicas}: raise it."
        )
    if not cluster.replicas <= cluster.first <= cluster.most:
        raise SettingsError(
            f"--initial-replicas is {cluster.first}: choose a number from {cluster.replicas}, --replicas, to "
            f"{cluster.most}, --max-replicas."
        )
    settings = read_settings(rest, environment)
    if settings.https or settings.virtual_camera is not None:
        raise SettingsError("A cluster has no --https and no --virtual-camera: put a TLS proxy in front of it.")
    for option in flags.options_of(Settings):
        is_for_one = option.flag.group == PROGRAMS and option.name not in PROGRAMS_REACH
        if is_for_one and getattr(settings, option.name) != option.default and option.name != "publish_token":
            raise SettingsError(
                f"A cluster has no {option.spelling}, which is of one machine: start run_server.py with it."
            )
    device = "cuda" if cluster.gpus > 0 else "cpu"
    if settings.device not in ("auto", device):
        raise SettingsError(
            f"--device is {settings.device}, but the replicas have --gpus {cluster.gpus:g}: change one."
        )
    paths = {"ref": tuple(path.absolute() for path in settings.ref)}
    return cluster, replace(settings, device=device, open=False, **paths)  # type: ignore[arg-type]
