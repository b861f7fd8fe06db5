"""Everything a person can set: one frozen dataclass, filled from flags, a TOML file and the environment, of which
the first that gives a value wins.

Each field of `Settings` is one flag and one TOML key. Annotations that
`streamer.animate` shares are in `streamer/shared_settings.py`.
"""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from streamer import flags
from streamer.addresses import arrives_at, origin, receiving_port, stun, turn
from streamer.errors import SettingsError
from streamer.flags import Flag
from streamer.options import (
    LARGEST_PERSON,
    OWN_ASPECT,
    Background,
    Codec,
    Precision,
    parse_colour,
)
from streamer.shared_settings import (
    DRAWING,
    PICTURE,
    Aspect,
    BackgroundFile,
    Bones,
    Checkpoint,
    Colour,
    Device,
    Frame,
    Generator,
    KeepInFrame,
    MoodWords,
    Person,
    PointsFile,
    References,
    ShiftX,
    ShiftY,
    Size,
    Smooth,
    Speed,
    Steps,
    Who,
    Zoom,
)
from streamer.stream_address import is_whip, publish_address

TOKEN_VARIABLE = "KAGAMI_TOKEN"
TURN_PASSWORD_VARIABLE = "KAGAMI_TURN_PASSWORD"
PUBLISH_VARIABLE = "KAGAMI_PUBLISH"  # an address that holds a stream key or a passphrase
PUBLISH_TOKEN_VARIABLE = "KAGAMI_PUBLISH_TOKEN"
SECRETS = {
    "token": TOKEN_VARIABLE,
    "turn_password": TURN_PASSWORD_VARIABLE,
    "publish": PUBLISH_VARIABLE,
    "publish_token": PUBLISH_TOKEN_VARIABLE,
}
MIN_SECRET_LENGTH = 8

SERVER, PROGRAMS, NETWORK, LIMITS = "server", "other programs", "network", "limits"


def _secret(place: str, text: str) -> str:
    if len(text) < MIN_SECRET_LENGTH:
        raise SettingsError(f"{place} is shorter than {MIN_SECRET_LENGTH} characters: choose a longer word.")
    return text


def _bearer_token(place: str, text: str) -> str:
    if re.fullmatch(r"[!-~]+", text) is None:
        raise SettingsError(f"{place} has a space or a character that HTTP cannot send: copy it again.")
    return text


