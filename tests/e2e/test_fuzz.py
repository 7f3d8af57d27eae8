"""The deployed API against its own OpenAPI document: whatever is sent, the answer is one that the document knows."""

from collections import Counter
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devstack.layout import ROOT
from devstack.signing import call
from devstack.stack import Stack

DOCUMENT = ROOT / "docs/openapi.yaml"
API = schemathesis.openapi.from_path(DOCUMENT)
OPERATIONS = {
    operation.label: operation
    for operation in (found.ok() for found in API.get_all_operations() if isinstance(found, Ok))
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODES = st.sampled_from([schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])


class Signature(requests.auth.AuthBase):
    """Signs what is about to be sent, as it is."""

    def __init__(self, stack: Stack) -> None:
        self._region = stack.region
        self._credentials = Credentials(stack.credentials.access_key_id, stack.credentials.secret_access_key)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """See ``requests.auth.AuthBase``."""
        signed = AWSRequest(method=request.method, url=request.url, data=request.body)
        SigV4Auth(self._credentials, "execute-api", self._region).add_auth(signed)
        request.headers.update(signed.headers.items())
        return request


def tried(stack: Stack, operation: "schemathesis.APIOperation[Any, Any, Any, Any]", *, tries: int) -> None:
    """So many requests, with a live token in half of them."""
    statuses: Counter[int] = Counter()
    signature = Signature(stack)

    @hypothesis.settings(
        max_examples=tries, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None
    )
    @hypothesis.given(st.data(), MODES, st.booleans())
    def sent(data: st.DataObject, mode: schemathesis.GenerationMode, is_alive: bool) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if is_alive:
            case.headers["Session-Token"] = call(stack, "POST", "/sessions", body={"data": {}}).json()["token"]
            if data.draw(st.booleans()):
                case.headers["If-Match"] = data.draw(st.sampled_from(["*", '"1"', '"2"', 'W/"1"', '"0", "1"', "1"]))
        response = case.call(base_url=stack.api_url, auth=signature)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    sent()
    print(operation.label, dict(sorted(statuses.items())))  # noqa: T201  # `pytest -rP` shows the figures


@pytest.mark.parametrize("tries", [25, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_the_document_knows(stack: Stack, label: str, tries: int) -> None:
    """To what fits the document and to what does not, with a live token and without."""
    tried(stack, OPERATIONS[label], tries=tries)


def test_an_answer_that_the_document_does_not_know_is_noticed(stack: Stack) -> None:
    """Of a document that leaves out the answer to a token that opens nothing."""
    document = yaml.safe_load(DOCUMENT.read_text())
    del document["paths"]["/session"]["get"]["responses"]["404"]
    forgetful = schemathesis.openapi.from_dict(document)
    with pytest.raises(FailureGroup):
        tried(stack, forgetful["/session"]["GET"], tries=25)
