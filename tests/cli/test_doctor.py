"""``sojourn doctor``: a healthy set-up is one, and of a broken one it names the part and what to do."""

import time
from dataclasses import dataclass, field

import pytest

from devstack.clients import Clients
from devstack.template import read_template
from sojourn.cli.invocation import Machine
from tests.cli.command import Command, Ran
from tests.cli.users import FURTHER_POLICY, USER


def to_do(ran: Ran) -> dict[str, str]:
    """The rows that say what to do."""
    return {row["check"]: f"{row['found']} → {row['remedy']}" for row in ran.result["rows"] if row["state"] == "to do"}


def stored(clients: Clients, table: str, bucket: str) -> tuple[object, object]:
    """Every item and every object."""
    items = clients.dynamodb.scan(TableName=table)["Items"]
    return items, clients.s3.list_objects_v2(Bucket=bucket).get("Contents")


def test_a_healthy_set_up_has_nothing_to_do(command: Command, clients: Clients, table: str, bucket: str) -> None:
    """Every row is seen, each setting has its source, and nothing was changed to see it."""
    before = stored(clients, table, bucket)
    ran = command.run("doctor", "--json", "--namespace", "shop")
    assert (ran.status, to_do(ran), ran.err) == (0, {}, "")
    rows = {row["check"]: row for row in ran.result["rows"]}
    assert {row["state"] for row in rows.values()} == {"ok", "note"}
    assert rows["TABLE"]["found"] == f"{table} (SOJOURN_TABLE)"
    assert rows["NAMESPACE"]["found"] == "shop (--namespace)"
    assert rows["IDLE_SECONDS"]["found"] == "1800 (default)"
    assert "__Host-session-shop" in rows["cookie"]["found"]
    assert rows["may sweep"]["state"] == "ok"
    assert stored(clients, table, bucket) == before


@dataclass
class Broken:
    """A set-up with one fault, and what the doctor says of it."""

    check: str
    says: str
    words: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    machine: Machine | None = None


BROKEN = {
    "table missing": Broken("table", "there is no table nowhere in us-east-1", words=("--table", "nowhere")),
    "wrong region": Broken("table", "in eu-north-1", words=("--region", "eu-north-1")),
    "bucket missing": Broken("bucket", "there is no bucket nowhere", environment={"SOJOURN_BUCKET": "nowhere"}),
    "unknown setting": Broken(
        "SOJOURN_IDLE_SECOND", "SOJOURN_IDLE_SECONDS is one", environment={"SOJOURN_IDLE_SECOND": "60"}
    ),
    "clock ahead": Broken("clock", "10 min ahead", machine=Machine(clock=lambda: int(time.time()) + 600)),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_set_up_is_named(command: Command, broken: Broken) -> None:
    """One row says what is wrong and what to do, and no other row does."""
    ran = command.run("doctor", "--json", *broken.words, environment=broken.environment, machine=broken.machine)
    assert ran.status == 1
    assert list(to_do(ran)) == [broken.check]
    assert broken.says in to_do(ran)[broken.check]


def test_a_restored_table_lacks_ttl_and_backups(command: Command, bare_table: str) -> None:
    """The remedies are commands to type, for this very table."""
    found = to_do(command.run("doctor", "--json", "--table", bare_table))
    assert set(found) == {"TTL", "backups"}
    assert f"aws dynamodb update-time-to-live --table-name {bare_table}" in found["TTL"]


def test_a_table_without_an_index_is_named(command: Command, clients: Clients) -> None:
    """And with it the verbs that nobody can call."""
    shape = read_template()["Resources"]["SessionsTable"]["Properties"]
    indexes = [index for index in shape["GlobalSecondaryIndexes"] if index["IndexName"] != "subject"]
    used = {"session_id", "sweep_shard", "sweep_at"}
    clients.dynamodb.create_table(
        TableName="half",
        KeySchema=shape["KeySchema"],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=indexes,
        AttributeDefinitions=[one for one in shape["AttributeDefinitions"] if one["AttributeName"] in used],
    )
    found = to_do(command.run("doctor", "--json", "--table", "half"))
    assert found["index subject"].startswith("missing → make it with the keys subject, created_at")
    assert "index sweep" not in found


@pytest.mark.parametrize("way", ["by IAM's simulation", "by calls that change nothing", "of arn"])
def test_a_missing_permission_is_named_with_the_verbs_that_need_it(
    command: Command, clients: Clients, forbidden: dict[str, str], way: str
) -> None:
    """By simulation, without it by calls that change nothing, and for another role; all come to the same."""
    words: tuple[str, ...] = ()
    if way == "by calls that change nothing":
        document = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}}'
        clients.iam.put_user_policy(UserName=USER, PolicyName=FURTHER_POLICY, PolicyDocument=document)
    if way == "of arn":
        words, forbidden = ("--role", clients.iam.get_user(UserName=USER)["User"]["Arn"]), {}
    ran = command.run("doctor", "--json", *words, environment=forbidden)
    assert way in next(row["found"] for row in ran.result["rows"] if row["check"] == "judged")
    assert set(to_do(ran)) == {"may read", "may touch", "may write, rotate, login"}
    assert "not allowed: dynamodb:UpdateItem" in to_do(ran)["may touch"]


def test_over_the_records_api_it_says_what_it_does_not_see(command: Command) -> None:
    """And whether the API answers: here nothing listens."""
    ran = command.run(
        "doctor", "--json", environment={"SOJOURN_RECORDS_URL": "http://127.0.0.1:9", "SOJOURN_TABLE": ""}
    )
    states = {row["check"]: row["state"] for row in ran.result["rows"] if row["area"] == "records"}
    assert (ran.status, states) == (1, {"records API": "to do", "the store behind it": "not seen"})


def test_a_person_sees_the_remedy_beside_the_row(command: Command, bare_table: str) -> None:
    """And the summary names what is to be done."""
    ran = command.run("doctor", "--table", bare_table)
    assert "\x1b" not in ran.out  # no terminal, no colours
    assert "→ aws dynamodb update-time-to-live" in ran.out
    assert ran.out.endswith("\nto do: TTL; backups\n")
    assert all(line == line.rstrip() for line in ran.out.splitlines())
