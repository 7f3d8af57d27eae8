"""The command that ends sessions: one, those of a subject, or all that began before an instant."""

import re
from datetime import datetime
from typing import Final

import click
from rich.text import Text

from sojourn.cli.identifier import OfOneSession, checked_id, checked_subject
from sojourn.cli.interruption import interruptible
from sojourn.cli.invocation import Invocation, surrounded
from sojourn.cli.outcome import Outcome, Status
from sojourn.cli.text import moment, shown

_SLICE_SECONDS: Final = 5.0
"""One call of the library takes no longer, so that progress and Ctrl-C come between them."""


class Instant(click.ParamType):
    """Epoch seconds, ``now``, or a date and time with its offset from UTC."""

    name = "instant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Epoch seconds, or ``now``."""
        if value == "now":
            return value
        if re.fullmatch(r"[0-9]{1,12}", value, re.ASCII):
            return int(value)
        try:
            given = datetime.fromisoformat(value)
        except ValueError:
            given = None
        if given is None or given.tzinfo is None:
            self.fail("takes 'now', epoch seconds, or a time with its offset: 2026-11-27T08:00:00+00:00", param, ctx)
        return int(given.timestamp())


@click.command(cls=OfOneSession)
@click.argument("session_id", metavar="[ID]", required=False, callback=checked_id)
@click.option("--subject", metavar="SUBJECT", callback=checked_subject, help="End every session of this subject.")
@click.option("--before", type=Instant(), help="End every session of the namespace that was created before; for good.")
@surrounded
def end(run: Invocation, session_id: str | None, subject: str | None, before: int | str | None) -> Outcome:
    """End a session by its id, those of a subject, or all created before an instant.

    It asks first, unless --yes says so. INSTANT is 'now', epoch seconds, or a time with its offset from UTC. A session
    that was not there is no error.
    """
    if sum(one is not None for one in (session_id, subject, before)) != 1:
        raise click.UsageError("say what to end: an ID, --subject or --before")
    if session_id is not None:
        return _one(run, session_id)
    if subject is not None:
        return _of_subject(run, subject)
    return _before(run, run.now if before == "now" else int(before or 0))


def _one(run: Invocation, session_id: str) -> Outcome:
    found = run.store.describe(session_id)
    if found is not None:
        owner = "no subject" if found.subject is None else f"subject {shown(found.subject)}"
        run.terminal.confirm(f"End session {session_id} of {owner}, created {moment(found.created_at)}?")
    ended = found is not None and run.store.expire_id(session_id)
    remark = f"session {session_id} is ended" if ended else f"there is no session {session_id}; nothing was done"
    return _ended(remark, session_id=session_id, ended=int(ended))


def _of_subject(run: Invocation, subject: str) -> Outcome:
    first = run.store.session_page(subject=subject)
    count = f"{len(first.sessions)}{' or more' if first.after is not None else ''}"
    run.terminal.confirm(f"End the sessions of {shown(subject)} ({count} live)?")
    ended, more = 0, True
    try:
        with interruptible(run.terminal) as interruption, run.terminal.working("ending sessions") as say:
            while more and not interruption.is_wanted:
                done = run.store.within(_SLICE_SECONDS).expire_all(subject=subject)
                ended, more = ended + done.expired, done.more
                say(f"ending sessions: {ended} ended")
    except KeyboardInterrupt:
        remark = f"interrupted: at least {ended} sessions of {shown(subject)} are ended; say it again for the rest"
        return _ended(remark, Status.INTERRUPTED, subject=subject, ended=ended, more=True)
    if more:
        remark = f"interrupted: {ended} sessions of {shown(subject)} are ended; say it again for the rest"
        return _ended(remark, Status.INTERRUPTED, subject=subject, ended=ended, more=True)
    return _ended(f"{ended} sessions of {shown(subject)} are ended", subject=subject, ended=ended)


def _before(run: Invocation, instant: int) -> Outcome:
    name = run.settings.namespace
    run.terminal.confirm(f"End every session of namespace {name} created before {moment(instant)}, for good?")
    run.store.expire_before(instant)
    holds = run.store.not_before()
    remark = f"no session of namespace {name} lives that was created before {moment(holds)}"
    return _ended(f"{remark}; processes that run notice within a minute", before=holds)


def _ended(
    remark: str,
    status: Status = Status.OK,
    *,
    session_id: str | None = None,
    subject: str | None = None,
    before: int | None = None,
    ended: int | None = None,
    more: bool = False,
) -> Outcome:
    """``ended`` is unknown where an instant was set: the table is not counted."""
    result = {"session_id": session_id, "subject": subject, "before": before, "ended": ended, "more": more}
    return Outcome(result, [Text(remark)], status)
