"""Which settings replace which replicas of a cluster."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from streamer.cluster import versions
from streamer.cluster.versions import OF_THE_INGRESS, ingress_settings, version_of
from streamer.settings import Settings

ONE = Settings(token="a-word", host="0.0.0.0")


def test_same_settings_replace_nothing() -> None:
    assert version_of(ONE) == version_of(replace(ONE))


def test_settings_of_the_engine_leave_the_ingress_alone() -> None:
    other = replace(ONE, max_sessions=9, size=256, turn_password="secret")
    assert version_of(ONE) != version_of(other) and ingress_settings(ONE) == ingress_settings(other)


@pytest.mark.parametrize("other", [replace(ONE, token="another"), replace(ONE, max_upload_mb=1.0), Settings()])
def test_settings_that_the_ingress_uses_replace_it(other: Settings) -> None:
    assert version_of(ingress_settings(ONE)) != version_of(ingress_settings(other))


def test_ingress_has_no_setting_but_those_it_uses() -> None:
    own = ingress_settings(replace(ONE, max_sessions=9, ref=(Path("other.png"),)))
    changed = {field.name for field in fields(own) if getattr(own, field.name) != getattr(Settings(), field.name)}
    assert changed == {"token", "host"} and changed < set(OF_THE_INGRESS)


def test_another_picture_under_the_same_name_replaces_the_engines(tmp_path: Path) -> None:
    (picture := tmp_path / "avatar.png").write_bytes(b"one")
    settings = Settings(ref=(picture,))
    before = version_of(settings)
    picture.write_bytes(b"another")
    assert version_of(settings) != before


def test_other_code_replaces_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version_of(ONE), version_of()
    monkeypatch.setattr(versions, "code_version", lambda: "other code")
    assert before[0] != version_of(ONE) and before[1] != version_of()


@pytest.mark.parametrize(
    "name", ["streamer/app.py", "checkpoints/base.safetensors", "models/geometry/face.safetensors"]
)
def test_version_of_the_code_is_that_of_its_files_and_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    code_version = versions.code_version.__wrapped__
    (path := tmp_path / name).parent.mkdir(parents=True)
    path.write_bytes(b"one")
    before = code_version()
    path.write_bytes(b"another")
    assert code_version() != before
