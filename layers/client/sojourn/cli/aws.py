"""AWS as the command asks it beside the store: one attempt, refusals in a sentence, the time of the answer kept.

Knows no check and no command.
"""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from sojourn.backends.clients import code_of
from sojourn.backends.faults import meaning

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    # An upload that is damaged on purpose, to see whether it is allowed, must not be tried again.
    retries={"total_max_attempts": 1, "mode": "standard"},
    user_agent_extra="sojourn-cli/1",
)
_STORES = ("dynamodb", "s3")


class RefusedError(Exception):
    """AWS did not do it. ``code`` is its name for why, empty where no answer came; ``message`` is AWS's own."""

    def __init__(self, code: str, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.message = message

    @property
    def is_denied(self) -> bool:
        """Whether a permission is missing."""
        return self.code.startswith("AccessDenied") or self.code in ("403", "UnauthorizedOperation")


@dataclass(frozen=True, slots=True)
class Tick:
    """By how many seconds this machine's clock is ahead of the service's; to about a second."""

    ahead: float


class Aws:
    """One account and region, as the credentials of the environment or of a profile say."""

    def __init__(
        self, *, region: str | None, profile: str | None, endpoint_url: str | None, clock: Callable[[], int]
    ) -> None:
        """``endpoint_url`` is of the store alone; the other services have AWS's own variables."""
        self._session = boto3.Session(region_name=region, profile_name=profile)
        self._endpoint_url = endpoint_url
        self._clock = clock
        self.client: Callable[[str], Any] = cache(self._client)  # boto3 has no types
        self.tick: Tick | None = None

    @property
    def region(self) -> str | None:
        """Where calls go."""
        return self._session.region_name

    @property
    def has_credentials(self) -> bool:
        """Whether there are any; whether they are accepted is another question."""
        return self._session.get_credentials() is not None

    def call(self, service: str, operation: str, *, place: str, **request: Any) -> Any:
        """The answer to one request. ``place`` is what a refusal names. Raises ``RefusedError``."""
        before = self._clock()
        try:
            answer = getattr(self.client(service), operation)(**request)
        except boto.ClientError as error:
            self._hear(error.response, before)
            raise _refused(error, place=f"{place} in {self.region}") from error
        except boto.BotoCoreError as error:
            raise RefusedError("", _unsent(error)) from error
        self._hear(answer, before)
        return answer

    def _client(self, service: str) -> Any:
        endpoint_url = self._endpoint_url if service in _STORES else None
        style = Config(s3={"addressing_style": "path"}) if endpoint_url else Config()
        make: Any = self._session.client  # its types know the name of a service only as a literal
        return make(service, endpoint_url=endpoint_url, config=_CONFIG.merge(style))

    def _hear(self, answer: Any, before: int) -> None:
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if date is not None and self.tick is None:
            theirs = parsedate_to_datetime(date).timestamp()
            self.tick = Tick((before + self._clock()) / 2 - theirs)


def _refused(error: boto.ClientError, *, place: str) -> RefusedError:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    return RefusedError(code, f"{code}: {meaning(code, message, operation=error.operation_name, place=place)}", message)


def _unsent(error: boto.BotoCoreError) -> str:
    name = type(error).__name__
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return f"{name}: there are no AWS credentials; set a profile (--profile), variables or a role"
    if isinstance(error, boto.NoRegionError):
        return f"{name}: there is no region; say --region or set AWS_REGION"
    return f"{name}: {error}"
