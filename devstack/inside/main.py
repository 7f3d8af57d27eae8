"""MiniStack's own program, started with what devstack adds to it. Decides nothing."""

from devstack.inside.definitions import carry_definitions_out
from devstack.inside.door import guarded
from devstack.inside.queries import take_saved_queries
from devstack.inside.refusals import refuse_what_cloudformation_refuses
from devstack.inside.streams import record_what_statements_change


def main() -> None:
    """Serve until the process is ended."""
    from ministack import app  # type: ignore[import-not-found]

    refuse_what_cloudformation_refuses()
    carry_definitions_out()
    record_what_statements_change()
    take_saved_queries()
    app.app = guarded(app.app)
    app.main()
