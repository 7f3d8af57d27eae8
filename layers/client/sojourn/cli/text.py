"""How text of others is shown: labels, subjects and documents may hold what a terminal obeys. Calls nothing."""

import json
import re
import time
from typing import Final

_TOKEN: Final = re.compile(r"sjn_[A-Za-z0-9_-]{12,}")
_HIDDEN: Final = "sjn_…"


def shown(text: object) -> str:
    """``text`` on one line: control and direction characters as escapes, and no token in it."""
    return "".join(one if one.isprintable() else _escaped(one) for one in without_tokens(str(text)))


def without_tokens(text: str) -> str:
    """``text`` with every token in it hidden: a slip of the keyboard brings one to where it is not expected."""
    return _TOKEN.sub(_HIDDEN, text)


def machine(value: object) -> str:
    """JSON that is safe to print: all but printable ASCII is escaped."""
    return json.dumps(value, ensure_ascii=True, default=str).replace("\x7f", "\\u007f")


def moment(instant: int | None) -> str:
    """An instant for people, in UTC."""
    return "-" if instant is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(instant))


def duration(seconds: float) -> str:
    """A number of seconds for people: its two largest units."""
    left, parts = round(abs(seconds)), []
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def distance(instant: int, *, now: int) -> str:
    """How far away an instant is."""
    return f"in {duration(instant - now)}" if instant > now else f"{duration(now - instant)} ago"


def _escaped(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"
