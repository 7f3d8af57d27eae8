"""The command ``sojourn``, for the people who run a store. Nothing else imports it: a function pays nothing for it."""

import sys

_MISSING = "the command needs two more packages: pip install 'sojourn[cli]'\n"
_COULD_NOT_LOOK = 3


def main() -> None:
    """What the script ``sojourn`` and ``python -m sojourn`` run."""
    try:
        # Imported here: the library is of use without its extra.
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError:
        sys.stderr.write(_MISSING)
        sys.exit(_COULD_NOT_LOOK)
    from sojourn.cli.app import app

    app()
