"""A shop as a user of Sojourn writes it: one Lambda function, a cart that tabs share, and the user's devices."""

import base64
import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from sojourn import Conflict, open_store
from sojourn.adapters.lambda_handler import session_of, with_session
from sojourn.adapters.visit import Visit

TEAS = ("Assam", "Darjeeling", "Earl Grey", "Genmaicha", "Lapsang Souchong", "Pu-Erh")

store = open_store()


def together(conflict: Conflict) -> object:
    """Two tabs changed the cart at once: what each of them put in is in it."""
    if conflict.key != "cart":
        return conflict.mine
    base, mine, theirs = (
        side if isinstance(side, dict) else {} for side in (conflict.base, conflict.mine, conflict.theirs)
    )
    return {tea: mine.get(tea, 0) + theirs.get(tea, 0) - base.get(tea, 0) for tea in {**theirs, **mine}}


@with_session(store=store, subject_of="user", on_conflict=together)
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A form that was sent does something and leads back to the page; anything else is the page."""
    session = session_of(event)
    if event["requestContext"]["http"]["method"] == "POST":
        verb = event["rawPath"].rsplit("/", 1)[-1]
        _act(verb, session, _form(event), event["headers"].get("user-agent", ""))
        return {"statusCode": 303, "headers": {"Location": "./"}}
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    }
    return {"statusCode": 200, "headers": headers, "body": _page(session)}


def _act(verb: str, session: Visit, form: Mapping[str, str], agent: str) -> None:
    user = session.subject
    match verb:
        case "cart":
            cart: Any = session.setdefault("cart", {})
            cart[form["tea"]] = cart.get(form["tea"], 0) + 1
        case "login" if form.get("name"):
            # There is no password here. Putting the user in is the login: a new token, the cart comes along.
            session.label = _device(agent)
            session["user"] = form["name"][:64]
        case "logout":
            session.logout()
        case "revoke" if user:
            store.expire_one(subject=user, session_id=form["id"])
        case "logout-everywhere" if user:
            store.expire_all(subject=user)


def _page(session: Visit) -> str:
    user = session.subject
    cart: Any = session.get("cart", {})
    teas = "".join(
        f'<li>{tea} <form method="post" action="cart"><button name="tea" value="{tea}">add</button></form>'
        for tea in TEAS
    )
    items = (
        "".join(f"<li>{count} &times; {html.escape(tea)}" for tea, count in sorted(cart.items())) or "<li>nothing yet"
    )
    return PAGE.format(teas=teas, items=items, account=_account(user, session.id) if user else LOGIN)


def _account(user: str, here: str | None) -> str:
    rows = "".join(
        f"<li>{html.escape(device.label or 'somewhere')}"
        + (" <em>this one</em>" if device.id == here else REVOKE.format(id=device.id))
        for device in store.sessions(subject=user)
    )
    return ACCOUNT.format(user=html.escape(user), devices=rows)


def _form(event: Mapping[str, Any]) -> dict[str, str]:
    body = event.get("body") or ""
    text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _device(agent: str) -> str:
    """What a person would call it."""
    browser = next((name for name in ("Firefox", "Edg", "Chrome", "Safari", "curl") if name in agent), "A browser")
    system = re.search(r"Android|iPhone|iPad|Windows|Mac OS X|Linux", agent)
    return f"{browser.replace('Edg', 'Edge')} on {system[0]}" if system else browser


LOGIN = """<form method="post" action="login"><input name="name" placeholder="your name" required maxlength="64">
<button>log in</button></form><p>The cart comes along.</p>"""

REVOKE = ' <form method="post" action="revoke"><button name="id" value="{id}">revoke</button></form>'

ACCOUNT = """<p>Hello, <b id="user">{user}</b>.</p><h2>My devices</h2><ul id="devices">{devices}</ul>
<form method="post" action="logout"><button>log out</button></form>
<form method="post" action="logout-everywhere"><button>log out everywhere</button></form>"""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Teas</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #223 }}
main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 2rem }}
section {{ border: 1px solid #cdd; border-radius: .5rem; padding: 0 1.2rem 1.2rem }}
ul {{ list-style: none; padding: 0 }} li {{ padding: .2rem 0 }} form {{ display: inline }}
button {{ font: inherit; border: 1px solid #476; border-radius: .3rem; background: #eff6f2; padding: 0 .6rem }}
input {{ font: inherit; padding: 0 .3rem }} em {{ color: #476 }}
</style>
<h1>Teas</h1><main>
<section><h2>Choose</h2><ul>{teas}</ul></section>
<section><h2>Cart</h2><ul id="cart">{items}</ul></section>
<section><h2>Account</h2>{account}</section>
</main></html>
"""
