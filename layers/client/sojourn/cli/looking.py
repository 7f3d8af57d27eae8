"""Commands that look and change nothing: one session, those of a subject, a token."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from sojourn.absence import Absence
from sojourn.cli.identifier import OfOneSession, checked_id, checked_subject
from sojourn.cli.invocation import Invocation, surrounded
from sojourn.cli.judging import Judgement, judged
from sojourn.cli.outcome import Outcome, Status
from sojourn.cli.text import distance, moment, shown
from sojourn.session import SessionDescription, SessionSummary
from sojourn.tokens import Token

_INSTANTS: Final = ("created_at", "began_at", "rotated_at", "expires_at", "absolute_at")
_TOKEN_ENV = click.option("--token-env", metavar="VARIABLE", help="Take the token from this variable.")


@click.command(cls=OfOneSession)
@click.argument("session_id", metavar="ID", callback=checked_id)
@click.option("--document", "with_document", is_flag=True, help="Its document too: asks for the token, hidden.")
@_TOKEN_ENV
@surrounded
def show(run: Invocation, session_id: str, with_document: bool, token_env: str | None) -> Outcome:
    """What is stored of a session beside its document, live or dead.

    With --document the token is read from a hidden prompt, from stdin where that is no terminal, or from --token-env.
    It is never an argument: those are in the shell's history and in the list of processes.
    """
    bearer = run.terminal.token(run.machine.environment, token_env) if with_document else None
    found = run.store.describe(session_id)
    if found is None:
        return _nothing(run, session_id)
    document, remark = _document(run, found, bearer) if with_document else (None, None)
    status = Status.OK if document is not None or not with_document else Status.TO_DO
    result = {"session": described(found), "document": document, "remark": remark}
    tail = [] if document is None else [Text(_pretty(document))]
    tail += [] if remark is None else [Text(remark, style="yellow")]
    return Outcome(result, [_sheet(_facts(found, now=run.now)), *tail], status)


@click.command("list")
@click.argument("subject", callback=checked_subject)
@click.option("--limit", type=click.IntRange(min=1), default=1_000, show_default=True, help="Show so many at most.")
@surrounded
def list_sessions(run: Invocation, subject: str, limit: int) -> Outcome:
    """The live sessions of a subject, newest first."""
    with run.terminal.working("reading the list"):
        found = list(islice(run.store.sessions(subject=subject), limit + 1))
    has_more, found = len(found) > limit, found[:limit]
    result = {"subject": subject, "sessions": [asdict(one) for one in found], "has_more": has_more}
    remark = f"{len(found)} live session{'' if len(found) == 1 else 's'} of {shown(subject)}"
    tail = Text(remark + (", and more: say --limit" if has_more else ""), style="dim")
    return Outcome(result, [*([_listed(found, now=run.now)] if found else []), tail])


@click.group(no_args_is_help=False)
def token() -> None:
    """What can be said of a token without showing it."""


@token.command()
@_TOKEN_ENV
@surrounded
def inspect(run: Invocation, token_env: str | None) -> Outcome:
    """Whether a token opens a session, and why not: the reason that no client is told.

    It is read from a hidden prompt, from stdin where that is no terminal, or from --token-env, and never shown. Nothing
    is renewed or removed. Exit status 1 when it opens nothing.
    """
    found = judged(run.store, run.terminal.token(run.machine.environment, token_env), now=run.now)
    session = None if found.session is None else described(found.session)
    result = {
        "session_id": found.session_id,
        "is_live": found.absence is None,
        "reason": None if found.absence is None else found.absence.value,
        "explanation": found.explanation,
        "session": session,
    }
    return Outcome(result, _inspected(found, now=run.now), Status.OK if found.absence is None else Status.TO_DO)


def described(found: SessionDescription) -> dict[str, object]:
    """A session for machines."""
    return {**asdict(found), "absence": None if found.absence is None else found.absence.value}


def _nothing(run: Invocation, session_id: str) -> Outcome:
    """Not there: ended, or never of this namespace."""
    where = f"in namespace {run.settings.namespace}"
    remark = (
        f"nothing is stored under {session_id} {where}: it ended and was removed, or is of another namespace or table"
    )
    return Outcome({"session": None, "document": None, "remark": remark}, [Text(remark)], Status.TO_DO)


def _document(run: Invocation, found: SessionDescription, bearer: Token | None) -> tuple[object, str | None]:
    """The document as stored, or why it is not shown. A dead session is not opened: that would remove it."""
    if found.absence is not None:
        return None, f"the session is dead ({found.absence.value}), and its document is not shown"
    if bearer is None or bearer.session_id != found.id:
        return None, "that is no token of this session, and nothing else opens its document"
    session = run.store.find(bearer, touch=False)
    if isinstance(session, Absence):
        return None, f"the token opens nothing: {session.value}"
    return json.loads(session.snapshot.text), None


def _pretty(document: object) -> str:
    lines = json.dumps(document, indent=2, ensure_ascii=False).splitlines()
    return "\n".join(map(shown, lines))


def _facts(found: SessionDescription, *, now: int) -> dict[str, str]:
    state = "live" if found.absence is None else f"dead: {found.absence.value}"
    facts = {
        "id": found.id,
        "state": state,
        "subject": "-" if found.subject is None else shown(found.subject),
        "label": "-" if found.label is None else shown(found.label),
        "version": str(found.version),
    }
    for name in _INSTANTS:
        instant = getattr(found, name)
        beside = "" if instant is None else f" ({distance(instant, now=now)})"
        facts[name.removesuffix("_at")] = f"{moment(instant)}{beside}"
    return facts | {"idle": f"{found.idle} s", "document": "in the bucket" if found.is_overflowed else "in the item"}


def _sheet(facts: Mapping[str, str]) -> Table:
    sheet = Table.grid(padding=(0, 2))
    sheet.add_column(style="dim")
    sheet.add_column(overflow="fold")
    for name, value in facts.items():
        style = "" if name != "state" else "green" if value == "live" else "red"
        sheet.add_row(name, Text(value, style=style))
    return sheet


def _listed(found: list[SessionSummary], *, now: int) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True)
    for name in ("label", "version", "created", "expires"):
        table.add_column(name, overflow="fold")
    for one in found:
        ages = (distance(one.created_at, now=now), distance(one.expires_at, now=now))
        table.add_row(one.id, Text("-" if one.label is None else shown(one.label)), str(one.version), *ages)
    return table


def _inspected(found: Judgement, *, now: int) -> list[Text | Table]:
    style = "green" if found.absence is None else "red"
    head = Text(found.explanation, style=style)
    return [head] if found.session is None else [head, _sheet(_facts(found.session, now=now))]
