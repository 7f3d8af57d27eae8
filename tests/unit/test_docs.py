"""What the documentation shows is what happens."""

import doctest
import re
from dataclasses import fields
from pathlib import Path

import pytest

from devstack.template import read_template
from sojourn import Settings

DOCS = Path(__file__).parents[2] / "docs"
TESTS = Path(__file__).parents[1]
OPTIONS = doctest.ELLIPSIS


@pytest.mark.parametrize("page", ["guide.md", "testing.md", "adapters.md", "migration.md"])
def test_every_example_of_a_page_prints_what_the_page_says(page: str) -> None:
    """A reader who types an example sees what the page shows."""
    outcome = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=OPTIONS)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def shown(default: object) -> str:
    """A default as the tables print it."""
    if default in (None, ""):
        return "unset"
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_operations_page_lists_every_parameter_with_its_default() -> None:
    """An operator finds each parameter of the template, and the default that it really has."""
    page = (DOCS / "operations.md").read_text().replace("`", "")
    for name, parameter in read_template()["Parameters"].items():
        assert f"| {name} | {shown(parameter.get('Default', ''))} |" in page


def test_the_guide_lists_every_setting_with_its_default() -> None:
    """A developer finds each SOJOURN_ variable, and the default that it really has."""
    page = (DOCS / "guide.md").read_text().replace("`", "")
    for field in fields(Settings):
        assert f"| {field.name.upper()} | {shown(field.default)} |" in page


def test_every_test_that_the_guarantees_name_exists() -> None:
    """A promise points to what holds it."""
    named = set(re.findall(r"`(test_\w+)`", (DOCS / "guarantees.md").read_text()))
    written = {name for file in TESTS.rglob("*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert named
    assert named <= written
