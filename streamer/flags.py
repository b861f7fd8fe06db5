"""Dataclass fields as command-line flags: name, type, range, default and help of a setting are declared at its field.

    port: Annotated[int, Meta(ge=0, le=65535), Flag("port to listen on", SERVER)] = 8080

A `bool` that is true by default is spelled `--no-NAME`, a tuple may be repeated (a `Meta` with lengths says how
often), a `Literal` lists its choices, a field without a default is required. msgspec checks every value, whatever its
source, against the annotation; a value that does not fit is answered by one sentence that names its place.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from streamer.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Flag:
    """How a field looks on the command line.

    help: one line. group: heading of `--help` under which it stands. metavar: name of its value. bare: value of the
    flag given without one; None: it needs one. rule: takes (place, text) and returns the text to keep, or raises
    SettingsError.
    """

    help: str
    group: str
    metavar: str | None = None
    bare: str | None = None
    rule: Callable[[str, str], str] | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A field and what its annotation declares.

    name: of the field. hint: the whole annotation. kind: int, float, bool, str or Path. choices: texts that are
    allowed, empty: any. bounds: least and greatest number, or how many values a repeated one takes. repeated: whether
    it is a tuple of texts or paths. default: MISSING if required.
    """

    name: str
    hint: Any
    flag: Flag
    kind: type
    choices: tuple[str, ...]
    bounds: tuple[float | None, float | None]
    repeated: bool
    default: Any

    @property
    def spelling(self) -> str:
        """`--name`, or `--no-name` where giving it switches off."""
        return ("--no-" if self.kind is bool and self.default is True else "--") + self.name.replace("_", "-")

    def check(self, place: str, value: Any) -> Any:
        """The value as the field holds it. place: where it was written. Raises SettingsError."""
        value = [value] if self.repeated and isinstance(value, str) else value
        least, most = self.bounds
        if self.repeated and isinstance(value, list) and most is not None and not (least or 0) <= len(value) <= most:
            raise SettingsError(f"{place} has {len(value)} values; it takes {least or 0} to {most}.")
        try:
            checked = msgspec.convert(value, self.hint, dec_hook=_to_path)
        except msgspec.ValidationError as error:
            shown = value if self.kind in (int, float) else repr(value)
            raise SettingsError(f"{place} is {shown}; it must be {self._demand(value)}.") from error
        if self.flag.rule is None or checked is None:
            return checked
        if self.repeated:
            return tuple(self.flag.rule(place, text) for text in checked)
        return self.flag.rule(place, checked)

    def _demand(self, value: Any) -> str:
        """What a value that is refused should have been."""
        if self.repeated:
            return "text or a list of texts"
        if self.choices and isinstance(value, str):
            return f"one of {', '.join(self.choices)}"
        demand = {int: "a whole number", float: "a number", bool: "true or false"}.get(self.kind, "text")
        if self.kind in (int, float) and not isinstance(value, bool):
            demand += " from {} to {}".format(*self.bounds)
        return demand


@cache
def options_of(settings: type) -> tuple[Option, ...]:
    """The options of a dataclass whose every field carries a `Flag`, in the order of the fields."""
    hints = get_type_hints(settings, include_extras=True)
    return tuple(_option(spec.name, hints[spec.name], spec.default) for spec in fields(settings))


def make_parser(settings: type, program: str, description: str) -> argparse.ArgumentParser:
    """A command line with one flag for each option. Flags that are not given are absent from its result."""
    parser = argparse.ArgumentParser(
        prog=program, description=description, argument_default=argparse.SUPPRESS, allow_abbrev=False
    )
    groups: dict[str, Any] = {}
    for option in options_of(settings):
        flag = option.flag
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group)
        shown = "" if option.kind is bool or option.default in (None, (), MISSING) else f" ({_shown(option.default)})"
        more: dict[str, Any] = {"dest": option.name, "help": flag.help + shown}
        if option.default is MISSING:
            more["required"] = True
        if option.kind is bool:
            more["action"] = "store_false" if option.default else "store_true"
        elif option.choices:
            more["choices"] = option.choices
        else:
            more["metavar"] = flag.metavar or "N"
            if option.kind in (int, float):
                more["type"] = option.kind
            if option.repeated:
                more["action"] = "append"
            if flag.bare is not None:
                more.update(nargs="?", const=flag.bare)
        groups[flag.group].add_argument(option.spelling, **more)
    return parser


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> dict[str, tuple[str, Any]]:
    """What a command line gives, by field: the flag's spelling for sentences, and the value. argparse itself exits on
    unknown flags.
    """
    given = vars(parser.parse_args(arguments))
    return {name: (f"--{name.replace('_', '-')}", value) for name, value in given.items()}


def check_all(settings: type, given: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Checked values by field, in the order of the fields; those that are not given are left out. Raises
    SettingsError.
    """
    return {option.name: option.check(*given[option.name]) for option in options_of(settings) if option.name in given}


def _option(name: str, hint: Any, default: Any) -> Option:
    inner, *extras = get_args(hint)
    flag = next(extra for extra in extras if isinstance(extra, Flag))
    if get_origin(inner) in (Union, UnionType):
        inner = next(part for part in get_args(inner) if part is not NoneType)
    if get_origin(inner) is Annotated:  # a bound of a number that may be None belongs to the number
        inner, *bounded = get_args(inner)
        extras += bounded
    meta = next((extra for extra in extras if isinstance(extra, msgspec.Meta)), msgspec.Meta())
    repeated, choices = get_origin(inner) is tuple, get_args(inner) if get_origin(inner) is Literal else ()
    kind = get_args(inner)[0] if repeated else str if choices else inner
    bounds = (meta.min_length, meta.max_length) if repeated else (meta.ge, meta.le)
    return Option(name, hint, flag, kind, choices, bounds, repeated, default)


def _shown(default: Any) -> str:
    """A default as `--help` shows it."""
    return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _to_path(kind: type, value: Any) -> Any:
    """msgspec's hook for types that it does not support: a path is written as text."""
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise msgspec.ValidationError(f"Expected {kind.__name__}")
