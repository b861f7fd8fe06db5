"""Prometheus texts of several replicas as one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streamer.cluster.labelled_metrics import labelled_metrics


def text(sessions: int, *, draws: bool) -> str:
    registry = CollectorRegistry()
    Gauge("kagami_sessions", "Live sessions.", registry=registry).set(sessions)
    odd = Gauge("kagami_odd", "Labels that are hard to read.", ["name"], registry=registry)
    odd.labels('a "quoted" {name} with spaces, and\na line').set(1.5)
    if draws:
        Counter("kagami_frames_drawn", "Frames.", registry=registry).inc(7)
    return generate_latest(registry).decode()


def test_labelled_metrics_names_the_replica_of_every_sample() -> None:
    texts = {"one": text(1, draws=True), "two": text(2, draws=False)}
    families = {each.name: each for each in text_string_to_metric_families(labelled_metrics(texts))}
    sessions = {sample.labels["replica"]: sample.value for sample in families["kagami_sessions"].samples}
    assert sessions == {"one": 1.0, "two": 2.0}
    assert {sample.labels["replica"] for sample in families["kagami_frames_drawn"].samples} == {"one"}
    odd = families["kagami_odd"].samples
    assert {sample.labels["name"] for sample in odd} == {'a "quoted" {name} with spaces, and\na line'}
    assert {sample.labels["replica"] for sample in odd} == {"one", "two"}


def test_labelled_metrics_tells_of_each_family_once() -> None:
    lines = labelled_metrics({"one": text(1, draws=True), "two": text(2, draws=True)}).splitlines()
    assert lines.count("# TYPE kagami_sessions gauge") == 1
    assert labelled_metrics({}) == ""
    assert labelled_metrics({"a": "x{} 1\ny 2\n"}).split() == []  # samples without a family are of no known kind
