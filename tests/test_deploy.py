"""The files of deploy/ can be read, name what exists, and give the cluster flags that it has; nothing is started."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from streamer.cluster.settings import read_cluster_settings

yaml = pytest.importorskip("yaml", reason="deploy/ is YAML: pip install pyyaml")

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def test_dockerfile_copies_what_exists_and_runs_without_root() -> None:
    text = text_of("Dockerfile")
    copied = [path for line in re.findall(r"^COPY (.+)$", text, re.M) for path in line.split()[:-1]]
    assert {"streamer", "web_client", "run_server.py"} <= set(copied)
    assert [path for path in copied if not (ROOT / path).exists()] == []
    for stage in text.split("\nFROM ")[2:]:
        assert "\nUSER kagami\n" in stage and stage.index("USER") < stage.index("CMD"), "a stage runs as root"
    assert re.findall(r"^FROM \S+ AS (\w+)$", text, re.M) == ["base", "cpu", "cuda"]


def test_compose_gives_flags_that_exist_to_services_that_need_no_privileges() -> None:
    services = yaml.safe_load(text_of("compose.yaml"))["services"]
    assert set(services) == {"kagami", "proxy", "turn"}
    command = re.sub(r"\$\{NAME[^}]*\}", "kagami.example.org", services["kagami"]["command"])
    python, flag, module, *arguments = shlex.split(command)
    assert (python, flag, module) == ("python", "-m", "streamer.cluster")
    cluster, settings = read_cluster_settings(arguments, {"KAGAMI_TOKEN": "a-long-word"})
    assert cluster.most == 2 and settings.allow_origin == ("https://kagami.example.org",)
    assert services["kagami"]["cap_drop"] == ["ALL"] and services["kagami"]["read_only"]
    assert (ROOT / "deploy" / services["kagami"]["build"]["context"] / "deploy" / "Dockerfile").exists()
    assert f"127.0.0.1:{settings.port}" in text_of("Caddyfile") and settings.host == "127.0.0.1"


def test_kuberay_manifest_gives_flags_that_exist_and_time_enough_to_drain() -> None:
    service, page = yaml.safe_load_all(text_of("kuberay.yaml"))
    (application,) = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]
    module, _, function = application["import_path"].partition(":")
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
    assert f"def {function}(" in source
    cluster, settings = read_cluster_settings(application["args"]["arguments"], {})
    pods: list[dict[str, Any]] = [
        group["template"]["spec"] for group in service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    ]
    assert all(pod["terminationGracePeriodSeconds"] > cluster.drain_s + 60 for pod in pods)
    assert all(pod["securityContext"]["runAsNonRoot"] and pod["hostNetwork"] for pod in pods)
    assert page["spec"]["ports"][0]["targetPort"] == settings.port
    version = service["spec"]["rayClusterConfig"]["rayVersion"]
    assert f'"ray[serve]>={version.rpartition(".")[0]}' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_ray_cluster_file_is_one() -> None:
    cluster = yaml.safe_load(text_of("ray-cluster.yaml"))
    assert cluster["provider"]["type"] == "local" and "--network=host" in cluster["docker"]["run_options"]
    assert any("ray start --head" in command for command in cluster["head_start_ray_commands"])