@dataclass(frozen=True)
class Settings:
    """What `run_server.py` runs with; the `Flag` of a field gives its meaning. Made and checked by `read_settings`."""

    ref: References = (Path("assets/avatar.png"),)
    points: PointsFile = None
    person: Person = LARGEST_PERSON
    bones: Bones = ""
    background: Annotated[Background, Flag("background at the start", PICTURE)] = "original"
    background_file: BackgroundFile = None
    colour: Colour = "#00b140"
    mirror: Annotated[bool, Flag("start with the avatar not mirrored", PICTURE)] = True
    body: Annotated[bool, Flag("start without following shoulders, arms and hands (saves time)", PICTURE)] = True
    smooth: Smooth = True
    who: Who = LARGEST_PERSON
    mood: MoodWords = ""
    virtual_camera: Annotated[
        str | None,
        Flag(
            "also write the newest session to a virtual camera (OBS), of this name if given", PICTURE, "NAME", bare=""
        ),
    ] = None

    generator: Generator = "dit"
    device: Device = "auto"
    size: Size = 512
    frame: Frame = "whole"
    aspect: Aspect = OWN_ASPECT
    zoom: Zoom = 1.0
    shift_x: ShiftX = 0.0
    shift_y: ShiftY = 0.0
    keep_in_frame: KeepInFrame = True
    fps: Annotated[float, Meta(ge=1, le=60), Flag("most avatar frames a second", DRAWING)] = 30.0
    speed: Speed = "balanced"
    steps: Steps = 1
    checkpoint: Checkpoint = None
    precision: Annotated[
        Precision | None, Flag("numbers that the network computes in on a GPU, if not the best of the device", DRAWING)
    ] = None

    host: Annotated[str, Flag("address to listen on; 0.0.0.0 for the whole network", SERVER, "ADDRESS")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), Flag("port to listen on; 0 takes a free one", SERVER)] = 8080
    https: Annotated[
        bool,
        Flag("serve HTTPS with a certificate made at the start, which a phone needs to give its camera", SERVER),
    ] = False
    open: Annotated[bool, Flag("do not show the page in the browser of this desktop", SERVER)] = True
    token: Annotated[
        str | None,
        Flag(
            f"word that the page must know (better in the environment: {TOKEN_VARIABLE})", SERVER, "WORD", rule=_secret
        ),
    ] = None
    allow_origin: Annotated[
        tuple[str, ...],
        Flag(
            "further address under which the page may be opened, https://HOST[:PORT]; may be repeated", SERVER,
            "ORIGIN", rule=origin,
        ),
    ] = ()  # fmt: skip
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Flag("how much to log", SERVER)] = "warning"

    control_api: Annotated[
        Literal["local", "token", "off"],
        Flag("who may use the control API: this machine, token holders, none", PROGRAMS),
    ] = "local"
    pictures: Annotated[Path | None, Flag("folder of pictures for the control API", PROGRAMS, "FOLDER")] = None
    osc: Annotated[
        str | None,
        Flag(
            "take controls by OSC at this UDP port, of this machine alone; see docs/osc.md", PROGRAMS, "[HOST:]PORT",
            rule=receiving_port,
        ),
    ] = None  # fmt: skip
    vmc_send: Annotated[
        str | None,
        Flag(
            "send the newest session's motion by VMC to a program at this UDP port; see docs/osc.md", PROGRAMS,
            "[HOST:]PORT", rule=receiving_port,
        ),
    ] = None  # fmt: skip
    vmc_faces: Annotated[
        Literal["arkit", "vrm"],
        Flag("blendshapes that it sends: ARKit's 52 (perfect sync), or those of every VRM model", PROGRAMS),
    ] = "arkit"
    whip: Annotated[
        bool,
        Flag("take cameras of encoders (OBS) at /whip, give players the avatar at /whep; see docs/whip.md", PROGRAMS),
    ] = False
    publish: Annotated[
        str | None,
        Flag(
            "send the newest session's avatar to a media server: https:// (WHIP), rtmp://, rtmps://, srt://, see "
            f"docs/outputs.md (better in the environment: {PUBLISH_VARIABLE})", PROGRAMS, "URL", rule=publish_address,
        ),
    ] = None  # fmt: skip
    publish_token: Annotated[
        str | None,
        Flag(
            f"bearer token for it (better in the environment: {PUBLISH_TOKEN_VARIABLE})", PROGRAMS, "WORD",
            rule=_bearer_token,
        ),
    ] = None  # fmt: skip
    ndi: Annotated[
        str | None,
        Flag(
            "announce the newest session's avatar in the network as an NDI source, of this name if given", PROGRAMS,
            "NAME", bare="",
        ),
    ] = None  # fmt: skip
    record: Annotated[
        Path | None,
        Flag("record the avatar and the sound of the newest session into this folder", PROGRAMS, "FOLDER"),
    ] = None

    vmc_receive: Annotated[
        str | None,
        Flag(
            "take trackers that send VMC at this UDP port, in place of the camera; see docs/osc.md", PROGRAMS,
            "[HOST:]PORT", bare="39540", rule=receiving_port,
        ),
    ] = None  # fmt: skip
    ifacialmocap: Annotated[
        str | None,
        Flag(
            "the same for iFacialMocap, MeowFace and others that send as it does; a phone needs HOST 0.0.0.0",
            PROGRAMS, "[HOST:]PORT", bare="49983", rule=receiving_port,
        ),
    ] = None  # fmt: skip

    codec: Annotated[Codec, Flag("video codec; auto takes what the browser likes best", NETWORK)] = "auto"
    bitrate: Annotated[float, Meta(ge=0.2, le=20), Flag("most megabits a second of avatar video", NETWORK)] = 3.0
    stun: Annotated[
        tuple[str, ...], Flag("STUN server, stun:HOST:PORT; may be repeated", NETWORK, "URL", rule=stun)
    ] = ()
    turn: Annotated[
        tuple[str, ...], Flag("TURN server, turn:HOST:PORT; may be repeated", NETWORK, "URL", rule=turn)
    ] = ()
    turn_user: Annotated[str | None, Flag("user name for the TURN servers", NETWORK, "NAME")] = None
    turn_password: Annotated[
        str | None,
        Flag(
            f"password for the TURN servers (better in the environment: {TURN_PASSWORD_VARIABLE})", NETWORK, "WORD",
            rule=_secret,
        ),
    ] = None  # fmt: skip

    max_sessions: Annotated[int, Meta(ge=1, le=256), Flag("people served at once; one more is refused", LIMITS)] = 4
    min_fps: Annotated[
        float, Meta(ge=0, le=60),
        Flag(
            "one person more is refused when everybody would fall below so many frames a second; 0 refuses nobody",
            LIMITS,
        ),
    ] = 12.0  # fmt: skip
    max_upload_mb: Annotated[
        float, Meta(ge=0.1, le=200), Flag("largest picture that the page may upload, megabytes", LIMITS)
    ] = 20.0
    film_minutes: Annotated[
        float, Meta(ge=0, le=180), Flag("longest clip that the page makes a film of, minutes; 0 makes none", LIMITS)
    ] = 10.0
    max_clip_mb: Annotated[
        float, Meta(ge=1, le=8000), Flag("largest clip that the page makes a film of, megabytes", LIMITS)
    ] = 500.0

    @property
    def tracker_ports(self) -> dict[str, str]:
        """Where trackers of other programs are received, HOST:PORT by what they speak."""
        ports = {"iFacialMocap": self.ifacialmocap, "VMC": self.vmc_receive}
        return {kind: at for kind, at in ports.items() if at is not None}

    @property
    def colour_rgb(self) -> tuple[int, int, int]:
        """`colour` as red, green and blue, 0..255."""
        return parse_colour(self.colour)


