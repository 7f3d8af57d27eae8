"""What a request asks the shop for, or why it is no request for it. Looks at no session."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

TEAS = ("Assam", "Darjeeling", "Earl Grey", "Genmaicha", "Lapsang Souchong", "Pu-Erh")
FORMS = ("cart", "login", "logout", "revoke", "logout-everywhere", "expire")

_MOST_CHARACTERS = 64
_MOST_FIELDS = 10


@dataclass(frozen=True, slots=True)
class Order:
    """``verb`` is the page to show, ``""``, or one of ``FORMS``; ``form`` holds its fields, checked."""

    verb: str
    form: Mapping[str, str]
    agent: str

    @property
    def device(self) -> str:
        """What a person would call it."""
        browser = next((name for name in ("Firefox", "Edg", "Chrome", "Safari", "curl") if name in self.agent), None)
        system = re.search(r"Android|iPhone|iPad|Windows|Mac OS X|Linux", self.agent)
        name = (browser or "A browser").replace("Edg", "Edge")
        return f"{name} on {system[0]}" if system else name


class BadRequestError(Exception):
    """A request that gets a page of its own: ``status``, what is wrong, and headers beside the usual ones."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


def order_of(event: Mapping[str, Any]) -> Order:
    """Of an HTTP API's event. Raises ``BadRequestError``."""
    verb, method = event["rawPath"].strip("/"), event["requestContext"]["http"]["method"]
    if verb and verb not in FORMS:
        raise BadRequestError(404, "There is no such page in this shop.")
    allowed = ("POST",) if verb else ("GET", "HEAD")
    if method not in allowed:
        raise BadRequestError(405, f"This address takes {' and '.join(allowed)} only.", {"Allow": ", ".join(allowed)})
    form = _checked(verb, _form_of(event)) if verb else {}
    return Order(verb, form, event["headers"].get("user-agent", ""))


def _form_of(event: Mapping[str, Any]) -> dict[str, str]:
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body, validate=True).decode() if event.get("isBase64Encoded") else body
        return dict(parse_qsl(text, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:  # no base64, no text, no form
        raise BadRequestError(400, "That is no form of this shop.") from None


def _checked(verb: str, form: dict[str, str]) -> dict[str, str]:
    if verb == "cart" and form.get("tea") not in TEAS:
        raise BadRequestError(400, "There is no such tea. Choose one from the list.")
    if verb == "login":
        form["name"] = form.get("name", "").strip()
        if not 1 <= len(form["name"]) <= _MOST_CHARACTERS or not form["name"].isprintable():
            raise BadRequestError(400, f"A name has 1 to {_MOST_CHARACTERS} letters, and no control characters.")
    if verb == "revoke" and "id" not in form:
        raise BadRequestError(400, "The form does not say which device.")
    return form
