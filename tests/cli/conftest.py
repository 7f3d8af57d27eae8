"""One emulator that judges permissions, and a healthy set-up on it, as template.yaml describes one."""

import functools
import json
import secrets
from collections.abc import Iterator

import pytest
from botocore.loaders import create_loader

from devstack.clients import Clients
from devstack.emulator import emulator
from devstack.layout import Layout, free_port
from sojourn import Settings, Store, open_store
from tests.cli.command import Command
from tests.cli.users import USER
from tests.contract.tables import sessions_table


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """Let botocore parse its descriptions of services once in a run, and not for each command: half of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        yield


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """The emulator's, with every permission."""
    layout = Layout(local=tmp_path_factory.mktemp("cli"), port=free_port())
    with emulator(layout, authorize=True) as endpoint_url:
        yield Clients(endpoint_url)


@pytest.fixture(scope="session")
def bucket(clients: Clients) -> str:
    """Closed, and with a rule for orphans."""
    name = "overflow"
    clients.s3.create_bucket(Bucket=name)
    block = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    clients.s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration=dict.fromkeys(block, True),  # type: ignore[arg-type]  # these four keys
    )
    rule = {"ID": "orphans", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 95}}
    clients.s3.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={"Rules": [rule]},  # type: ignore[list-item]
    )
    return name


@pytest.fixture(scope="session")
def bare_table(clients: Clients) -> Iterator[str]:
    """With keys and indexes, and with nothing else: as a restore leaves it."""
    with sessions_table(clients.dynamodb) as name:
        yield name


@pytest.fixture(scope="session")
def table(clients: Clients) -> Iterator[str]:
    """With all that it has to have."""
    with sessions_table(clients.dynamodb) as name:
        clients.dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
        clients.dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        yield name


@pytest.fixture
def command(clients: Clients, table: str, bucket: str) -> Command:
    """The command in the environment of somebody who may do everything, in a namespace of the test's own."""
    settings = {"TABLE": table, "BUCKET": bucket, "NAMESPACE": secrets.token_hex(4)}
    variables = {f"SOJOURN_{name}": value for name, value in settings.items()}
    return Command({"AWS_ENDPOINT_URL": clients.dynamodb.meta.endpoint_url, **variables})


@pytest.fixture
def store(command: Command, monkeypatch: pytest.MonkeyPatch) -> Store:
    """What an application has there."""
    for name, value in command.given.items():
        monkeypatch.setenv(name, value)
    return open_store(Settings.from_environment())


@pytest.fixture
def forbidden(clients: Clients) -> Iterator[dict[str, str]]:
    """The credentials of a user who may do everything but update items, and may look at all of it."""
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "dynamodb:UpdateItem", "Resource": "*"},
    ]
    clients.iam.create_user(UserName=USER)
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    clients.iam.put_user_policy(UserName=USER, PolicyName="all-but-one", PolicyDocument=document)
    key = clients.iam.create_access_key(UserName=USER)["AccessKey"]
    yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    clients.iam.delete_access_key(UserName=USER, AccessKeyId=key["AccessKeyId"])
    for policy in clients.iam.list_user_policies(UserName=USER)["PolicyNames"]:
        clients.iam.delete_user_policy(UserName=USER, PolicyName=policy)
    clients.iam.delete_user(UserName=USER)
