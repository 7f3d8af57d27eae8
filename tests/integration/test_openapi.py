"""docs/openapi.yaml says what the functions do. That each answer fits it is checked wherever a test sends a request."""

import re
from collections.abc import Iterator

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import validate

from sojourn_service import bodies, problems, routes_expire, routes_read, routes_write
from sojourn_service.api import Route
from tests.integration.gateway import FUNCTIONS, SPECIFICATION, Gateway
from tests.integration.specification import ROOT, Specification


def routes() -> Iterator[Route]:
    """Every route of every function."""
    for table in FUNCTIONS.values():
        yield from table


def test_the_document_is_openapi_3_1() -> None:
    """As its own specification has it."""
    validate(SPECIFICATION.document)
    assert SPECIFICATION.document["openapi"].startswith("3.1")


def test_the_documents_operations_are_the_functions_routes() -> None:
    """None is missing on either side, and no two functions serve the same."""
    keys = [route.key for route in routes()]
    assert sorted(keys) == sorted(SPECIFICATION.operations())


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.key)
def test_an_operation_has_the_parameters_of_its_route(route: Route) -> None:
    """In the query and in the path."""
    assert SPECIFICATION.parameters(route.key, place="query") == route.parameters
    assert SPECIFICATION.parameters(route.key, place="path") == set(re.findall(r"{(\w+)}", route.key))


def test_examples_fit_their_schemas() -> None:
    """A reader copies them."""
    assert SPECIFICATION.check_examples() > 10


def test_every_kind_of_problem_is_described() -> None:
    """By its name, since clients branch on it."""
    source = "".join(
        (ROOT / f"layers/service/sojourn_service/{name}.py").read_text() for name in ("problems", "requests", "bodies")
    )
    kinds = {kind for kind in re.findall(r'^\s+"([a-z]+(?:-[a-z]+)+)",?$', source, flags=re.MULTILINE)}
    kinds |= set(re.findall(r'Problem\(\s*\d+,\s*"([a-z-]+)"', source))
    text = (ROOT / "docs/openapi.yaml").read_text() + (ROOT / "docs/http-api.md").read_text()
    assert len(kinds) == 14
    assert {kind for kind in kinds if f"`{kind}`" not in text} == set()


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
    with pytest.raises(ValidationError):
        without = {name: value for name, value in answer.headers.items() if name != "ETag"}
        specification.judge("POST /sessions", status=201, **judged | {"headers": without})
