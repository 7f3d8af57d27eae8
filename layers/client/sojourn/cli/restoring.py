"""The command that leads through a restore: says what each step is for, looks whether it is due, and asks before it."""

from collections.abc import Sequence

import click
from rich.text import Text

from sojourn.cli.aws import RefusedError
from sojourn.cli.ending import Instant
from sojourn.cli.invocation import Invocation, surrounded
from sojourn.cli.outcome import Outcome, Status
from sojourn.cli.restoration import Restoration, Step, Wanted
from sojourn.cli.terminal import DeclinedError
from sojourn.cli.text import shown


@click.command()
@click.option("--to", "target", metavar="NAME", required=True, help="The new table.")
@click.option("--backup", metavar="ARN", help="Restore this backup; otherwise a point in time.")
@click.option("--at", type=Instant(), help="That point in time; otherwise the latest.")
@click.option("--kms-key", metavar="ARN", help="The key of your own that the new table is encrypted with.")
@click.option("--also", metavar="NAMESPACE", multiple=True, help="Another namespace in the table; once for each.")
@surrounded
def restore(
    run: Invocation, target: str, backup: str | None, at: int | None, kms_key: str | None, also: Sequence[str]
) -> Outcome:
    """Restore the table into a new one, step by step, so that no ended session lives again.

    It says what each step is for, and asks before it. Said again, it goes on where it stopped. Exit status 1 while a
    step is left.
    """
    source = run.demand_table("a restore")
    namespaces = list(dict.fromkeys([run.settings.namespace, *also]))
    wanted = Wanted(source, target, backup, None if at is None else int(at), kms_key, namespaces)
    done: list[str] = []
    step: Step | None = None
    try:
        for number, step in enumerate(Restoration(run, wanted).steps(), start=1):
            run.terminal.say(f"{number}. {step.name}", style="bold")
            if not _taken(run, step):
                return _stopped(target, done, step, Status.TO_DO, "This step is yours.")
            done.append(step.name)
    except DeclinedError:
        return _stopped(target, done, step, Status.TO_DO, "Stopped before this step; nothing of it was done.")
    except KeyboardInterrupt:
        return _stopped(target, done, step, Status.INTERRUPTED, "Interrupted in this step; say the command again.")
    remark = (
        f"All is done, and {target} is in use. Its old sessions leave at their own deadlines, by TTL and the sweep."
    )
    return Outcome({"target": target, "done": done, "next": None}, [Text(shown(remark))])


def _taken(run: Invocation, step: Step) -> bool:
    """Whether the step is done by now."""
    if step.is_done():
        run.terminal.say("   done already", style="green")
        return True
    run.terminal.say(f"   {step.why}")
    step.demand()
    if step.act is None:
        return False
    run.terminal.confirm(f"   {step.question}")
    step.act()
    if not step.is_done():
        raise RefusedError("", f"{step.name}: it was asked for, and is not so yet; say the command again")
    run.terminal.say("   done", style="green")
    return True


def _stopped(target: str, done: Sequence[str], step: Step | None, status: Status, remark: str) -> Outcome:
    left = None if step is None else {"name": step.name, "why": step.why}
    named = "" if step is None else f" Left: {step.name}."
    return Outcome({"target": target, "done": done, "next": left}, [Text(shown(f"{remark}{named}"))], status)
