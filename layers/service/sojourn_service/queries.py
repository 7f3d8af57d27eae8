"""The query string of a request, as it was sent. Reads no event.

The ``queryStringParameters`` of an HTTP API are not looked at: they join what is given twice with commas, which a
subject may hold as well.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from sojourn_service.problems import ProblemError, malformed

_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parsed_query(text: str) -> dict[str, str]:
    """The parameters of ``application/x-www-form-urlencoded`` text, decoded. A plus sign is a space.

    https://url.spec.whatwg.org/#urlencoded-parsing, but that a parameter is given once, and that escapes are complete
    and of valid UTF-8: what is repaired here would name another subject than the caller's.
    """
    parameters: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = map(_decoded, pair.partition("="))
        if name in parameters:
            raise ProblemError(malformed("Each query parameter is given once.", parameter=name))
        parameters[name] = value
    return parameters


def _decoded(text: str) -> str:
    if not _BROKEN_ESCAPE.search(text):
        try:
            return unquote_to_bytes(text.replace("+", " ")).decode()
        except UnicodeError:  # of an event written by hand, which is no text, as well
            pass
    raise ProblemError(malformed("The query is not percent-encoded UTF-8."))
