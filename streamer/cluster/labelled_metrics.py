"""Prometheus texts of several replicas as one, each sample with the name of its replica."""

from __future__ import annotations

from collections.abc import Mapping


def labelled_metrics(texts: Mapping[str, str]) -> str:
    """One exposition text. texts: of each replica, by its name, in the text format of Prometheus (version 0.0.4), in
    which each family's lines follow its `# HELP` and `# TYPE`.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for replica, text in texts.items():
        family = ""
        for line in text.splitlines():
            if line.startswith("#"):
                family = line.split(" ", 3)[2]
                if line not in heads.setdefault(family, []):
                    heads[family].append(line)
            elif line:
                samples.setdefault(family, []).append(_labelled(line, replica))
    return "".join(f"{line}\n" for family, head in heads.items() for line in [*head, *samples.get(family, [])])


def _labelled(line: str, replica: str) -> str:
    """A sample's line, `name{label="value"} number`, with one label more. Values may hold spaces and braces."""
    name = line[: min(place for place in (line.find("{"), line.find(" ")) if place >= 0)]
    rest = line[len(name) :]
    others = f",{rest[1:]}" if rest.startswith("{") and not rest.startswith("{}") else f"}}{rest.removeprefix('{}')}"
    return f'{name}{{replica="{replica}"{others}'
