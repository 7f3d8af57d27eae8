"""The shop's pages as HTML: no script, one style that the Content-Security-Policy names by its hash. Knows no store."""

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger import AT_ONCE, SINCE, Entry
from orders import TEAS

from sojourn import Absence, SessionSummary

_STYLE = (Path(__file__).parent / "style.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
_COST = "<!-- what this page cost -->"
_SHORT = 60

CLICKS = {
    "cart": "add",
    "login": "log in",
    "logout": "log out",
    "revoke": "log a device out",
    "logout-everywhere": "log out everywhere",
    "expire": "let it expire",
}
EVENTS = {
    "created": "a session began",
    "logged in": "the session is the user's, under a new token; the old token opens nothing",
    "rotated": "the session has a new token",
    "ended": "a session ended",
    "missed": "the cookie opens no session",
    "refused": "a write was refused",
}
MEANWHILE = {
    SINCE: "Another tab changed the cart since this one showed it: what both put in is in it.",
    AT_ONCE: "Another request wrote the cart at the same moment: both were merged, nothing is lost.",
}
REASONS = {
    Absence.IDLE: "it was not used for its idle time",
    Absence.ABSOLUTE: "it reached its absolute deadline",
    Absence.UNKNOWN: "nothing is stored under its id any more. It was logged out elsewhere, or removed after its end",
    Absence.FOREIGN_KEY: "a login replaced its token more than ten seconds ago",
    Absence.REVOKED_BY_SUBJECT: "all sessions of its user were ended",
    Absence.REVOKED_BY_INSTANT: "all sessions created before an instant were ended",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is on the page. Instants are epoch seconds; ``summary`` is ``None`` while nothing is stored."""

    summary: SessionSummary | None
    csrf_token: str
    cart: Mapping[str, int]
    user: str | None
    devices: Sequence[SessionSummary]
    flashes: Sequence[str]
    click: Entry | None
    now: int
    is_unavailable: bool


def gone(session_id: str, reason: Absence) -> str:
    """Why there is another session now."""
    why = REASONS.get(reason, reason.value)
    return f"Session {session_id} is gone: {why}. What was in it does not come back; this is a new session."


def shop_page(shown: Shown) -> dict[str, Any]:
    """The whole shop. ``with_cost`` says what it cost."""
    notes = [*shown.flashes]
    if shown.is_unavailable:
        notes.append("The session store does not answer. You can look at the teas; your cart is kept, and shows later.")
    if shown.click is not None and shown.click.meanwhile:
        notes.append(MEANWHILE[shown.click.meanwhile])
    parts = [_notes(notes), _TRY, "<main>", _teas(shown), _cart(shown.cart), _account(shown), _session(shown)]
    body = "".join([*parts, _cost(shown.click), "</main>"])
    return _answer(200, body, refresh=_refresh(shown))


def with_cost(answer: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """The same page, and what it cost: known when its session is stored."""
    return {**answer, "body": answer["body"].replace(_COST, _measured(entry))}


def refusal_page(status: int, text: str, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Why there is no shop this time, with a way back."""
    back = "../" * (path.count("/") - 1) or "./"
    body = f'<section><p id="refusal">{html.escape(text)}</p><p><a href="{back}">Back to the shop</a></p></section>'
    answer = _answer(status, body)
    return {**answer, "headers": {**(headers or {}), **answer["headers"]}}


def _answer(status: int, body: str, *, refresh: str = "") -> dict[str, Any]:
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Teas</title>{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><style>{_STYLE}</style><h1>Teas <small>a demo of Sojourn</small></h1>{body}</html>'
    )
    return {"statusCode": status, "headers": dict(_HEADERS), "body": page}


def _refresh(shown: Shown) -> str:
    """A session that ends soon shows its end."""
    left = shown.summary.expires_at - shown.now if shown.summary else _SHORT
    return f'<meta http-equiv="refresh" content="{left + 1}">' if left < _SHORT else ""


def _notes(texts: Sequence[str]) -> str:
    return "".join(f'<p class="note" role="status">{html.escape(text)}</p>' for text in texts)


def _form(shown: Shown, action: str, inner: str) -> str:
    token = f'<input type="hidden" name="csrf_token" value="{shown.csrf_token}">'
    return f'<form method="post" action="{action}">{token}{inner}</form>'


def _teas(shown: Shown) -> str:
    seen = f'<input type="hidden" name="seen" value="{sum(shown.cart.values())}">'
    rows = "".join(f'<li>{tea} <button name="tea" value="{tea}">add</button>' for tea in TEAS)
    return f"<section><h2>Choose</h2>{_form(shown, 'cart', f'{seen}<ul>{rows}</ul>')}</section>"


def _cart(cart: Mapping[str, int]) -> str:
    items = "".join(f"<li>{count} &times; {html.escape(tea)}" for tea, count in sorted(cart.items()))
    return f'<section><h2>Cart</h2><ul id="cart">{items or "<li>nothing yet"}</ul></section>'


def _account(shown: Shown) -> str:
    if shown.user is None:
        inner = _form(shown, "login", _LOGIN)
    else:
        devices = "".join(_device(shown, device) for device in shown.devices)
        inner = (
            f'<p>Hello, <b id="user">{html.escape(shown.user)}</b>.</p>'
            f'<h3>My devices</h3><ul id="devices">{devices}</ul>'
            + _form(shown, "logout", "<button>log out</button>")
            + _form(shown, "logout-everywhere", "<button>log out everywhere</button>")
        )
    return f"<section><h2>Account</h2>{inner}</section>"


def _device(shown: Shown, device: SessionSummary) -> str:
    if shown.summary is not None and device.id == shown.summary.id:
        rest = "<em>this one</em>"
    else:
        rest = _form(shown, "revoke", f'<button name="id" value="{device.id}">revoke</button>')
    return f"<li>{html.escape(device.label or 'somewhere')} {rest}"


def _session(shown: Shown) -> str:
    summary = shown.summary
    if summary is None:
        return '<section><h2>Session</h2><p id="session">none</p></section>'
    idle, absolute = _instant(summary.expires_at, shown.now), _instant(summary.absolute_at, shown.now)
    rows = {
        "id": f'<code id="session">{summary.id}</code>, the same for its whole life; opens nothing',
        "version": f'<b id="version">{summary.version}</b>, one more with each write',
        "idle deadline": f'<b id="idle">{idle}</b>; a visit moves it, once a tenth of it has passed',
        "absolute deadline": f'<b id="absolute">{absolute}</b>; only a login moves it',
    }
    return f"<section><h2>Session</h2>{_table(rows)}{_form(shown, 'expire', _EXPIRE)}</section>"


def _instant(at: int, now: int) -> str:
    minutes, seconds = divmod(at - now, 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC, in {left}"


def _cost(click: Entry | None) -> str:
    rows = {}
    if click is not None:
        what = "".join(f"<br>{EVENTS[event]}" for event in click.events if event in EVENTS)
        rows[f"your click, {CLICKS[click.verb]}"] = f'<span id="click">{_measured(click)}</span>{what}'
    rows["this page"] = f'<span id="page">{_COST}</span>'
    return f"<section><h2>Cost</h2>{_table(rows)}<p>{_UNITS}</p></section>"


def _measured(entry: Entry) -> str:
    calls = ", ".join(f"{count} {name}" if count > 1 else name for name, count in entry.calls.items())
    units = [
        f"{count:g} {kind} unit{'s' * (count != 1)}"
        for count, kind in ((entry.read, "read"), (entry.written, "write"))
        if count
    ]
    return f"{calls or 'no call'}: {', '.join(units) or 'no unit'}"


def _table(rows: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{name}<dd>{text}" for name, text in rows.items()) + "</dl>"


_UNITS = "As DynamoDB reports them, indexes included. A million read units cost $0.125, a million write units $0.625."

_LOGIN = """<label for="name">Any name; there is no password here.</label>
<input id="name" name="name" placeholder="your name" required maxlength="64" autocomplete="off">
<button>log in</button>"""

_EXPIRE = "<button>let it expire</button> in 5 seconds without a visit"

_TRY = """<section class="try"><h2>Try this</h2><ol>
<li>Add a tea. Open a second tab and click <b>add</b> in both: nothing is lost.
<li><b>Log in</b>: the token changes, the cart stays.
<li>Log in under the same name in another browser or a private window, and <b>log out everywhere</b>.
<li><b>Let it expire</b>, wait, and see why it is gone.
</ol></section>"""
