"""A session id, or a subject, as an argument of a command. Looks nothing up."""

import click

from sojourn.names import is_session_id
from sojourn.tokens import PREFIX, parsed


class OfOneSession(click.Command):
    """A command that takes an id. One in 64 begins with a dash, and is no option for that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put such an id where click takes it for an argument."""
        options = {option for parameter in self.params for option in (*parameter.opts, *parameter.secondary_opts)}
        ids = [word for word in args if word.startswith("-") and is_session_id(word) and word not in options]
        if ids and "--" not in args:
            args = [*(word for word in args if word not in ids), "--", *ids]
        return super().parse_args(ctx, args)


def checked_id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A session id, for click."""
    if value is None or is_session_id(value):
        return value
    if value.startswith(PREFIX):
        raise _betrayed()
    raise click.BadParameter("a session id is 12 characters of letters, digits, '-' and '_'")


def checked_subject(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A subject, for click."""
    if parsed(value) is not None:
        raise _betrayed()
    return value


def _betrayed() -> click.BadParameter:
    return click.BadParameter(
        "that is a token, and your shell's history has it now: end its session, by the 12 characters after sjn_"
    )
