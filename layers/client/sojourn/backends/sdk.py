"""Which boto3 will do. A Lambda runtime brings its own, of an age of its own."""

from typing import Final

import botocore

from sojourn.errors import ConfigurationError

OLDEST: Final = (1, 35, 20)
"""The oldest that the tests run with. An older one could make calls of its own, and take a damaged answer for none."""


def check_sdk() -> None:
    """Raises ``ConfigurationError`` when the botocore that would be used is older than any that was tried."""
    found = tuple(int(part) for part in botocore.__version__.split(".")[:3])
    if found < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ConfigurationError(
            f"botocore {botocore.__version__} is older than any that was tried; package boto3 {oldest} or later "
            "with the function, or use a newer runtime"
        )
