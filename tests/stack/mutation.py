"""Templates with one thing changed, to see whether a rule notices. Judges nothing."""

import copy
from typing import Any

from devstack.template import Template

DELETE = object()
"""In the place of a value: nothing stands there then."""


def changed(template: Template, path: tuple[object, ...], value: object) -> Template:
    """A copy with ``value`` at ``path``, or without what is there."""
    mutant = copy.deepcopy(template)
    place: Any = mutant
    for step in path[:-1]:
        place = place[step]
    if value is DELETE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return mutant
