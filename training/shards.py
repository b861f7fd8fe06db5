"""Files of training samples: compact, written whole or not at all, read in any order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

Sample = dict[str, NDArray]
PICTURES = ("ref_image", "target_image")
BYTES = ("ref_matte", "ref_label", "target_matte", "target_label", "visible")
FLOW_STEP = 16  # flow is stored in sixteenths of a pixel


def _encode(name: str, value: NDArray) -> list[NDArray[np.uint8]]:
    """An image-like array → one code per picture: JPEG for colours, PNG for mattes, labels and flow."""
    if name in PICTURES:
        stack = value.reshape(-1, *value.shape[-3:])
        options = [cv2.IMWRITE_JPEG_QUALITY, 96, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        return [cv2.imencode(".jpg", p.transpose(1, 2, 0)[..., ::-1], options)[1] for p in stack]
    stack = value.reshape(-1, *value.shape[-2:])
    if name == "flow":
        size = value.shape[-1]
        stack = np.clip(np.round(stack * (size / 2 * FLOW_STEP)) + 32768, 0, 65535).astype(np.uint16)
    return [cv2.imencode(".png", p, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1] for p in stack]


def _decode(name: str, codes: list[NDArray[np.uint8]]) -> NDArray:
    if name in PICTURES:
        stack = np.stack([cv2.imdecode(c, cv2.IMREAD_COLOR)[..., ::-1].transpose(2, 0, 1) for c in codes])
        return stack[0] if name == "ref_image" else stack
    pictures = [cv2.imdecode(c, cv2.IMREAD_UNCHANGED) for c in codes]
    if name == "flow":
        size = pictures[0].shape[-1]
        stack = (np.stack(pictures).astype(np.float32) - 32768) / (size / 2 * FLOW_STEP)
        return stack.reshape(-1, 2, size, size)
    return pictures[0][None] if name.startswith("ref") else np.stack(pictures)[:, None]


class ShardWriter:
    """Writes samples to `shard_00000.npz` … in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, number: int, samples: list[Sample]) -> Path:
        """Write one shard; under its final name it is always complete."""
        arrays: dict[str, NDArray] = {}
        for name in samples[0]:
            if name in PICTURES or name in BYTES or name == "flow":
                codes = [code.ravel() for sample in samples for code in _encode(name, sample[name])]
                arrays[name] = np.concatenate(codes)
                arrays[name + ".ends"] = np.cumsum([len(c) for c in codes])
            else:
                arrays[name] = np.stack([sample[name] for sample in samples])
        path = self.folder / f"shard_{number:05d}.npz"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(partial, path)
        return path


def missing_shards(folder: Path, count: int) -> list[int]:
    """Numbers below `count` whose file is not there yet."""
    return [n for n in range(count) if not (folder / f"shard_{n:05d}.npz").exists()]


def read_shard(path: Path) -> list[Sample]:
    """All samples of a shard, as `SampleStream.sample` gives them (colours went through JPEG at quality 96)."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    count = len(arrays["kind"])
    samples: list[Sample] = [{} for _ in range(count)]
    for name, value in arrays.items():
        if name.endswith(".ends"):
            continue
        if name + ".ends" in arrays:
            codes = np.split(value, arrays[name + ".ends"][:-1])
            each = len(codes) // count
            for i, sample in enumerate(samples):
                sample[name] = _decode(name, codes[i * each : (i + 1) * each])
        else:
            for i, sample in enumerate(samples):
                sample[name] = value[i]
    return samples


class ShardReader(Dataset):
    """The samples of all shards in a folder, by index; keeps the last shard decoded.

    New shards that appear in the folder are seen after `refresh()`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._open: tuple[Path, list[Sample]] | None = None
        self.refresh()

    def refresh(self) -> int:
        """Look for shards again; returns their number."""
        self.paths = sorted(self.folder.glob("shard_*.npz"))
        self.per_shard = 0
        if self.paths:
            with np.load(self.paths[0], allow_pickle=False) as file:
                self.per_shard = len(file["kind"])
        return len(self.paths)

    def __len__(self) -> int:
        return len(self.paths) * self.per_shard

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        path = self.paths[index // self.per_shard]
        if self._open is None or self._open[0] != path:
            self._open = (path, read_shard(path))
        return self._open[1][index % self.per_shard]

    def shuffled(self, seed: int) -> Iterator[Sample]:
        """Endless samples in random order, four shards open at a time; sees new shards after each pass."""
        rng = np.random.default_rng(seed)
        while True:
            order = rng.permutation(len(self.paths))
            for start in range(0, len(order), 4):
                pool = [sample for n in order[start : start + 4] for sample in read_shard(self.paths[n])]
                for i in rng.permutation(len(pool)):
                    yield pool[i]
            self.refresh()
