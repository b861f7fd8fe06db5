"""Everything a person can set: one frozen dataclass, filled from flags, a TOML file and the environment, in that
order of weight.

Each field of `Settings` is one flag and one TOML key; name, default, range and help stand once, at the field.
"""

# ruff: noqa: RUF009 - `_setting` makes a field, as `field` does
from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from streamer.errors import SettingsError
from streamer.options import (
    BACKGROUNDS,
    CODECS,
    GENERATOR_KINDS,
    PRECISIONS,
    Background,
    Codec,
    GeneratorKind,
    Precision,
    parse_colour,
)

TOKEN_VARIABLE = "KAGAMI_TOKEN"
TURN_PASSWORD_VARIABLE = "KAGAMI_TURN_PASSWORD"
SECRETS = {"token": TOKEN_VARIABLE, "turn_password": TURN_PASSWORD_VARIABLE}


def _setting(
    default: Any,
    help: str,
    *,
    kind: type = str,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    many: bool = False,
    const: str | None = None,
    off: bool = False,
    metavar: str | None = None,
) -> Any:
    """A field and all that its flag needs. off: the flag is spelled `--no-NAME`. const: value of the flag given
    bare.
    """
    meta = dict(
        help=help, kind=kind, choices=choices, low=low, high=high, many=many, const=const, off=off, metavar=metavar
    )
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Settings:
    """What `run_server.py` runs with. Raises SettingsError from the functions below, never from here."""

    ref: Path = _setting(
        Path("assets/avatar.png"), "the picture to animate: PNG, JPEG or WebP", kind=Path, metavar="FILE"
    )
    points: Path | None = _setting(
        None, "JSON file of hand-placed points, for pictures in which no face is found", kind=Path, metavar="FILE"
    )
    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 for the whole network", metavar="ADDRESS")
    port: int = _setting(8080, "port to listen on; 0 takes a free one", kind=int, low=0, high=65535)
    device: str = _setting("auto", "where the network runs", choices=("auto", "cpu", "cuda"))
    size: int = _setting(512, "longest side of the avatar video, pixels", kind=int, low=128, high=1024)
    generator: GeneratorKind = _setting(
        "dit", "what draws: the network, or the geometric warp alone", choices=GENERATOR_KINDS
    )
    steps: int = _setting(1, "steps of the network for a frame; more take longer", kind=int, low=1, high=16)
    precision: Precision | None = _setting(
        None, "numbers that the network computes in on a GPU, if not the best of the device",
        choices=PRECISIONS,
    )  # fmt: skip
    checkpoint: Path | None = _setting(
        None, "weights of the network, if not the ones that came along", kind=Path, metavar="FILE"
    )
    max_sessions: int = _setting(4, "people served at once; one more is refused", kind=int, low=1, high=256)
    min_fps: float = _setting(
        12.0, "one person more is refused when everybody would fall below so many frames a second; 0 refuses nobody",
        kind=float, low=0, high=60,
    )  # fmt: skip
    fps: float = _setting(30.0, "most avatar frames a second", kind=float, low=1, high=60)
    codec: Codec = _setting("auto", "video codec; auto takes what the browser likes best", choices=CODECS)
    bitrate: float = _setting(3.0, "most megabits a second of avatar video", kind=float, low=0.2, high=20)
    body: bool = _setting(True, "do not follow shoulders, arms and hands (saves time)", kind=bool, off=True)
    smooth: bool = _setting(True, "do not smooth the motion", kind=bool, off=True)
    mirror: bool = _setting(True, "start with the avatar not mirrored", kind=bool, off=True)
    background: Background = _setting("original", "background at the start", choices=BACKGROUNDS)
    colour: str = _setting("#00b140", "background colour for --background colour", metavar="#RRGGBB")
    virtual_camera: str | None = _setting(
        None, "also write the newest session to a virtual camera (OBS), of this name if given", const="", metavar="NAME"
    )
    stun: tuple[str, ...] = _setting((), "STUN server, stun:HOST:PORT; may be repeated", many=True, metavar="URL")
    turn: tuple[str, ...] = _setting((), "TURN server, turn:HOST:PORT; may be repeated", many=True, metavar="URL")
    turn_user: str | None = _setting(None, "user name for the TURN servers", metavar="NAME")
    turn_password: str | None = _setting(
        None, f"password for the TURN servers (better in the environment: {TURN_PASSWORD_VARIABLE})", metavar="WORD"
    )
    token: str | None = _setting(
        None, f"word that the page must know (better in the environment: {TOKEN_VARIABLE})", metavar="WORD"
    )
    allow_origin: tuple[str, ...] = _setting(
        (), "further address under which the page may be opened, https://HOST[:PORT]; may be repeated", many=True,
        metavar="ORIGIN",
    )  # fmt: skip
    max_upload_mb: float = _setting(
        20.0, "largest picture that the page may upload, megabytes", kind=float, low=0.1, high=200
    )
    log_level: str = _setting("warning", "how much to log", choices=("debug", "info", "warning", "error"))

    @property
    def colour_rgb(self) -> tuple[int, int, int]:
        """`colour` as three numbers 0..255."""
        return parse_colour(self.colour)

    @property
    def loopback(self) -> bool:
        """True if only this machine can reach the server."""
        return self.host in ("127.0.0.1", "::1", "localhost")


