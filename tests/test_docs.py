"""What the documents name is there: links, files, commands, flags, points."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from streamer.flags import options_of
from streamer.rigging.body_points import BODY_POINT_NAMES
from streamer.rigging.points import POINT_LANDMARKS, Points
from streamer.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "checkpoints" / "README.md"])
PARTS = (
    "streamer",
    "models",
    "kernels",
    "training",
    "benchmarks",
    "tests",
    "web_client",
    "scripts",
    "docs",
    "examples",
)
OLD_PATHS = "## Old and new paths"  # heading of the table in docs/decisions/README.md that names what is gone


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8").split(OLD_PATHS, maxsplit=1)[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(document)) + re.findall(
        r'src="([^"]+)"', text_of(document)
    )
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(PARTS)})/[\w./-]*)`", text_of(document))
    assert [path for path in named if not (ROOT / path.rstrip("/")).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_named_exist(document: Path) -> None:
    modules = set(re.findall(r"python -m ([\w.]+)", text_of(document))) - {"pytest"}
    modules |= set(re.findall(r"`((?:training|benchmarks)\.\w+)", text_of(document)))
    assert [module for module in modules if find_spec(module) is None] == []


def test_what_the_workflow_runs_exists() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w.])((?:\.ci|assets|docs|tests)/[\w./-]+)", text)
    assert len(named) > 10 and [path for path in named if not (ROOT / path).exists()] == []
    assert all(find_spec(module) for module in re.findall(r"python -m (streamer[\w.]*)", text))


def test_every_setting_is_documented_once_and_no_other() -> None:
    table = [line for line in text_of(ROOT / "docs" / "settings.md").splitlines() if line.startswith("| `--")]
    flags = re.findall(r"--[\w-]+", "\n".join(line.split("|")[1] for line in table))
    assert sorted(flags) == sorted(option.spelling for option in options_of(Settings))


def test_every_point_is_documented() -> None:
    text = (ROOT / "docs" / "points.md").read_text(encoding="utf-8")
    assert [name for name in POINT_LANDMARKS if f"`{name}`" not in text and f'"{name}"' not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"`(tests/[\w./]+\.py)::(\w+)`", text_of(document))
    missing = [test for path, test in named if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")]
    assert missing == []


def test_examples_of_points_are_valid_and_one_has_every_name() -> None:
    text = (ROOT / "docs" / "points.md").read_text(encoding="utf-8")
    examples = [Points.parse(json.loads(example)) for example in re.findall(r"^ {4}(\{.*?\})$", text, re.M | re.S)]
    assert len(examples) >= 3
    whole = max(examples, key=lambda points: len(points.positions))
    assert set(whole.positions) == {*POINT_LANDMARKS, *BODY_POINT_NAMES} and whole.outline
