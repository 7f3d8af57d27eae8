"""A shop as one Lambda function with the layer and Powertools, behind an HTTP API: `app.handler`."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from sojourn import open_store
from sojourn.adapters.lambda_handler import Sessions

store = open_store()
app = APIGatewayHttpResolver()
app.use(middlewares=[Sessions(store, subject_of="user").middleware])


@app.get("/")
def home() -> dict[str, Any]:
    """The user, what is in the cart, and the user's devices."""
    session = app.context["session"]
    user = session.get("user")
    devices = [
        {"id": device.id, "label": device.label, "is_this": device.id == session.id}
        for device in (store.sessions(subject=user) if user else ())
    ]
    return {"user": user, "cart": session.get("cart", []), "devices": devices}


@app.post("/cart/<item>")
def put_in(item: str) -> dict[str, Any]:
    """A nested change is a change."""
    app.context["session"].setdefault("cart", []).append(item)
    return home()


@app.post("/login/<user>")
def login(user: str) -> dict[str, Any]:
    """Putting the user in is the login: a new token, the cart comes along. There is no password here."""
    app.context["session"].label = app.current_event.headers.get("user-agent")
    app.context["session"]["user"] = user
    return {"user": user}


@app.post("/logout")
def logout() -> dict[str, Any]:
    """Ends the session, and takes the cookie back."""
    return {"user": app.context["session"].logout()}


@app.post("/devices/<session_id>/revoke")
def revoke(session_id: str) -> dict[str, Any]:
    """Logs one of the user's other devices out."""
    return {"revoked": store.expire_one(subject=app.context["session"]["user"], session_id=session_id)}


@app.post("/logout-everywhere")
def logout_everywhere() -> dict[str, Any]:
    """Logs all of them out, this one too."""
    return {"ended": store.expire_all(subject=app.context["session"]["user"]).expired}


handler = app.resolve
