"""docs/openapi.yaml says what the functions do. That each answer fits it is checked wherever a test sends a request."""

import re
from typing import Final, get_args

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import validate

from sojourn_service.api import Route
from sojourn_service.problems import Kind
from tests.service.gateway import FUNCTIONS, SPECIFICATION, Gateway
from tests.service.specification import ROOT, Specification

ROUTES: Final = [route for routes in FUNCTIONS.values() for route in routes]


def test_the_document_is_openapi_3_1() -> None:
    """As its own specification has it."""
    validate(SPECIFICATION.document)
    assert SPECIFICATION.document["openapi"].startswith("3.1")


def test_the_documents_operations_are_the_functions_routes() -> None:
    """None is missing on either side, and no two functions serve the same."""
    keys = [route.key for route in ROUTES]
    assert sorted(keys) == sorted(SPECIFICATION.operations())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
def test_an_operation_has_the_parameters_of_its_route(route: Route) -> None:
    """In the query and in the path."""
    assert SPECIFICATION.parameters(route.key, place="query") == route.parameters
    assert SPECIFICATION.parameters(route.key, place="path") == set(re.findall(r"{(\w+)}", route.key))


def test_examples_fit_their_schemas() -> None:
    """A reader copies them."""
    assert SPECIFICATION.check_examples() > 10


def test_every_kind_of_problem_is_described() -> None:
    """By its name, since clients branch on it."""
    api, page = ((ROOT / "docs" / name).read_text() for name in ("openapi.yaml", "http-api.md"))
    for kind in get_args(Kind):
        assert f"`{kind}`" in page
        assert f"`{kind}`" in api or kind == "no-such-route"


def test_an_answer_that_the_document_does_not_know_would_fail_the_tests(gateway: Gateway) -> None:
    """The judge is no rubber stamp: a field too many, a status, a missing header."""
    specification = Specification()
    answer = gateway.send("POST", "/sessions", body={"data": {}})
    judged = {"headers": answer.headers, "document": answer.json()}
    specification.judge("POST /sessions", status=201, **judged)
    with pytest.raises(AssertionError):
        specification.judge("POST /sessions", status=409, **judged)
    with pytest.raises(ValidationError):
        specification.judge("POST /sessions", status=201, **judged | {"document": answer.json() | {"more": 1}})
    without = {name: value for name, value in answer.headers.items() if name != "ETag"}
    with pytest.raises(ValidationError):
        specification.judge("POST /sessions", status=201, **judged | {"headers": without})
