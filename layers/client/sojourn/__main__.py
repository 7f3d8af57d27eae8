"""``python -m sojourn``: the command."""

from sojourn.cli import main

main()
