"""Signed requests to the deployed API, each timed. Judges no answer."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session, get_cert_path
from botocore.utils import get_environ_proxies

from verify.deployment import Deployment

_SECONDS = 30
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API returned."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON is whatever it is
        """The body's JSON; an empty object where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def kind(self) -> str:
        """Which problem it is, if it is one of Sojourn's."""
        found = self.json
        return str(found.get("type", "")).rpartition(":")[2] if isinstance(found, dict) else ""


@dataclass
class Api:
    """The API of one deployment. ``seconds`` are those of every answer that IAM let through, by route."""

    deployment: Deployment
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        bundle = self.deployment.session._session.get_config_variable("ca_bundle")  # noqa: SLF001  # boto3 has no door to it
        self._http = URLLib3Session(
            timeout=_SECONDS,
            proxies=get_environ_proxies(self.deployment.api_url),
            verify=get_cert_path(bundle or True),  # type: ignore[arg-type]  # the stubs know no path
        )

    def call(
        self,
        route: str,
        *,
        id: str = "",  # noqa: A002  # the parameter of the route
        query: str = "",
        token: str | None = None,
        body: object = None,
        is_signed: bool = True,
        **headers: str,
    ) -> Reply:
        """``route`` is a route of the API, ``id`` its parameter; a ``body`` of bytes goes as it is, others as JSON."""
        method, path = route.split()
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if content:
            given.setdefault("Content-Type", "application/json")
        if token is not None:
            given["Session-Token"] = token
        url = f"{self.deployment.api_url}{path.replace('{id}', id)}{query}"
        request = AWSRequest(method, url, headers=given, data=content or None)
        if is_signed:
            frozen = self.deployment.credentials.get_frozen_credentials()
            SigV4Auth(frozen, "execute-api", self.deployment.region).add_auth(request)
        began = time.perf_counter()
        response = self._http.send(request.prepare())
        if response.status_code != _FORBIDDEN:
            self.seconds[route].append(time.perf_counter() - began)
        return Reply(response.status_code, response.headers, response.content)
