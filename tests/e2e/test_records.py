"""The library without access to the table: over the deployed records API, with credentials that may do nothing else."""

import json
import secrets
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from devstack.beside import deploy_beside
from devstack.clients import Clients
from devstack.layout import ROOT, Layout
from devstack.stack import Stack
from sojourn import (
    Absence,
    BulkExpiry,
    ConflictError,
    SessionGoneError,
    Settings,
    Store,
    StoreUnavailableError,
    open_store,
)

Open = Callable[..., Store]


@pytest.fixture(scope="module")
def url(stack: Stack, layout: Layout) -> str:
    """Of the records API."""
    return deploy_beside(stack, layout, ROOT / "functions" / "records.yaml", name="sojourn-records")


@pytest.fixture
def opened(stack: Stack, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens stores as a user that may invoke what is given, and nothing besides."""
    iam, numbers, names = Clients(stack.endpoint_url).iam, count(), list[tuple[str, str]]()

    def make(*, may_invoke: bool = True, secret: str | None = None, namespace: str = "default") -> Store:
        name = f"remote-{next(numbers)}"
        iam.create_user(UserName=name)
        if may_invoke:
            allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            iam.put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        names.append((name, key["AccessKeyId"]))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret or key["SecretAccessKey"])
        monkeypatch.setenv("AWS_DEFAULT_REGION", stack.region)
        return open_store(Settings(records_url=url, namespace=namespace, sweep_grace_seconds=0))

    yield make
    for name, key_id in names:
        iam.delete_access_key(UserName=name, AccessKeyId=key_id)
        if "invoke" in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName="invoke")
        iam.delete_user(UserName=name)


def test_every_verb_works_without_the_table(stack: Stack, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """With documents large and small; a store with the table sees the same sessions."""
    remote = opened()
    session = remote.create({"cart": ["tea"]}, subject="remote-ada", label="far away")
    session["large"] = secrets.token_hex(150_000)  # into the bucket
    remote.write(session)
    other, again = remote.read(session.token), remote.read(session.token)
    assert other is not None
    assert again is not None
    other["b"], again["c"] = 1, 2
    remote.write(other)
    remote.write(again)
    assert (again["b"], again["c"], len(str(again["large"]))) == (1, 2, 300_000)
    other["b"] = 3
    session["b"] = 4
    remote.write(other)
    with pytest.raises(ConflictError):
        remote.write(session)
    before = again.token
    remote.rotate(again)
    assert again.id == session.id
    assert remote.find(before) is Absence.SUPERSEDED
    assert remote.touch(again, idle=60)
    assert [device.label for device in remote.sessions(subject="remote-ada")] == ["far away"]
    with remote.lock(again, lease=2) as fence:
        assert fence >= 1
    remote.login(again, subject="remote-eve", absolute=2_592_000)
    assert list(remote.sessions(subject="remote-ada")) == []

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.credentials.secret_access_key)
    near = open_store(
        Settings(table=stack.table, bucket=stack.bucket, endpoint_url=stack.endpoint_url, sweep_grace_seconds=0)
    )
    seen = near.read(again.token)
    assert seen is not None
    assert (seen["b"], seen["cart"]) == (3, ["tea"])
    assert remote.expire_all(subject="remote-eve") == BulkExpiry(1)
    assert near.read(again.token) is None
    with pytest.raises(SessionGoneError):
        remote.write(again, idle=90)


def test_a_caller_that_may_not_invoke_it_is_refused(opened: Open) -> None:
    """As is a wrong signature, and another namespace: none of it is an empty session."""
    token = opened().create({"a": 1}).token
    for store in (opened(may_invoke=False), opened(secret="x" * 40), opened(namespace="other")):
        with pytest.raises(StoreUnavailableError) as refusal:
            store.read(token)
        assert not refusal.value.is_transient
        assert not refusal.value.outcome_unknown
