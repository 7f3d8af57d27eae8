"""What a service's refusal says: above all which action the caller lacks. Judges nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import ClientError

from sojourn.errors import StoreUnavailableError
from verify.report import Report

_ACTION: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9*]+)")


def said(error: Exception) -> str:
    """One sentence without its full stop; of a refusal the action that is missing, and neither caller nor account."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        code, message = str(told.get("Code", "")), str(told.get("Message", ""))
        action = _ACTION.search(message)
        if action or code.startswith(("AccessDenied", "Unauthorized")):
            return f"{action[1] if action else error.operation_name} is not allowed"
        return f"{code}: {message}".rstrip(". ")
    reason = error.reason if isinstance(error, StoreUnavailableError) else str(error)
    return reason.strip().rstrip(".")


@contextmanager
def trying(report: Report, area: str, name: str) -> Iterator[None]:
    """What a service refuses meanwhile is one row that was not tried."""
    try:
        yield
    except ClientError as error:
        report.skip(area, name, said(error))
