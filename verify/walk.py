"""Steps on the HTTP API, each judged only where all that it follows went as documented. Knows no route's meaning."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from verify.report import Report
from verify.requests import Api, Reply

_FORBIDDEN: Final = 403
AREA: Final = "HTTP API"


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one request. ``obstacle`` says why nothing that follows on it can be judged; empty if nothing."""

    reply: Reply | None
    obstacle: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The answer's members."""
        found = None if self.reply is None else self.reply.json
        return found if isinstance(found, dict) else {}

    def header(self, name: str) -> str | None:
        """One of the answer's."""
        return None if self.reply is None else self.reply.headers.get(name)

    @property
    def token(self) -> str:
        """The one that was returned."""
        return str(self.json.get("token", ""))

    @property
    def id(self) -> str:
        """The session's, as its token has it."""
        return self.token[4:16]


@dataclass
class Walk:
    """Requests in a row. ``made`` are the tokens to end."""

    api: Api
    report: Report
    made: list[str] = field(default_factory=list)

    def step(
        self,
        name: str,
        route: str,
        status: int,
        kind: str = "",
        *,
        after: Sequence[Step] = (),
        **request: Any,  # noqa: ANN401  # as Api.call takes them
    ) -> Step:
        """Note whether the answer is the one that the page says; ask for none after what did not happen."""
        obstacle = obstacle_of(after)
        if obstacle:
            self.report.skip(AREA, name, obstacle)
            return Step(None, obstacle)
        return self.judged(name, self.api.call(route, **request), route=route, status=status, kind=kind)

    def judged(self, name: str, reply: Reply, *, route: str, status: int, kind: str = "") -> Step:
        """Note whether ``reply`` is as the page says; keep the token in it."""
        obstacle = refused(reply, route) if status != _FORBIDDEN else ""
        if obstacle:
            self.report.skip(AREA, name, obstacle)
            return Step(reply, obstacle)
        step = self._kept(Step(reply))
        expected, found = f"{status} {kind}".strip(), f"{reply.status} {reply.kind}".strip()
        if self.report.compare(AREA, name, expected=expected, found=found):
            return step
        return Step(reply, f"it follows on {name}, which differs")

    def create(self, **fields: object) -> Step:
        """A session for other steps, without a row of its own unless none could be made."""
        route = "POST /sessions"
        reply = self.api.call(route, body={"data": {}, "idle": 600, "absolute": 600, **fields})
        step = self._kept(Step(reply))
        if step.token:
            return step
        return Step(
            reply, refused(reply, route) or f"it needs a session, and {route} returns {reply.status} {reply.kind}"
        )

    def detail(self, name: str, step: Step, *, expected: object, found: object) -> None:
        """Note a part of an answer that was as documented."""
        if step.obstacle:
            self.report.skip(AREA, name, step.obstacle)
        else:
            self.report.compare(AREA, name, expected=expected, found=found)

    def _kept(self, step: Step) -> Step:
        if step.token:
            self.made.append(step.token)
        return step


def obstacle_of(steps: Sequence[Step]) -> str:
    """The first reason why what follows these cannot be judged."""
    return next((step.obstacle for step in steps if step.obstacle), "")


def refused(reply: Reply, route: str) -> str:
    """What the caller lacks, where IAM refused; else nothing."""
    return f"execute-api:Invoke is not allowed on {route}" if reply.status == _FORBIDDEN else ""
