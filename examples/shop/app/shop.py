"""A shop as a user of Sojourn writes it: one Lambda function, a cart that tabs share, and the user's devices.

Its page shows what becomes of the session at each click. ``orders`` says what a request asks for, ``ledger`` what it
cost, ``pages`` what is shown.
"""

from collections.abc import Iterator
from typing import Any

from ledger import Entry, Ledger
from orders import BadRequestError, Order, order_of
from pages import Shown, gone, refusal_page, shop_page, with_cost

from sojourn import InvalidDataError, open_store
from sojourn.adapters.forms import Session
from sojourn.adapters.lambda_handler import session_of, with_session

ledger = Ledger()
store = open_store(on_event=ledger.note)
ledger.watch(store)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A page for every request, refused ones too, with what it cost."""
    ledger.open()
    try:
        verb = order_of(event).verb
        answer = _served(event, context)
    except BadRequestError as error:
        return refusal_page(error.status, error.text, event["rawPath"], error.headers)
    except InvalidDataError:
        return refusal_page(400, "A session cannot hold that.", event["rawPath"])
    entry = ledger.close(verb)
    if answer["statusCode"] == 303:
        return {**answer, "cookies": [*answer.get("cookies", []), entry.cookie()]}
    if answer["statusCode"] >= 400:  # what the store, or the check of the form, refused
        return {**answer, **refusal_page(answer["statusCode"], answer["body"], event["rawPath"], answer["headers"])}
    return with_cost(answer, entry)


@with_session(store=store, subject_of="user", on_conflict=ledger.together, on_unavailable="anonymous", checks_csrf=True)
def _served(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A form that was sent does something and leads back to the page; anything else is the page."""
    order, session = order_of(event), session_of()
    if order.verb == "":
        return shop_page(_shown(session, Entry.of(_cookies(event))))
    _say_if_gone(session)
    _act(order, session)
    return {"statusCode": 303, "headers": {"Location": "./", "Cache-Control": "no-store"}}


def _act(order: Order, session: Session) -> None:
    user, form = session.subject, order.form
    match order.verb:
        case "cart":
            _add(session, form["tea"], seen=form.get("seen"))
        case "login":
            # There is no password here. Putting the user in is the login: a new token, the cart comes along.
            session.label = order.device
            session["user"] = form["name"]
            session.flash(
                f"Hello, {form['name']}: a new token, and the same cart. What another tab shows is out of date."
            )
        case "logout":
            session.logout()
        case "revoke" if user and store.expire_one(subject=user, session_id=form["id"]):
            session.flash("That device is logged out.")
        case "logout-everywhere" if user:
            store.expire_all(subject=user, keep=session.id)
            session.logout()
        case "expire":
            session.idle = 5


def _add(session: Session, tea: str, *, seen: str | None) -> None:
    cart: Any = session.setdefault("cart", {})
    if session.is_stored and seen not in (None, str(sum(cart.values()))):
        ledger.changed_since()
    cart[tea] = cart.get(tea, 0) + 1


def _shown(session: Session, click: Entry | None) -> Shown:
    is_gone = _say_if_gone(session)
    flashes = [text for _, text in session.flashes()]
    csrf_token = session.csrf_token()
    user = session.subject
    return Shown(
        summary=session.summary,
        csrf_token=csrf_token,
        cart=session.get("cart", {}),
        user=user,
        devices=list(store.sessions(subject=user)) if user else [],
        flashes=flashes,
        click=None if is_gone else click,
        now=store.resources.clock(),
        is_unavailable=session.is_unavailable,
    )


def _say_if_gone(session: Session) -> bool:
    """No client learns why its session is gone, but here it is what there is to see."""
    found = None if session.is_stored else ledger.missed()
    if found is not None:
        session.flash(gone(*found))
    return found is not None


def _cookies(event: dict[str, Any]) -> Iterator[str]:
    yield from event.get("cookies") or event["headers"].get("cookie", "").split(";")
