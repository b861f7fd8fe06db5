"""The errors of a cluster, one sentence each, as in `streamer.errors`."""

from __future__ import annotations

from streamer.errors import KagamiError


class NoRayError(KagamiError):
    """Ray is not installed."""

    code = "no-ray"

    def __init__(self) -> None:
        super().__init__('Ray is not installed: install it with pip install "kagami[cluster]".')


class ClusterUnreachableError(KagamiError):
    """No Ray cluster answers at an address."""

    code = "no-cluster"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"No Ray cluster answers at {address}: start one with ray start --head, or leave --address away to start "
            "one on this machine."
        )


class RayNotStartedError(KagamiError):
    """Ray does not start on this machine. reason: its own words."""

    code = "no-cluster"

    def __init__(self, reason: str) -> None:
        words = (reason.strip().splitlines() or ["without a word"])[0].rstrip(".")[:200]
        super().__init__(
            f"Ray does not start on this machine ({words}): free memory and space in its temporary folder, or name a "
            "cluster with --address."
        )


class ReplicasFailedError(KagamiError):
    """No replica of the engine starts. reason: the last words of the one that failed."""

    code = "replica"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"No replica of the engine starts ({reason}): give each what it needs with --cores or --gpus, or fewer "
            "sessions or a smaller --size."
        )


class NoReplicaError(KagamiError):
    """No replica of the engine runs at present; `closed` lets a page come back by itself."""

    code = "closed"

    def __init__(self) -> None:
        super().__init__("No engine of this cluster is running at present: this page comes back by itself.")


class ReplicaGoneError(KagamiError):
    """The replica of a conversation has ended or is not reached any more."""

    code = "closed"


class SlowReplicaError(KagamiError):
    """A replica has not answered in time, and nothing says that it has died."""

    code = "closed"

    def __init__(self, waited_s: float) -> None:
        super().__init__(
            f"The engine of this session has not answered for {waited_s:.0f} seconds: it may be overloaded; try again."
        )


class RelayedError(KagamiError):
    """A replica's own error. code: its."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]


class MovedAwayError(ReplicaGoneError):
    """A request is for a replica that has gone."""

    def __init__(self) -> None:
        super().__init__("The engine of this session is gone: the session comes back by itself.")