def make_parser() -> argparse.ArgumentParser:
    """The command line of `run_server.py`. Values left out are absent from its result, so that the file can speak."""
    parser = argparse.ArgumentParser(
        prog="run_server.py",
        description="Kagami: a picture that makes your face, live. Start it, open the page, allow the camera.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file with the same settings; flags win over it"
    )
    for spec in fields(Settings):
        meta = spec.metadata
        flag = "--" + ("no-" if meta["off"] else "") + spec.name.replace("_", "-")
        default = "" if meta["off"] or spec.default in (None, ()) else f" ({spec.default})"
        if meta["off"]:
            parser.add_argument(flag, dest=spec.name, action="store_false", help=meta["help"])
            continue
        options: dict[str, Any] = {"dest": spec.name, "help": meta["help"] + default, "metavar": meta["metavar"]}
        if meta["choices"]:
            options.update(choices=meta["choices"], metavar=None)
        elif meta["kind"] in (int, float):
            options.update(type=meta["kind"], metavar=meta["metavar"] or "N")
        if meta["const"] is not None:
            options.update(nargs="?", const=meta["const"])
        if meta["many"]:
            options.update(action="append")
        parser.add_argument(flag, **options)
    return parser


def read_settings(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a command line (default: sys.argv). Raises SettingsError; argparse itself exits on unknown
    flags.
    """
    given = vars(make_parser().parse_args(arguments))
    config: Path | None = given.pop("config", None)
    values: dict[str, Any] = {
        name: environment[variable] for name, variable in SECRETS.items() if environment.get(variable)
    }
    if config is not None:
        values.update(_read_file(config))
    values.update({name: (f"--{_flag(name)}", value) for name, value in given.items()})
    return Settings(
        **{spec.name: _check(spec.name, values[spec.name]) for spec in fields(Settings) if spec.name in values}
    )


def _read_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read {path} ({error.strerror}); give --config an existing TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); correct it.") from error
    known = {spec.name for spec in fields(Settings)}
    values = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            raise SettingsError(f"{path} sets '{key}', which does not exist; run_server.py --help lists the settings.")
        values[name] = (f"'{key}' in {path}", value)
        if name in ("ref", "points") and isinstance(value, str):  # a file means its own folder
            values[name] = (values[name][0], str(path.parent / value))
    return values


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _check(name: str, given: Any) -> Any:
    """The value of the right type, or a sentence. given: (where it was written, value), or a bare string of the
    environment.
    """
    where, value = given if isinstance(given, tuple) else (SECRETS[name], given)
    spec = next(spec for spec in fields(Settings) if spec.name == name)
    assert spec.default is not MISSING
    meta, kind = spec.metadata, spec.metadata["kind"]
    if meta["many"]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise SettingsError(f"{where} is {value!r}; it must be text or a list of texts.")
        return tuple(_check_text(name, where, v) for v in values)
    if kind is bool or isinstance(value, bool):
        if not (kind is bool and isinstance(value, bool)):
            raise SettingsError(f"{where} is {value!r}; it must be {_describe(kind)}.")
        return value
    if kind is float and isinstance(value, int):
        value = float(value)
    if kind in (int, float):
        if not isinstance(value, kind) or not meta["low"] <= value <= meta["high"]:
            raise SettingsError(
                f"{where} is {value}; it must be {_describe(kind)} from {meta['low']} to {meta['high']}."
            )
        return value
    if not isinstance(value, str | Path):
        raise SettingsError(f"{where} is {value!r}; it must be text.")
    if kind is Path:
        return Path(value)
    if meta["choices"] and value not in meta["choices"]:
        raise SettingsError(f"{where} is '{value}'; it must be one of {', '.join(meta['choices'])}.")
    return _check_text(name, where, str(value))


def _check_text(name: str, where: str, value: str) -> str:
    if name == "colour":
        try:
            parse_colour(value)
        except ValueError as error:
            raise SettingsError(f"The colour {error}; write for example #00b140.") from error
    if name in ("stun", "turn") and not value.startswith((f"{name}:", f"{name}s:")):
        raise SettingsError(f"{where} is '{value}'; it must look like {name}:HOST:PORT.")
    if name == "allow_origin" and not value.startswith(("http://", "https://")):
        raise SettingsError(f"{where} is '{value}'; it must look like https://HOST or https://HOST:PORT.")
    if name in SECRETS and len(value) < 8:
        raise SettingsError(f"{where} is shorter than 8 characters; choose a longer word.")
    return value.rstrip("/") if name == "allow_origin" else value


def _describe(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
