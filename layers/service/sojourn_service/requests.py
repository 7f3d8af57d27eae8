"""One request of the HTTP API as an event of payload format 2.0 brings it. Reads no body: see bodies.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sojourn.errors import InvalidDataError
from sojourn.tokens import checked_subject
from sojourn_service.invocation import Event
from sojourn_service.preconditions import EntityTags
from sojourn_service.problems import ProblemError, malformed, missing_header

TOKEN_HEADER = "Session-Token"  # noqa: S105  # the name of a header


@dataclass(frozen=True, slots=True)
class Request:
    """``route`` is API Gateway's route key, ``GET /session``; ``caller`` the ARN of the IAM caller, if there is one.

    The gateway has routed already, and on the path as it was sent. The path in the event is decoded, so a subject
    with a slash in it would make it look like another route's.
    """

    route: str
    id: str
    caller: str | None
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    path: Mapping[str, str]
    body: str
    is_base64: bool

    @classmethod
    def of(cls, event: object) -> "Request":
        """Whatever ``event`` is; what is missing in it is refused where it is needed."""
        members = _members(event)
        context = _members(members.get("requestContext"))
        body = members.get("body")
        return cls(
            route=_text(members.get("routeKey")) or "",
            id=_text(context.get("requestId")) or "",
            caller=_caller(context),
            headers=_headers(_members(members.get("headers"))),
            parameters=_texts(_members(members.get("queryStringParameters"))),
            path=_texts(_members(members.get("pathParameters"))),
            body=body if isinstance(body, str) else "",
            is_base64=members.get("isBase64Encoded") is True,
        )

    def token(self) -> str:
        """What the token header holds, whatever it is: the store judges it.

        Two such headers arrive joined by a comma, which no token has; so neither of them is picked.
        """
        token = self.headers.get(TOKEN_HEADER.lower())
        if token is None:
            raise ProblemError(missing_header(TOKEN_HEADER))
        return token

    def subject(self) -> str:
        """The subject that the path names."""
        try:
            return checked_subject(self.path.get("subject", ""))
        except InvalidDataError as error:
            # A pointer would lead into a body that is not there.
            raise ProblemError(malformed(f"The subject {error.reason}.", parameter="subject")) from error

    def condition(self, header: str) -> EntityTags | None:
        """What ``If-Match`` or ``If-None-Match`` asks for, ``None`` without it."""
        text = self.headers.get(header.lower())
        tags = None if text is None else EntityTags.parsed(text)
        if text is not None and tags is None:
            raise ProblemError(malformed(f"{header} takes * or a list of quoted entity tags.", header=header))
        return tags

    def refuse_parameters_but(self, known: Iterable[str]) -> None:
        """A misspelt parameter that is ignored does what nobody asked for."""
        for name in sorted(self.parameters.keys() - set(known)):
            raise ProblemError(malformed("There is no such query parameter on this route.", parameter=name))

    def flag(self, name: str, *, default: bool) -> bool:
        """A parameter that is ``true`` or ``false``."""
        text = self.parameters.get(name)
        if text not in (None, "true", "false"):
            raise ProblemError(malformed(f"{name} takes true or false.", parameter=name))
        return default if text is None else text == "true"

    def whole_number(self, name: str, *, least: int, most: int) -> int:
        """A parameter from ``least`` to ``most``, which is its default."""
        text = self.parameters.get(name)
        if text is None:
            return most
        # int() alone takes " 1_000 " and other scripts' digits, and any number of them.
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if not is_number or not least <= int(text) <= most:
            raise ProblemError(malformed(f"{name} takes a whole number from {least} to {most}.", parameter=name))
        return int(text)


def _caller(context: Event) -> str | None:
    iam = _members(_members(context.get("authorizer")).get("iam"))
    return _text(iam.get("userArn"))


def _members(value: object) -> Event:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(members: Event) -> dict[str, str]:
    return {name: value for name, value in members.items() if isinstance(value, str)}


def _headers(members: Event) -> dict[str, str]:
    """By lower-case name. The gateway sends them so; an event written by hand may not, and may hold both."""
    headers: dict[str, str] = {}
    for name, value in _texts(members).items():
        seen = headers.get(name.lower())
        headers[name.lower()] = value if seen is None else f"{seen},{value}"
    return headers
