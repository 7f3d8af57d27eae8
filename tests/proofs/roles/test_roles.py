"""Least privilege, both ways: every call is granted to its role, and every grant is used by it.

The emulator knows neither PartiQL's actions nor leading keys, so the policies are evaluated here, against the calls
that the real functions make.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from devstack.layout import ROOT
from devstack.template import Template, read_template
from tests.proofs.roles.policies import PARTITION, Call, Grant, Names, allowed, policy_of
from tests.proofs.roles.recorder import Recorder, bucket_arn, table_arn
from tests.proofs.roles.work import WORK, Place, a_place, uses

ROLES = {
    "read": "ReadFunction",
    "write": "WriteFunction",
    "expire": "ExpireFunction",
    "sweep": "SweepFunction",
    "authorizer": "AuthorizerFunction",
    "client": "ClientPolicy",
}


def names_of(place: Place) -> Names:
    """What the references of a template are there."""
    values = {
        "TableArnParameter.Value": table_arn(place.table),
        "BucketArnParameter.Value": bucket_arn(place.bucket),
        "Table": place.table,
        "Bucket": place.bucket,
        "Namespace": place.settings.namespace,
    }
    is_strict = place.settings.strict_expire_all
    return Names({**PARTITION, **values}, {"HasKmsKey": False, "EndsAllAtOnce": is_strict})


def grants_of(place: Place, role: str) -> list[Grant]:
    """What the template gives a role."""
    return names_of(place).grants(policy_of(template(ROOT / "template.yaml"), ROLES[role]))


@cache
def template(file: Path) -> Template:
    """Read once."""
    return read_template(file)


@pytest.fixture(scope="module", params=[False, True], ids=["default", "strict"])
def place(request: pytest.FixtureRequest, ministack: str, credentials: None) -> Iterator[Place]:  # noqa: ARG001
    """For every choice of parameters that changes a policy."""
    with a_place(ministack, strict_expire_all=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def recorded(place: Place) -> dict[str, set[Call]]:
    """Every role's calls while it does all of its work."""
    found = {}
    for role, work in WORK.items():
        recorder = Recorder()
        work(place, place.store(recorder))
        found[role] = recorder.calls
        print(f"{role}: {recorder.number} calls, {len(recorder.calls)} different")  # noqa: T201  # -rP shows it
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_call_is_granted(place: Place, recorded: dict[str, set[Call]], role: str) -> None:
    """By the template's own policy for it."""
    grants = grants_of(place, role)
    assert [call for call in recorded[role] if not allowed(grants, call)] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_grant_is_used(place: Place, recorded: dict[str, set[Call]], role: str) -> None:
    """Whoever takes over the function could do no more than it does; and no two grants say the same."""
    grants = grants_of(place, role)
    assert unused(grants, recorded[role]) == []
    for grant in grants:
        others = [other for other in grants if other is not grant]
        assert any(not allowed(others, call) for call in recorded[role]), f"{grant} could be left out"


def unused(grants: list[Grant], calls: set[Call]) -> list[Grant]:
    """Grants that no call needs."""
    return [grant for grant in grants if not any(grant.allows(call) for call in calls)]


@pytest.mark.parametrize("role", ROLES)
def test_a_grant_too_many_is_noticed(place: Place, recorded: dict[str, set[Call]], role: str) -> None:
    """Of an action that it never takes, or where it never takes it."""
    grants = grants_of(place, role)
    table, bucket = table_arn(place.table), bucket_arn(place.bucket)
    for action in ("Scan", "PartiQLInsert", "PartiQLSelect", "BatchWriteItem", "DescribeTable", "DeleteTable"):
        extra = Grant(f"dynamodb:{action}", table)
        assert unused([*grants, extra], recorded[role]) == ([] if extra in grants else [extra])
    for extra in (Grant("s3:ListBucket", bucket), Grant("dynamodb:GetItem", table_arn("other"))):
        assert unused([*grants, extra], recorded[role]) == [extra]


