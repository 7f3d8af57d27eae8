"""Every route of the API and every status that can be caused without harm, on sessions that end here.

What was refused is not tried, nor what follows on it. The sessions are of the stack's own namespace, since the
functions serve no other. Each lives ten minutes at most, and its subject, if it has one, is no other session's.
"""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from verify.deployment import Deployment
from verify.functions import invoked
from verify.refusals import trying
from verify.report import Report
from verify.requests import Api, Reply
from verify.walk import AREA, Step, Walk, obstacle_of, refused

_LIFE: Final = {"idle": 600, "absolute": 600}
_PUT: Final = "PUT /session"
_PATCH: Final = "application/merge-patch+json"
_INDEX_SECONDS: Final = 10
NOT_CAUSED: Final = {
    "409 conflict": "it takes other writers of the same keys at the same moment",
    "500 internal-error": "none is known",
    "503 store-unavailable": "it takes a table that is away",
}
"""What no caller can cause with requests alone."""


def verify_routes(deployment: Deployment, api: Api, report: Report) -> None:
    """Walk through the life of sessions; whatever happens, end all that were made."""
    walk = Walk(api, report)
    rooms = _Routes(deployment, api, walk)
    try:
        rooms.documents()
        rooms.tokens()
        rooms.subjects()
        rooms.refusals()
        rooms.endings()
        rooms.damage()
        rooms.strangers()
    finally:
        rooms.clear()
    for name, reason in NOT_CAUSED.items():
        report.state(AREA, name, f"not caused here: {reason}")


