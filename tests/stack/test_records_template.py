"""functions/records.yaml keeps every rule of records_rules.py, and every rule notices when it is broken."""

import inspect
from collections.abc import Callable, Iterator

import pytest

from devstack.layout import ROOT
from devstack.template import Template, read_template
from tests.stack import records_rules
from tests.stack.mutation import DELETE, changed

RULES: dict[str, Callable[[Template], Iterator[str]]] = {
    name: rule
    for name, rule in inspect.getmembers(records_rules, inspect.isfunction)
    if rule.__module__ == records_rules.__name__ and not name.startswith("_")
}


def _of(resource: str, *path: object) -> tuple[object, ...]:
    return ("Resources", resource, "Properties", *path)


def _variable(name: str) -> tuple[object, ...]:
    return _of("Records", "Environment", "Variables", name)


MUTANTS: dict[str, list[tuple[tuple[object, ...], object]]] = {
    "it_stores_as_the_stack_does": [
        (_variable("SOJOURN_OVERFLOW_BYTES"), DELETE),
        (("Parameters", "OverflowBytes", "Default"), 131_072),
        (("Parameters", "MaxBytes", "MaxValue"), DELETE),
    ],
    "it_finds_the_stack_by_its_parameters": [
        (("Parameters", "ServiceLayerArn", "Type"), "String"),
        (("Parameters", "Table", "Default"), "/sojourn/bucket"),
        (_variable("SOJOURN_MAX_ABSOLUTE_SECONDS"), DELETE),
    ],
    "its_certificates_are_chosen_as_the_stacks": [
        (_variable("AWS_CA_BUNDLE"), DELETE),
        (_variable("AWS_CA_BUNDLE"), "/opt/python/sojourn/amazon-roots.pem"),
        (("Conditions", "TrustsAmazonAlone"), DELETE),
        (("Parameters", "AmazonRootsOnly", "Default"), "true"),
    ],
    "it_is_throttled": [
        (_of("Stage", "DefaultRouteSettings"), DELETE),
        (_of("Stage", "DefaultRouteSettings", "ThrottlingRateLimit"), 10_000),
    ],
    "its_access_log_may_grow": [(_of("ApiLogs", "LogGroupName"), {"Fn::Sub": "/aws/apigateway/${AWS::StackName}"})],
    "its_metrics_are_its_own": [
        (_variable("POWERTOOLS_SERVICE_NAME"), "sojourn-records"),
        (_of("Records", "LoggingConfig", "LogFormat"), "JSON"),
    ],
    "its_route_is_signed": [
        (_of("Route", "AuthorizationType"), "NONE"),
        (_of("Route", "RouteKey"), "$default"),
    ],
}


@pytest.fixture(scope="module")
def template() -> Template:
    """The template as it is."""
    return read_template(ROOT / "functions/records.yaml")


@pytest.mark.parametrize("rule", RULES)
def test_the_records_template_keeps_every_rule(rule: str, template: Template) -> None:
    """Nothing in the template breaks it."""
    assert list(RULES[rule](template)) == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_the_records_template_notices_when_it_is_broken(rule: str, template: Template) -> None:
    """Each mutant is reported by its own rule and by no other."""
    assert MUTANTS.keys() == RULES.keys()
    for path, value in MUTANTS[rule]:
        mutant = changed(template, path, value)
        assert [name for name, judge in RULES.items() if list(judge(mutant))] == [rule], path
