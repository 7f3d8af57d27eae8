"""A shop in Flask: `flask --app app run` with SOJOURN_TABLE set, behind HTTPS or with is_development=True."""

from flask import Flask, request

from sojourn import open_store
from sojourn.adapters.flask import Sojourn, session  # flask.session, typed as what it is

store = open_store()
app = Flask(__name__)
Sojourn(app, store, subject_of="user")


@app.get("/")
def home() -> dict[str, object]:
    """The user, what is in the cart, and the user's devices."""
    user = session.get("user")
    devices = [
        {"id": device.id, "label": device.label, "is_this": device.id == session.id}
        for device in (store.sessions(subject=user) if user else ())
    ]
    return {"user": user, "cart": session.get("cart", []), "devices": devices}


@app.post("/cart/<item>")
def put_in(item: str) -> dict[str, object]:
    """A nested change is a change."""
    session.setdefault("cart", []).append(item)
    return home()


@app.post("/login/<user>")
def login(user: str) -> dict[str, object]:
    """Putting the user in is the login: a new token, the cart comes along. There is no password here."""
    session.label = request.user_agent.string
    session["user"] = user
    return {"user": user}


@app.post("/logout")
def logout() -> dict[str, object]:
    """Ends the session, and takes the cookie back."""
    session.logout()
    return {"user": None}


@app.post("/devices/<session_id>/revoke")
def revoke(session_id: str) -> dict[str, object]:
    """Logs one of the user's other devices out."""
    return {"revoked": store.expire_one(subject=session["user"], session_id=session_id)}


@app.post("/logout-everywhere")
def logout_everywhere() -> dict[str, object]:
    """Logs all of them out, this one too."""
    return {"ended": store.expire_all(subject=session["user"]).expired}
