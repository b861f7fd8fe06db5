"""Keeps exported graphs on the disk: an export takes most of what a start computes.

A graph is found again under a digest of all that decides it, so that it never differs from the network: weights, shape
and ranges, the bits, this project's sources of the network and of the export, and the versions of the libraries.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import onnx
import torch

import models
from kernels import attention
from kernels.cache_folder import is_writable, temporary_cache_folder
from models.dit import CausalDiT
from streamer.generation import onnx_export
from streamer.runtime.onnx_runtime import onnxruntime

MAX_KEPT = 8  # graphs, of some 9 MB at most; those not used for longest are deleted
_SUFFIX = ".graph"
_DIGEST_BYTES = 32  # of SHA-256, before the graph in its file

Export = Callable[[CausalDiT, int | None], bytes]


def kept_graph(export: Export, network: CausalDiT, weight_bits: int | None) -> bytes:
    """What `export` makes of a network with weights of so many bits: from the disk, else made and kept there.

    Where nothing can be written it is made each time. A file that is damaged is made anew.
    """
    folder = _folder()
    if folder is None:
        return export(network, weight_bits)
    path = folder / f"{export.__name__}-{_key(export, network, weight_bits)}{_SUFFIX}"
    graph = _read(path)
    if graph is None:
        graph = export(network, weight_bits)
        with contextlib.suppress(OSError):
            _write(path, graph)
            _delete_unused(folder)
    return graph


@cache
def _folder() -> Path | None:
    """Beside this module's compiled code, where whoever can write could change the code, too; else a private one."""
    beside = Path(cache_from_source(__file__)).parent
    return beside if is_writable(beside) else temporary_cache_folder()


def _key(export: Export, network: CausalDiT, weight_bits: int | None) -> str:
    """The digest of all that decides a graph, as hexadecimal digits."""
    total = hashlib.sha256(_sources())
    facts = (export.__name__, weight_bits, network.config.to_dict(), network.ranges)
    total.update(json.dumps((facts, torch.__version__, onnx.__version__, onnxruntime.__version__)).encode())
    for name, value in sorted(network.state_dict().items()):
        total.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        total.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()[:32]


@cache
def _sources() -> bytes:
    """The digest of the sources that a graph is made by."""
    total = hashlib.sha256()
    assert onnx_export.__file__ is not None and attention.__file__ is not None
    for file in (*sorted(Path(models.__path__[0]).rglob("*.py")), Path(onnx_export.__file__), Path(attention.__file__)):
        total.update(file.read_bytes())
    return total.digest()


def _read(path: Path) -> bytes | None:
    """The graph in a file; None if there is none, or it is damaged."""
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        if hashlib.sha256(data[_DIGEST_BYTES:]).digest() == data[:_DIGEST_BYTES]:
            os.utime(path)  # the time of its last use
            return data[_DIGEST_BYTES:]
    return None


def _write(path: Path, graph: bytes) -> None:
    """Write a file at once or not at all. Raises OSError."""
    descriptor, part = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(graph).digest() + graph)
        os.replace(part, path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise


def _delete_unused(folder: Path) -> None:
    """Keep the MAX_KEPT graphs that were used last. Raises OSError."""
    for old in sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)[:-MAX_KEPT]:
        old.unlink(missing_ok=True)
