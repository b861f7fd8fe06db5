"""How many engines there are: Serve's autoscaling policy, by what the engines report."""

from __future__ import annotations

from typing import Any

from ray.serve.config import AutoscalingContext

from streamer.cluster.routing import Bounds, Load, wanted_replicas


def wanted_by_load(context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
    """Serve's autoscaling policy: the number of replicas by what their engines report, within the bounds."""
    reported = context.aggregated_metrics or {}
    lives, capacities = reported.get("live", {}), reported.get("capacity", {})
    loads = [
        Load(round(lives[replica]), max(1, round(capacities[replica]))) for replica in lives if replica in capacities
    ]
    bounds = Bounds(context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas)
    return wanted_replicas(loads, context.target_num_replicas, bounds), {}
