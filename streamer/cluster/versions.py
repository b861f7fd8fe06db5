"""By what Ray Serve tells whether running replicas are those that are wanted: a redeployment replaces the others only.

Serve itself gives each deployment of `python -m streamer.cluster` a new version, and would replace all replicas.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import streamer
from streamer.settings import Settings

ROOT = Path(streamer.__file__).parents[1]
FOLDERS = ("streamer", "models", "kernels", "checkpoints")
KINDS = (".py", ".safetensors")
# Of the settings those that the ingress uses. The others may change while it runs, with all WebSockets of the pages.
OF_THE_INGRESS = ("host", "port", "token", "allow_origin", "log_level", "control_api", "whip", "max_upload_mb")


def ingress_settings(settings: Settings) -> Settings:
    """The settings of an ingress: those that it uses, and nothing else."""
    return replace(Settings(), **{name: getattr(settings, name) for name in OF_THE_INGRESS})


def version_of(*parts: object) -> str:
    """The version of a deployment that is made of these, and of this code. Of files that `Settings` name, the content
    counts.
    """
    content = [_content(part) if isinstance(part, Settings) else repr(part) for part in parts]
    return hashlib.sha256("\n".join([code_version(), *content]).encode()).hexdigest()


@cache
def code_version() -> str:
    """A hash of all Python files and weights of the engine."""
    hashed = hashlib.sha256()
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    for path in sorted(files):
        hashed.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return hashed.hexdigest()


def _content(settings: Settings) -> str:
    return repr({name: _of_value(value) for name, value in asdict(settings).items()})


def _of_value(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_of_value(each) for each in value]
    if isinstance(value, Path) and value.is_file():
        return str(value), hashlib.sha256(value.read_bytes()).hexdigest()
    return value
