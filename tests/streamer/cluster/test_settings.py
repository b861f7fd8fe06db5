"""The command line of a cluster, and its errors; Ray is not needed."""

from __future__ import annotations

import importlib.util

import pytest

from streamer.cluster import __main__ as command
from streamer.cluster.settings import ClusterSettings, read_cluster_settings
from streamer.errors import SettingsError


def test_cluster_settings_take_their_own_flags_and_leave_the_rest_to_the_server() -> None:
    cluster, settings = read_cluster_settings(["--replicas", "2", "--max-replicas", "5", "--size", "256"], {})
    assert (cluster.replicas, cluster.most, cluster.cores, cluster.gpus) == (2, 5, 2.0, 0.0)
    assert (settings.size, settings.device, settings.open) == (256, "cpu", False)
    assert all(path.is_absolute() for path in settings.ref), "a replica runs in another folder"
    assert ClusterSettings(replicas=3).most == 3


def test_cluster_settings_draw_on_the_gpu_that_a_replica_is_given() -> None:
    assert read_cluster_settings(["--gpus", "1"], {})[1].device == "cuda"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--replicas", "3", "--max-replicas", "2"],
            "--max-replicas is 2, less than --replicas, which is 3: raise it.",
        ),
        (["--https"], "A cluster has no --https and no --virtual-camera: put a TLS proxy in front of it."),
        (["--osc", "9000"], "A cluster has no --osc, which is of one machine: start run_server.py with it."),
        (["--record", "."], "A cluster has no --record, which is of one machine: start run_server.py with it."),
        (["--device", "cuda"], "--device is cuda, but the replicas have --gpus 0: change one."),
        (["--cores", "-1"], "--cores is -1.0; it must be a number from 0 to 256."),
        (["--size", "7"], "--size is 7; it must be a whole number from 128 to 1024."),
    ],
)
def test_cluster_settings_that_cannot_be_used_are_told_in_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_cluster_settings(arguments, {})
    assert str(caught.value) == sentence


def test_cluster_without_ray_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name.startswith("ray") else found(name, *rest)
    )
    assert command.main([]) == 1
    assert capsys.readouterr().err == 'Ray is not installed: install it with pip install "kagami[cluster]".\n'
