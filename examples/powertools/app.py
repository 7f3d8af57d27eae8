"""A shop as one Lambda function with the layer and Powertools, behind an HTTP API: `app.handler`."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from sojourn import open_store
from sojourn.adapters.lambda_handler import session_of, with_session

store = open_store()
app = APIGatewayHttpResolver()


@app.get("/")
def home() -> dict[str, Any]:
    """The user, what is in the cart, and the user's devices."""
    session = session_of()
    user = session.get("user")
    devices = [
        {"id": device.id, "label": device.label, "is_this": device.id == session.id}
        for device in (store.sessions(subject=user) if user else ())
    ]
    return {"user": user, "cart": session.get("cart", []), "devices": devices}


@app.post("/cart/<item>")
def put_in(item: str) -> dict[str, Any]:
    """A nested change is a change."""
    session_of().setdefault("cart", []).append(item)
    return home()


@app.post("/login/<user>")
def login(user: str) -> dict[str, Any]:
    """Putting the user in is the login: a new token, the cart comes along. There is no password here."""
    session_of().label = app.current_event.headers.get("user-agent")
    session_of()["user"] = user
    return {"user": user}


@app.post("/logout")
def logout() -> dict[str, Any]:
    """Ends the session, and takes the cookie back."""
    session_of().logout()
    return {"user": None}


@app.post("/devices/<session_id>/revoke")
def revoke(session_id: str) -> dict[str, Any]:
    """Logs one of the user's other devices out."""
    return {"revoked": store.expire_one(subject=session_of()["user"], session_id=session_id)}


@app.post("/logout-everywhere")
def logout_everywhere() -> dict[str, Any]:
    """Logs all of them out, this one too."""
    return {"ended": store.expire_all(subject=session_of()["user"]).expired}


handler = with_session(store=store, subject_of="user")(app.resolve)
