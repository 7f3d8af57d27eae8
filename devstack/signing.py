"""HTTP requests signed with AWS credentials, as any client of the API sends them. Judges no answer."""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from devstack.stack import Stack

# At DEBUG botocore's signer logs every header that it signs, the token's among them.
logging.getLogger("botocore.auth").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401  # JSON is whatever it is
        """The body's JSON."""
        return json.loads(self.body)


def call(
    stack: Stack,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: object = None,
    is_signed: bool = True,
    timeout: float = 30,
) -> Answer:
    """One request to the stack's API. Answers with any status; raises ``OSError`` when there is no answer."""
    content = b"" if body is None else json.dumps(body).encode()
    given = ({} if body is None else {"content-type": "application/json"}) | dict(headers or {})
    url = f"{stack.api_url}{path}"
    request = AWSRequest(method=method, url=url, data=content, headers=given)
    credentials = Credentials(stack.credentials.access_key_id, stack.credentials.secret_access_key)
    if is_signed:
        SigV4Auth(credentials, "execute-api", stack.region).add_auth(request)
    return _send(
        urllib.request.Request(url, data=content or None, headers=dict(request.headers.items()), method=method),
        timeout=timeout,
    )


def _send(request: urllib.request.Request, *, timeout: float) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, dict(refusal.headers.items()), refusal.read())
