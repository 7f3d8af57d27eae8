"""A shop in FastAPI: `uvicorn app:app` with SOJOURN_TABLE set, behind HTTPS or with is_development=True."""

from typing import Any

from fastapi import FastAPI, Request

from sojourn import open_store
from sojourn.adapters.asgi import SojournMiddleware, session_of

store = open_store()
app = FastAPI()
# Views without `async` run in threads, so they may wait for the store; the others await request.session.open().
app.add_middleware(SojournMiddleware, store=store, subject_of="user", is_lazy=True)


@app.get("/")
def home(request: Request) -> dict[str, Any]:
    """The user, what is in the cart, and the user's devices."""
    session = session_of(request)  # request.session, typed as what it is
    user = session.get("user")
    devices = [
        {"id": device.id, "label": device.label, "is_this": device.id == session.id}
        for device in (store.sessions(subject=user) if user else ())
    ]
    return {"user": user, "cart": session.get("cart", []), "devices": devices}


@app.post("/cart/{item}")
async def put_in(request: Request, item: str) -> dict[str, Any]:
    """A nested change is a change."""
    await (session := session_of(request)).open()
    session.setdefault("cart", []).append(item)
    return {"cart": session["cart"]}


@app.post("/login/{user}")
def login(request: Request, user: str) -> dict[str, Any]:
    """Putting the user in is the login: a new token, the cart comes along. There is no password here."""
    session_of(request).label = request.headers.get("user-agent")
    request.session["user"] = user
    return {"user": user}


@app.post("/logout")
def logout(request: Request) -> dict[str, Any]:
    """Ends the session, and takes the cookie back."""
    session_of(request).logout()
    return {"user": None}


@app.post("/devices/{session_id}/revoke")
def revoke(request: Request, session_id: str) -> dict[str, Any]:
    """Logs one of the user's other devices out."""
    return {"revoked": store.expire_one(subject=request.session["user"], session_id=session_id)}


@app.post("/logout-everywhere")
def logout_everywhere(request: Request) -> dict[str, Any]:
    """Logs all of them out, this one too."""
    return {"ended": store.expire_all(subject=request.session["user"]).expired}