@dataclass
class _Routes:
    deployment: Deployment
    api: Api
    walk: Walk
    # What a gateway that decodes paths, and a signature that encodes twice, would trip over.
    subject: str = field(default_factory=lambda: f"verify/{secrets.token_hex(8)}?a=1&b=100% %2F \u00eb")

    @property
    def query(self) -> str:
        """The subject as a parameter."""
        return f"?subject={quote(self.subject, safe='')}"

    def documents(self) -> None:
        """Create, read, replace and patch."""
        step, detail = self.walk.step, self.walk.detail
        first = {"data": {"cart": ["teapot"]}, "label": "verify", **_LIFE}
        made = step("create", "POST /sessions", 201, body=first)
        token = made.token
        read = step("read", "GET /session", 200, after=[made], query="?touch=false", token=token)
        detail("read: document", read, expected={"cart": ["teapot"]}, found=read.json.get("data"))
        detail("read: ETag", read, expected='"1"', found=read.header("ETag"))
        detail("read: cache", read, expected="no-store", found=read.header("Cache-Control"))
        step("read, unchanged", "GET /session", 304, after=[made], token=token, If_None_Match='"1"')
        self._replacing(made)
        patch = {"data": {"theme": "dark"}}
        emptied = step("replace, any version", _PUT, 200, after=[made], token=token, body={"data": {}}, If_Match="*")
        sent: dict[str, Any] = {"token": token, "body": patch}
        patched = step("patch", "PATCH /session", 200, after=[made], Content_Type=_PATCH, **sent)
        is_known = Step(None, obstacle_of([emptied, patched]))
        detail("patch: document", is_known, expected=patch["data"], found=patched.json.get("data"))
        step("patch as JSON", "PATCH /session", 415, "unsupported-media-type", after=[made], **sent)
        step("touch", "POST /session/touch", 200, after=[made], token=token, body={"idle": 300})

    def _replacing(self, made: Step) -> None:
        step = self.walk.step
        sent: dict[str, Any] = {"token": made.token, "body": {"data": {"cart": ["teapot", "cup"]}}}
        replaced = step("replace", _PUT, 200, after=[made], If_Match='"1"', **sent)
        another = "replace, another version"
        step(another, _PUT, 412, "precondition-failed", after=[replaced], If_Match='"1"', **sent)
        step("replace without If-Match", _PUT, 428, "precondition-required", after=[made], **sent)

    def tokens(self) -> None:
        """Rotate, and log in."""
        step, made = self.walk.step, self.walk.create()
        new = step("rotate", "POST /session/rotate", 200, after=[made], token=made.token)
        replaced = "read with a replaced token"
        step(replaced, "GET /session", 404, "token-superseded", after=[new], token=made.token)
        body = {"subject": self.subject, **_LIFE}
        login = step("login", "POST /session/login", 200, after=[new], token=new.token, body=body)
        late = "logout with a token that a login replaced"
        step(late, "DELETE /session", 404, "token-superseded", after=[login], token=new.token)

    def subjects(self) -> None:
        """List and end by subject, which any text can be."""
        step, walk = self.walk.step, self.walk
        keep, ended = walk.create(subject=self.subject), walk.create(subject=self.subject)
        both = [keep, ended]
        self._listed(both)
        one, other = "DELETE /sessions/{id}", f"?subject={quote('verify', safe='')}"
        kept = step("end one, of another subject", one, 204, after=both, id=ended.id, query=other)
        step("… it lives", "GET /session", 200, after=[kept], token=ended.token)
        gone = step("end one", one, 204, after=both, id=ended.id, query=self.query)
        step("… it is gone", "GET /session", 404, "session-not-found", after=[gone], token=ended.token)
        twice = f"{self.query}&subject=verify"
        step("end all, subject given twice", "DELETE /sessions", 400, "malformed-request", query=twice)
        but = f"{self.query}&keep={keep.id}"
        spared = step("end all but one", "DELETE /sessions", 200, after=both, query=but)
        step("… the one lives", "GET /session", 200, after=[spared], token=keep.token)
        all_gone = step("end all", "DELETE /sessions", 200, after=both, query=self.query)
        step("… and it is gone", "GET /session", 404, "session-not-found", after=[all_gone], token=keep.token)

    def _listed(self, made: list[Step]) -> None:
        """The list, once the index has caught up."""
        ids, part = {one.id for one in made}, "list: the subject's sessions"
        obstacle = obstacle_of(made)
        if obstacle:
            listed = self.walk.step("list", "GET /sessions", 200, after=made)
        else:
            listed = self.walk.judged("list", self._list_of(ids), route="GET /sessions", status=200)
        self.walk.detail(part, listed, expected=True, found=ids <= _ids(listed.reply))

    def _list_of(self, ids: set[str]) -> Reply:
        until = time.monotonic() + _INDEX_SECONDS
        while True:
            reply = self.api.call("GET /sessions", query=self.query)
            if reply.status != 200 or ids <= _ids(reply) or time.monotonic() > until:
                return reply
            time.sleep(0.5)

    def refusals(self) -> None:
        """What is no request of ours."""
        step, most = self.walk.step, self.deployment.max_bytes
        create, read = "POST /sessions", "GET /session"
        step("create, unknown field", create, 422, "invalid-data", body={"data": {}, "colour": 1})
        step("create, no JSON", create, 400, "malformed-request", body=b"{")
        step("read without a token", read, 400, "missing-header")
        step("read with a malformed token", read, 404, "session-not-found", token=secrets.token_hex(8))
        large = {"data": {"essay": "x" * most}}
        step("create, too large a document", create, 413, "session-too-large", body=large)
        step("create, too large a body", create, 413, "body-too-large", body=b" " * (3 * most + 8_193))
        step("a path without a route", "GET /verify", 404)
        step("a path that ends in a slash", "DELETE /sessions/{id}", 404, id="", query=self.query)
        step("unsigned", read, 403, is_signed=False)

    def endings(self) -> None:
        """Logout, a deadline that passes, and a document that went to the bucket."""
        step, made = self.walk.step, self.walk.create()
        ended = step("expire", "DELETE /session", 204, after=[made], token=made.token)
        step("expire again", "DELETE /session", 204, after=[ended], token=made.token)
        step("… it is gone", "GET /session", 404, "session-not-found", after=[ended], token=made.token)
        short = self.walk.create(idle=1)
        if not short.obstacle:
            time.sleep(2)
        step("past its deadline", "GET /session", 404, "session-not-found", after=[short], token=short.token)
        self._overflow()

    def _overflow(self) -> None:
        step, name = self.walk.step, "a document in the bucket"
        essay = secrets.token_hex(self.deployment.overflow_bytes)
        if len(essay) + 1_000 > self.deployment.max_bytes:
            self.walk.report.state(AREA, name, "none: MaxBytes is hardly above OverflowBytes")
            return
        large = self.walk.create(data={"essay": essay})
        read = step(name, "GET /session", 200, after=[large], token=large.token)
        self.walk.detail("… as it was", read, expected=True, found=read.json.get("data") == {"essay": essay})
        step("… it ends", "DELETE /session", 204, after=[large], token=large.token)

    def damage(self) -> None:
        """What someone else wrote into a session's item is an error and no empty session; it can be ended."""
        made, name = self.walk.create(), "a damaged item"
        if made.obstacle:
            self.walk.report.skip(AREA, name, made.obstacle)
            return
        with trying(self.walk.report, AREA, name):
            self.deployment.dynamodb.update_item(
                TableName=self.deployment.table,
                Key={"session_id": {"S": f"{self.deployment.namespace}#{made.id}"}},
                UpdateExpression="SET #data = :damage",
                ConditionExpression="attribute_exists(session_id)",
                ExpressionAttributeNames={"#data": "data"},
                ExpressionAttributeValues={":damage": {"B": b"\xff"}},
            )
            self.walk.step(name, "GET /session", 500, "corrupt-session", token=made.token)
            self.walk.step("… it ends", "DELETE /session", 204, token=made.token)

    def strangers(self) -> None:
        """An event that names no IAM caller, as a route that was exposed by mistake would hand it over."""
        for function, route in (("read", "GET /session"), ("write", "POST /sessions"), ("expire", "DELETE /session")):
            name = f"{function}: an event without an IAM caller"
            with trying(self.walk.report, AREA, name):
                answer = invoked(self.deployment, f"{self.deployment.stack}-{function}", {"routeKey": route})
                self.walk.report.compare(AREA, name, expected=401, found=answer.payload.get("statusCode"))

    def clear(self) -> None:
        """End what was made; say so where that is refused."""
        obstacle = ""
        for token in self.walk.made:
            obstacle = obstacle or refused(self.api.call("DELETE /session", token=token), "DELETE /session")
        self.api.call("DELETE /sessions", query=self.query)
        if obstacle:
            reason = f"{obstacle}; each ends by itself within ten minutes"
            self.walk.report.skip(AREA, "end the sessions that were made", reason)


def _ids(reply: Reply | None) -> set[str]:
    found = reply.json if reply is not None else {}
    return {one["id"] for one in found.get("sessions", [])} if isinstance(found, dict) else set()
