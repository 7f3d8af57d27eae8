"""One request of the HTTP API as an event of payload format 2.0 brings it. Reads no body: see bodies.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import field

from sojourn.errors import InvalidDataError
from sojourn.names import checked_subject
from sojourn.values import dataclass, replace
from sojourn_service.invocation import Event
from sojourn_service.preconditions import EntityTags
from sojourn_service.problems import ProblemError, malformed, missing_header
from sojourn_service.queries import parsed_query

TOKEN_HEADER = "Session-Token"  # noqa: S105  # the name of a header


@dataclass(frozen=True, slots=True)
class Request:
    """``route`` is API Gateway's route key, ``GET /session``; ``caller`` the ARN of the IAM caller, if there is one.

    ``query`` is as it was sent, ``parameters`` what it holds: see ``admitted``. ``path`` is decoded, and was before the
    gateway routed; ``path_parameters`` are those of the route.
    """

    route: str
    id: str
    caller: str | None
    headers: Mapping[str, str]
    query: str
    path: str
    path_parameters: Mapping[str, str]
    body: str
    is_base64: bool
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, event: object) -> "Request":
        """The request in ``event``, which may be any value; what is missing in it is refused where it is needed."""
        members = _members(event)
        context = _members(members.get("requestContext"))
        body = members.get("body")
        return cls(
            route=_text(members.get("routeKey")) or "",
            id=_text(context.get("requestId")) or "",
            caller=_caller(context),
            headers=_headers(_members(members.get("headers"))),
            query=_text(members.get("rawQueryString")) or "",
            path=_text(members.get("rawPath")) or "",
            path_parameters=_texts(_members(members.get("pathParameters"))),
            body=body if isinstance(body, str) else "",
            is_base64=members.get("isBase64Encoded") is True,
        )

    def token(self) -> str:
        """What the token header holds, whatever it is: the store judges it.

        Two such headers arrive joined by a comma, which no token has; so neither of them counts.
        """
        token = self.headers.get(TOKEN_HEADER.lower())
        if token is None:
            raise ProblemError(missing_header(TOKEN_HEADER))
        return token

    def admitted(self, known: Iterable[str]) -> "Request":
        """This request with the parameters of its query, all of them ``known``: a misspelt one must not be ignored."""
        parameters = parsed_query(self.query)
        for name in sorted(parameters.keys() - set(known)):
            raise ProblemError(malformed("There is no such query parameter on this route.", parameter=name))
        return replace(self, parameters=parameters)

    def subject(self) -> str:
        """The subject that the query names. A path could not: the gateway decodes it before it routes."""
        subject = self.parameters.get("subject")
        if subject is None:
            raise ProblemError(malformed("The subject parameter is required.", parameter="subject"))
        try:
            return checked_subject(subject)
        except InvalidDataError as error:
            # A pointer would lead into a body that is not there.
            raise ProblemError(malformed(f"The subject {error.reason}.", parameter="subject")) from error

    def condition(self, header: str) -> EntityTags | None:
        """What ``If-Match`` or ``If-None-Match`` demands, ``None`` without it."""
        text = self.headers.get(header.lower())
        tags = None if text is None else EntityTags.parsed(text)
        if text is not None and tags is None:
            raise ProblemError(malformed(f"{header} takes * or a list of quoted entity tags.", header=header))
        return tags

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