def test_the_client_policy_cannot_enumerate(place: Place) -> None:
    """Who imports the layer has to know a token, an id or a subject."""
    grants = grants_of(place, "client")
    table, bucket = table_arn(place.table), bucket_arn(place.bucket)
    listing = ["Scan", "Query", "PartiQLSelect", "ExportTableToPointInTime", "DescribeStream", "GetRecords"]
    assert not any(allowed(grants, Call(f"dynamodb:{action}", table)) for action in listing)
    assert not any(
        allowed(grants, Call(action, f"{table}/index/sweep")) for action in ("dynamodb:Query", "dynamodb:Scan")
    )
    assert not allowed(grants, Call("dynamodb:Scan", f"{table}/index/subject"))
    assert not any(allowed(grants, Call(f"s3:{action}", bucket)) for action in ("ListBucket", "ListBucketVersions"))


# Namespaces.


def _namespace_grants(place: Place) -> list[Grant]:
    return names_of(place).grants(policy_of(template(ROOT / "layers/namespace.yaml"), "NamespacePolicy"))


def test_namespaces_are_walls(place: Place) -> None:
    """With the policy of one, every verb works in it and nothing in another."""
    mine = replace(place, settings=replace(place.settings, namespace="mine"))
    theirs = replace(place, settings=replace(place.settings, namespace="minefield"))
    grants = _namespace_grants(mine)
    recorders = {owner.settings.namespace: Recorder() for owner in (mine, theirs)}
    for owner in (mine, theirs):
        uses(owner, owner.store(recorders[owner.settings.namespace]))
    assert [call for call in recorders["mine"].calls if not allowed(grants, call)] == []
    assert [call for call in recorders["minefield"].calls if allowed(grants, call)] == []
    assert unused(grants, recorders["mine"].calls) == []
    table = table_arn(place.table)
    for action in ("Scan", "Query", "BatchGetItem", "GetItem", "PartiQLSelect", "PartiQLUpdate"):
        assert not allowed(grants, Call(f"dynamodb:{action}", table))
    assert not allowed(grants, Call("dynamodb:BatchGetItem", table, frozenset({"mine#a", "theirs#b"})))


@pytest.mark.parametrize("broken", ["keys", "objects"])
def test_a_wall_with_a_hole_is_noticed(place: Place, broken: str) -> None:
    """Without the condition, or for all objects, others would be let in."""
    document: dict[str, Any] = dict(policy_of(read_template(ROOT / "layers/namespace.yaml"), "NamespacePolicy"))
    for statement in document["Statement"]:
        if broken == "keys":
            statement.pop("Condition", None)
        elif statement.get("Sid") == "Overflow":
            statement["Resource"] = f"{bucket_arn(place.bucket)}/*"
    grants = names_of(place).grants(document)
    foreign = [
        Call("dynamodb:GetItem", table_arn(place.table), frozenset({"other#id"})),
        Call("s3:GetObject", f"{bucket_arn(place.bucket)}/other/id/write"),
    ]
    assert any(allowed(grants, call) for call in foreign)


# The evaluator itself.


@pytest.mark.parametrize(
    ("grant", "call", "is_allowed"),
    [
        (Grant("s3:Get*", "arn:x/*"), Call("s3:GetObject", "arn:x/a/b"), True),
        (Grant("s3:Get*", "arn:x/*"), Call("s3:PutObject", "arn:x/a"), False),
        (Grant("s3:GetObject", "arn:x"), Call("s3:GetObject", "arn:x/a"), False),
        (Grant("d:G", "t", "a#*"), Call("d:G", "t", frozenset({"a#1", "a#2"})), True),
        (Grant("d:G", "t", "a#*"), Call("d:G", "t", frozenset({"a#1", "b#2"})), False),
        (Grant("d:G", "t", "a#*"), Call("d:G", "t", None), False),
        (Grant("d:G", "t", "[a]#*"), Call("d:G", "t", frozenset({"a#1"})), False),
    ],
)
def test_the_evaluator(grant: Grant, call: Call, is_allowed: bool) -> None:
    """As IAM does."""
    assert grant.allows(call) is is_allowed


def test_what_the_evaluator_does_not_know_is_no_pass() -> None:
    """A Deny, a NotAction and another condition are errors."""
    names = Names({}, {})
    for more in ({"Effect": "Deny"}, {"NotAction": "*"}, {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}):
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **more}
        with pytest.raises(NotImplementedError):
            names.grants({"Statement": [statement]})
