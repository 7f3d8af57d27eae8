"""Breaking one line of the product on purpose, to see that the tests notice."""

import importlib
import inspect
import sys
import textwrap
from typing import NamedTuple

import pytest


class Mutant(NamedTuple):
    """The function ``module:Class.name`` or ``module:name`` with ``new`` in the place of ``old``."""

    function: str
    old: str
    new: str

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Until ``patch`` is undone. ``old`` has to occur once, lest the mutant outlive what it mutates."""
        module_name, _, path = self.function.partition(":")
        *owners, name = path.split(".")
        owner = module = importlib.import_module(module_name)
        for step in owners:
            owner = getattr(owner, step)
        found = getattr(owner, name)
        code = found.fget.__code__ if isinstance(found, property) and found.fget else found
        source = textwrap.dedent(inspect.getsource(code))
        assert source.count(self.old) == 1, f"{self.old!r} occurs {source.count(self.old)} times in {self.function}"
        scope: dict[str, object] = {}
        exec(source.replace(self.old, self.new), vars(module), scope)  # noqa: S102  # our own source
        patch.setattr(owner, name, scope[name])
        if owner is module:  # others may have imported it by name
            for other in [loaded for key, loaded in sys.modules.items() if key.startswith("sojourn")]:
                if vars(other).get(name) is found:
                    patch.setattr(other, name, scope[name])
