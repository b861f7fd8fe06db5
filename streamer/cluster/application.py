"""The Ray Serve application: ingresses, engines and the directory, and how many engines there are."""

from __future__ import annotations

from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig

from streamer.cluster.autoscaling import wanted_by_load
from streamer.cluster.directory import Directory
from streamer.cluster.engine_replica import EngineReplica, MakeEngine
from streamer.cluster.ingress_replica import IngressReplica
from streamer.cluster.session_router import SessionRouter
from streamer.cluster.settings import ClusterSettings, read_cluster_settings
from streamer.cluster.versions import ingress_settings, version_of
from streamer.settings import Settings

NAME = "kagami"
REPORT_PERIOD_S = 1.0  # between two reports of an engine's load
HEALTH_PERIOD_S = 5.0
MANY_REQUESTS = 10_000  # at once for one replica: the engine itself admits sessions, Serve only passes on
INGRESS_CORES = 0.1
INGRESS_STOP_S = 5.0
# Of the ingress's process: calls go by gRPC and on one event loop, which more than halves what they add to signalling.
QUICK_CALLS = {
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
}
STOP_S = 60.0  # after the deadline of a drain, until Serve kills a replica


def build(options: dict[str, Any]) -> Any:
    """The application for a configuration file of Serve, such as that of KubeRay. options: `arguments`, the flags of
    `python -m streamer.cluster`. Raises SettingsError.
    """
    return make_application(*read_cluster_settings(options.get("arguments", ())))


def make_application(cluster: ClusterSettings, settings: Settings, make: MakeEngine | None = None) -> Any:
    """The application for `serve.run`. make: see `EngineReplica`."""
    autoscaling = AutoscalingConfig(
        min_replicas=cluster.replicas,
        max_replicas=cluster.most,
        initial_replicas=cluster.first,
        upscale_delay_s=cluster.upscale_delay_s,
        downscale_delay_s=cluster.downscale_delay_s,
        metrics_interval_s=REPORT_PERIOD_S,
        look_back_period_s=3 * REPORT_PERIOD_S,
        policy=AutoscalingPolicy(policy_function=wanted_by_load),
    )
    resources: dict[str, Any] = {"num_cpus": cluster.cores, "num_gpus": cluster.gpus}
    if cluster.memory_gb:
        resources["memory"] = int(cluster.memory_gb * 2**30)
    directory = _of_version(
        serve.deployment(
            name="directory", num_replicas=1, max_ongoing_requests=MANY_REQUESTS, ray_actor_options={"num_cpus": 0}
        )(Directory),
        version_of(),
    ).bind()
    engine = serve.deployment(
        name="engine",
        max_ongoing_requests=MANY_REQUESTS,
        ray_actor_options=resources,
        autoscaling_config=autoscaling,
        request_router_config=RequestRouterConfig(
            request_router_class=SessionRouter,  # type: ignore[arg-type]
            request_routing_stats_period_s=REPORT_PERIOD_S,  # type: ignore[arg-type]
        ),
        graceful_shutdown_wait_loop_s=1.0,
        graceful_shutdown_timeout_s=cluster.drain_s + STOP_S,
        health_check_period_s=HEALTH_PERIOD_S,
        max_surge_percent=cluster.surge,
    )(EngineReplica)
    engines = _of_version(engine, version_of(settings, make and make.__qualname__)).bind(settings, directory, make)
    place = {} if cluster.ingress_resource is None else {"resources": {cluster.ingress_resource: 1}}
    own = ingress_settings(settings)
    ingress = serve.deployment(
        name="ingress",
        num_replicas=cluster.ingresses,
        graceful_shutdown_timeout_s=INGRESS_STOP_S,
        health_check_period_s=HEALTH_PERIOD_S,
        max_replicas_per_node=1,  # each listens on the same port
        max_ongoing_requests=MANY_REQUESTS,
        ray_actor_options={"num_cpus": INGRESS_CORES, **place, "runtime_env": {"env_vars": QUICK_CALLS}},
        user_config={"drain_s": cluster.drain_s},  # which Serve changes in a running one
    )(IngressReplica)
    return _of_version(ingress, version_of(own)).bind(engines, directory, own)


def _of_version(deployment: serve.Deployment, version: str) -> serve.Deployment:
    """A deployment whose running replicas are replaced where they are of another version; Serve hides this option."""
    return deployment.options(_internal=True, version=version)
