"""Every route of the API and every status that can be caused without harm, on sessions that end here.

They are of the stack's own namespace, since the functions serve no other. Each lives ten minutes at most, and its
subject, if it has one, is no other session's.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from botocore.exceptions import ClientError

from verify.deployment import Deployment
from verify.functions import invoked
from verify.report import Report
from verify.requests import Api, Reply

_AREA: Final = "HTTP API"
_LIFE: Final = {"idle": 600, "absolute": 600}
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
    walk = _Walk(deployment, api, report)
    try:
        walk.documents()
        walk.tokens()
        walk.subjects()
        walk.refusals()
        walk.endings()
        walk.damage()
        walk.strangers()
    finally:
        walk.clear()
    for name, reason in NOT_CAUSED.items():
        report.state(_AREA, name, f"not caused here: {reason}")


@dataclass
class _Walk:
    deployment: Deployment
    api: Api
    report: Report
    # What a gateway that decodes paths, and a signature that encodes twice, would trip over.
    subject: str = field(default_factory=lambda: f"verify/{secrets.token_hex(8)}?a=1&b=100% %2F \u00eb")
    made: list[str] = field(default_factory=list)

    @property
    def query(self) -> str:
        """The subject as a parameter."""
        return f"?subject={quote(self.subject, safe='')}"

    def expect(self, name: str, reply: Reply, status: int, kind: str = "") -> Reply:
        """Note whether it is the answer that the page says; keep the token in it."""
        if reply.status == 403 and status != 403:
            self.report.skip(_AREA, name, "execute-api:Invoke is not allowed on this route")
            return reply
        expected = f"{status} {kind}".strip()
        found = f"{reply.status} {reply.kind}".strip()
        if self.report.compare(_AREA, name, expected=expected, found=found) and status < 300 and reply.body:
            token = reply.json.get("token")
            self.made += [token] if token else []
        return reply

    def detail(self, reply: Reply, name: str, *, expected: object, found: object) -> None:
        """Note a part of a successful answer."""
        if reply.status == 200:
            self.report.compare(_AREA, name, expected=expected, found=found)

    def create(self, **fields: object) -> str:
        """A session's token."""
        reply = self.api.call("POST /sessions", body={"data": {}, **_LIFE, **fields})
        token = str(reply.json.get("token", ""))
        self.made.append(token)
        return token

    def documents(self) -> None:
        """Create, read, replace and patch."""
        call, expect = self.api.call, self.expect
        created = call("POST /sessions", body={"data": {"cart": ["teapot"]}, "label": "verify", **_LIFE})
        token = str(expect("create", created, 201).json.get("token", ""))
        read = expect("read", call("GET /session", query="?touch=false", token=token), 200)
        self.detail(read, "read: document", expected={"cart": ["teapot"]}, found=read.json.get("data"))
        self.detail(read, "read: ETag", expected='"1"', found=read.headers.get("ETag"))
        self.detail(read, "read: cache", expected="no-store", found=read.headers.get("Cache-Control"))
        expect("read, unchanged", call("GET /session", token=token, If_None_Match='"1"'), 304)
        data = {"data": {"cart": ["teapot", "cup"]}}
        expect("replace", call("PUT /session", token=token, body=data, If_Match='"1"'), 200)
        expect(
            "replace, another version",
            call("PUT /session", token=token, body=data, If_Match='"1"'),
            412,
            "precondition-failed",
        )
        expect("replace, any version", call("PUT /session", token=token, body={"data": {}}, If_Match="*"), 200)
        expect("replace without If-Match", call("PUT /session", token=token, body=data), 428, "precondition-required")
        patch = {"data": {"theme": "dark"}}
        patched = expect("patch", call("PATCH /session", token=token, body=patch, Content_Type=_PATCH), 200)
        self.detail(patched, "patch: document", expected=patch["data"], found=patched.json.get("data"))
        expect("patch as JSON", call("PATCH /session", token=token, body=patch), 415, "unsupported-media-type")
        expect("touch", call("POST /session/touch", token=token, body={"idle": 300}), 200)

    def tokens(self) -> None:
        """Rotate, and log in."""
        call, expect = self.api.call, self.expect
        old = self.create()
        new = str(expect("rotate", call("POST /session/rotate", token=old), 200).json.get("token", ""))
        expect("read with a replaced token", call("GET /session", token=old), 404, "token-superseded")
        body = {"subject": self.subject, **_LIFE}
        expect("login", call("POST /session/login", token=new, body=body), 200)
        expect("logout with a token that a login replaced", call("DELETE /session", token=new), 404, "token-superseded")

    def subjects(self) -> None:
        """List and end by subject, which any text can be."""
        call, expect = self.api.call, self.expect
        keep, ended = self.create(subject=self.subject), self.create(subject=self.subject)
        keep_id, ended_id = keep[4:16], ended[4:16]
        listed = self._listed({keep_id, ended_id})
        expect("list", listed, 200)
        found = {one["id"] for one in listed.json.get("sessions", [])}
        self.detail(listed, "list: the subject's sessions", expected=True, found={keep_id, ended_id} <= found)
        other = f"?subject={quote('verify', safe='')}"
        expect("end one, of another subject", call("DELETE /sessions/{id}", id=ended_id, query=other), 204)
        expect("… it lives", call("GET /session", token=ended), 200)
        expect("end one", call("DELETE /sessions/{id}", id=ended_id, query=self.query), 204)
        expect("… it is gone", call("GET /session", token=ended), 404, "session-not-found")
        twice = f"{self.query}&subject=verify"
        expect("end all, subject given twice", call("DELETE /sessions", query=twice), 400, "malformed-request")
        expect("end all but one", call("DELETE /sessions", query=f"{self.query}&keep={keep_id}"), 200)
        expect("… the one lives", call("GET /session", token=keep), 200)
        expect("end all", call("DELETE /sessions", query=self.query), 200)
        expect("… and it is gone", call("GET /session", token=keep), 404, "session-not-found")

    def _listed(self, ids: Iterable[str]) -> Reply:
        """The list, once the index has caught up."""
        until = time.monotonic() + _INDEX_SECONDS
        while True:
            reply = self.api.call("GET /sessions", query=self.query)
            found = {one["id"] for one in reply.json.get("sessions", [])}
            if reply.status != 200 or set(ids) <= found or time.monotonic() > until:
                return reply
            time.sleep(0.5)

    def refusals(self) -> None:
        """What is no request of ours."""
        call, expect = self.api.call, self.expect
        most = self.deployment.max_bytes
        expect("create, unknown field", call("POST /sessions", body={"data": {}, "colour": 1}), 422, "invalid-data")
        expect("create, no JSON", call("POST /sessions", body=b"{"), 400, "malformed-request")
        expect("read without a token", call("GET /session"), 400, "missing-header")
        malformed = call("GET /session", token=secrets.token_hex(8))
        expect("read with a malformed token", malformed, 404, "session-not-found")
        large = {"data": {"essay": "x" * most}}
        expect("create, too large a document", call("POST /sessions", body=large), 413, "session-too-large")
        larger = b" " * (3 * most + 8_193)
        expect("create, too large a body", call("POST /sessions", body=larger), 413, "body-too-large")
        expect("a path without a route", call("GET /verify"), 404)
        expect("a path that ends in a slash", call("DELETE /sessions/{id}", id="", query=self.query), 404)
        expect("unsigned", call("GET /session", is_signed=False), 403)

    def endings(self) -> None:
        """Logout, a deadline that passes, and a document that went to the bucket."""
        call, expect = self.api.call, self.expect
        token = self.create()
        expect("expire", call("DELETE /session", token=token), 204)
        expect("expire again", call("DELETE /session", token=token), 204)
        expect("… it is gone", call("GET /session", token=token), 404, "session-not-found")
        short = self.create(idle=1)
        time.sleep(2)
        expect("past its deadline", call("GET /session", token=short), 404, "session-not-found")
        essay = secrets.token_hex(self.deployment.overflow_bytes)
        if len(essay) + 1_000 > self.deployment.max_bytes:
            self.report.state(_AREA, "a document in the bucket", "none: MaxBytes is hardly above OverflowBytes")
            return
        large = self.create(data={"essay": essay})
        read = expect("a document in the bucket", call("GET /session", token=large), 200)
        self.detail(read, "… as it was", expected=True, found=read.json.get("data") == {"essay": essay})
        expect("… it ends", call("DELETE /session", token=large), 204)

    def damage(self) -> None:
        """What someone else wrote into a session's item is an error and no empty session; it can be ended."""
        token = self.create()
        name = "a damaged item"
        key = self._key(token)
        try:
            self.deployment.dynamodb.update_item(
                TableName=self.deployment.table,
                Key={"session_id": {"S": key}},
                UpdateExpression="SET #data = :damage",
                ConditionExpression="attribute_exists(session_id)",
                ExpressionAttributeNames={"#data": "data"},
                ExpressionAttributeValues={":damage": {"B": b"\xff"}},
            )
        except ClientError as error:
            self.report.skip(_AREA, name, error)
            return
        self.expect(name, self.api.call("GET /session", token=token), 500, "corrupt-session")
        self.expect("… it ends", self.api.call("DELETE /session", token=token), 204)

    def _key(self, token: str) -> str:
        return f"{self.deployment.namespace}#{token[4:16]}"

    def strangers(self) -> None:
        """An event that names no IAM caller, as a route that was exposed by mistake would hand it over."""
        for function, route in (("read", "GET /session"), ("write", "POST /sessions"), ("expire", "DELETE /session")):
            name = f"{function}: an event without an IAM caller"
            try:
                answer = invoked(self.deployment, f"{self.deployment.stack}-{function}", {"routeKey": route})
            except ClientError as error:
                self.report.skip(_AREA, name, error)
                continue
            self.report.compare(_AREA, name, expected=401, found=answer.payload.get("statusCode"))

    def clear(self) -> None:
        """End what was made."""
        for token in self.made:
            self.api.call("DELETE /session", token=token)
        self.api.call("DELETE /sessions", query=self.query)
