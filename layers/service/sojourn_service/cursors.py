"""Where a list of sessions goes on, as a string that clients pass back. Reads no event and calls no store."""

import base64
import binascii
import re
from typing import Final

from sojourn.backend import Position
from sojourn.names import Namespace, bare

_FORM: Final = re.compile(r"(0|[1-9][0-9]{0,11})\.([A-Za-z0-9_-]{12})", re.ASCII)


def cursor_of(position: Position) -> str:
    """The opaque form of ``position``. It names neither namespace nor subject: these are the request's to say."""
    text = f"{position.created_at}.{bare(position.session_id)}"
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def position_of(cursor: str, *, namespace: str) -> Position | None:
    """The position that ``cursor_of`` made ``cursor`` from; ``None`` for anything else.

    Made up, it is harmless: it moves the caller to another place in the list it may read anyway.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    position = Position(int(form[1]), Namespace(namespace).session(form[2]))
    # One spelling only: base64 leaves bits open that no byte needs.
    return position if cursor_of(position) == cursor else None