def make_parser() -> argparse.ArgumentParser:
    """The command line of `run_server.py`. Flags that are not given are absent from its result."""
    parser = flags.make_parser(
        Settings,
        "run_server.py",
        "Kagami: a picture that makes your face, live. Start it, open the page, allow the camera.",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file with the same settings; flags win over it"
    )
    parser.add_argument("--version", action="version", version=f"Kagami {_version()}")
    return parser


def read_settings(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a command line (default: sys.argv), a TOML file that it names, and the environment.

    Raises SettingsError; argparse itself exits on unknown flags.
    """
    flagged = flags.parse(make_parser(), arguments)
    _, config = flagged.pop("config", ("", None))
    given: dict[str, tuple[str, Any]] = {
        name: (variable, environment[variable]) for name, variable in SECRETS.items() if environment.get(variable)
    }
    if config is not None:
        given |= _read_file(config)
    settings = Settings(**flags.check_all(Settings, given | flagged))
    check_background_file(settings.background, settings.background_file)
    if settings.publish_token is not None and settings.publish is not None and not is_whip(settings.publish):
        raise SettingsError("--publish-token is for WHIP alone, RTMP and SRT have it in the address: leave it out.")
    if settings.vmc_send and settings.vmc_receive and arrives_at(settings.vmc_send, settings.vmc_receive):
        raise SettingsError(
            "--vmc-send and --vmc-receive have the same port: what is sent would come back; change one."
        )
    if settings.pictures is not None and not settings.pictures.is_dir():
        raise SettingsError(f"--pictures is '{settings.pictures}', which is no folder: give one with pictures in it.")
    if settings.osc is not None and settings.control_api == "off":
        raise SettingsError("--osc opens the control API, which --control-api off closes: leave one of them out.")
    return settings


def check_background_file(background: Background, path: Path | None) -> None:
    """Raises SettingsError for a background that needs a file which is not given."""
    if background == "picture" and path is None:
        raise SettingsError("--background picture needs a picture or a clip: give --background-file, too.")


def _read_file(path: Path) -> dict[str, tuple[str, Any]]:
    """What a TOML file gives, by field: place for sentences, and value. Raises SettingsError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read {path} ({error.strerror}): give --config an existing TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML ({error}): correct it.") from error
    known = {option.name for option in flags.options_of(Settings)}
    given: dict[str, tuple[str, Any]] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            raise SettingsError(f"{path} sets '{key}', which does not exist; run_server.py --help lists the settings.")
        if name in (
            "ref",
            "points",
            "background_file",
            "pictures",
            "record",
        ):  # a file's paths are relative to its own folder
            value = _below(path.parent, value)  # noqa: PLW2901
        given[name] = (f"'{key}' in {path}", value)
    return given


def _below(folder: Path, value: Any) -> Any:
    """A path of a TOML file, or each of a list of them, below a folder; anything else as it is."""
    if isinstance(value, list):
        return [_below(folder, each) for each in value]
    return str(folder / value) if isinstance(value, str) else value


def _version() -> str:
    try:
        return version("kagami")
    except PackageNotFoundError:
        return "(not installed)"
