"""Templates that the documentation shows to consumers: what they are told of the stack that they use."""

import re
from collections.abc import Iterator

import pytest

from devstack.layout import ROOT
from devstack.template import Template, parsed

SHOWN = {
    **{
        f"{page.name}, {number}": text
        for page in sorted((ROOT / "docs").glob("*.md"))
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE))
        if "SOJOURN_TABLE" in text
    },
    "the shop": (ROOT / "examples/shop/template.yaml").read_text(),
    "the tests' own": (ROOT / "tests/e2e/consumer.yaml").read_text(),
}
LOOKED_UP = "AWS::SSM::Parameter::Value<String>"


def overlong(template: Template) -> Iterator[str]:
    """The functions whose sessions may live longer than the bucket keeps their documents."""
    looked_up = {"Type": LOOKED_UP, "Default": "/sojourn/max-absolute-seconds"}
    parameter = template["Parameters"].get("MaxAbsoluteSeconds", {})
    is_known = looked_up.items() <= parameter.items()
    for name, resource in template["Resources"].items():
        variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
        longest = variables.get("SOJOURN_MAX_ABSOLUTE_SECONDS")
        if "SOJOURN_BUCKET" in variables and not (is_known and longest == {"Ref": "MaxAbsoluteSeconds"}):
            yield name


@pytest.mark.parametrize("shown", SHOWN)
def test_no_session_of_a_consumer_outlives_its_document(shown: str) -> None:
    """The bucket deletes what is older than the stack's longest life: the stack says how long that is."""
    assert list(overlong(parsed(SHOWN[shown]))) == []


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize(
    ("line", "other"), [("SOJOURN_MAX_ABSOLUTE_SECONDS: !Ref", "OTHER: !Ref"), ("max-absolute-seconds", "table")]
)
def test_a_template_that_leaves_it_out_is_noticed(shown: str, line: str, other: str) -> None:
    """The variable, or where its value comes from; and what the guide shows is looked at."""
    assert list(overlong(parsed(SHOWN[shown].replace(line, other))))
    assert len([name for name in SHOWN if name.startswith("guide.md")]) == 2
