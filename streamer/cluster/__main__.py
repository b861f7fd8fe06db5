"""`python -m streamer.cluster`: Kagami as an application of Ray Serve, on this machine or on a Ray cluster.

python -m streamer.cluster --replicas 2 --max-replicas 4 --cores 2 --ref avatar.png
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

from streamer.cluster.errors import NoRayError
from streamer.cluster.settings import read_cluster_settings
from streamer.errors import KagamiError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; on a cluster of others (--address) the application stays there, and this command returns.
    Returns the exit code; problems are one sentence on stderr.
    """
    try:
        cluster, settings = read_cluster_settings(arguments)
        if importlib.util.find_spec("ray") is None or importlib.util.find_spec("ray.serve") is None:
            raise NoRayError
        from streamer.cluster.start import serve_here, serve_there  # noqa: PLC0415 - Ray, which is optional

        if cluster.address is None:
            serve_here(cluster, settings, print)
        else:
            serve_there(cluster, settings, print)
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
