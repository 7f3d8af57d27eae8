"""Which boto3 will do. A Lambda runtime brings its own, of an age of its own."""

from typing import Final

import botocore

from sojourn.errors import ConfigurationError

OLDEST: Final = (1, 35, 20)
"""The first botocore that hands an answer over before it parses it. Older ones take a damaged one for an empty one."""


def check_sdk() -> None:
    """Raises ``ConfigurationError`` when the botocore that would be used is too old to be trusted with answers."""
    found = tuple(int(part) for part in botocore.__version__.split(".")[:3])
    if found < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ConfigurationError(
            f"botocore {botocore.__version__} takes a damaged answer for an empty one; package boto3 {oldest} or later "
            "with the function, or use a newer runtime"
        )
