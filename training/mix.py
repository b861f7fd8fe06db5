"""Interpolates the weights of two networks, or copies a part of one to another: `python -m training.mix A B --out C`.

The mean of the weights of a run and of its continuation draws as sharply as the one and generalises as well as the
other (Wortsman et al. 2022, "Model soups"). `--part closeups --share 1` copies one network's close-ups to another,
whose transformer may have any shape. The quantisation ranges are dropped: run `training.calibrate` afterwards.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models import checkpoint
from models.checkpoint_header import CheckpointError
from models.dit import CausalDiT


def interpolate(first: CausalDiT, second: CausalDiT, share: float, part: str = "") -> CausalDiT:
    """Interpolate the weights whose names begin with `part` from first towards second, in place; drops the ranges.

    share: 0 = first, 1 = second. Raises ValueError where these weights have other names or shapes in `second`.
    """
    weights, others = first.state_dict(), second.state_dict()
    names = [name for name in weights if name.startswith(part)]
    mismatched = [name for name in names if name not in others or others[name].shape != weights[name].shape]
    if mismatched or not names:
        raise ValueError(f"{mismatched[0] if mismatched else part} is not the same in both networks")
    first.load_state_dict({**weights, **{name: weights[name].lerp(others[name], share) for name in names}})
    first.ranges = {}
    return first


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("first", type=Path, help="weights whose shape and notes the result has")
    parser.add_argument("second", type=Path, help="weights that are mixed in")
    parser.add_argument("--share", type=float, default=0.5, help="of the second, 0..1 (0.5)")
    parser.add_argument("--part", default="", help="mix only weights whose names begin with this, as closeups")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    given = parser.parse_args(arguments)
    if not 0 <= given.share <= 1:
        parser.error(f"--share must lie in 0..1, got {given.share}")
    try:
        network = interpolate(checkpoint.load(given.first), checkpoint.load(given.second), given.share, given.part)
        note = f"{given.share:g} of {given.part or 'all'} from {given.second.name}"
        checkpoint.save(network, given.out, {**checkpoint.notes_of(given.first), "mixed": note})
    except CheckpointError as error:
        raise SystemExit(str(error)) from error
    except ValueError as error:
        reason = f"{given.second} cannot be mixed into {given.first}: {error}"
        raise SystemExit(f"{reason}: choose another --part.") from error


if __name__ == "__main__":
    main()
