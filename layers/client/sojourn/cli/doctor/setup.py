"""What this machine brings: settings, versions, the clock and the cookie. Calls AWS for the account alone."""

import importlib.util
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import botocore

import sojourn
from sojourn.adapters.cookies import Cookie
from sojourn.backends.sdk import OLDEST
from sojourn.cli.aws import Aws
from sojourn.cli.doctor.rows import Row, State, judged, looked
from sojourn.cli.invocation import Invocation
from sojourn.cli.sources import Sources
from sojourn.cli.text import duration
from sojourn.settings import Settings

_TOLERATED_SECONDS: Final = 5
"""The protocol allows clocks to differ by so much: see rotation and the sweep."""

_LAYERS: Final = Path("/opt/python")


def settings_rows(sources: Sources) -> Iterator[Row]:
    """Each setting with its source, and each variable that is taken for none."""
    for one in sources.listed:
        yield Row("settings", one.name.upper(), State.OK, f"{_written(one.value)} ({one.source})")
    for sentence in sources.unknown:
        name, _, rest = sentence.partition(" ")
        yield Row("settings", name, State.TO_DO, rest, "correct its name, or remove it")


def version_rows(run: Invocation) -> Iterator[Row]:
    """Python, boto3, Sojourn and where it was loaded from, and what encryption needs."""
    oldest = ".".join(map(str, OLDEST))
    yield Row("versions", "python", State.OK, platform.python_version())
    found = tuple(int(part) for part in botocore.__version__.split(".")[:3])
    remedy = f"package boto3 {oldest} or later with the function, or use a newer runtime"
    yield judged("versions", "boto3", found >= OLDEST, version("boto3"), remedy=remedy)
    origin = "the layer" if Path(sojourn.__file__).is_relative_to(_LAYERS) else "a package"
    yield Row("versions", "sojourn", State.OK, f"{sojourn.__version__}, from {origin}")
    if "layer-arn" in run.published:
        yield Row("versions", "layer", State.OK, run.published["layer-arn"])
    if run.settings.encryption != "off":
        has_it = importlib.util.find_spec("cryptography") is not None
        remedy = "pip install 'sojourn[encryption]', or attach the encryption layer (docs/operations.md)"
        yield judged("versions", "cryptography", has_it, "there" if has_it else "missing", remedy=remedy)


def account_rows(aws: Aws) -> Iterator[Row]:
    """Region, credentials and account."""
    remedy = "say --region, or set AWS_REGION"
    yield judged("account", "region", aws.region, aws.region or "none", remedy=remedy)
    if not aws.has_credentials:
        remedy = "say --profile, or give this machine credentials, as any AWS client takes them"
        yield Row("account", "credentials", State.TO_DO, "none", remedy)
    elif aws.region:
        yield from looked("account", "credentials", lambda: _identity(aws))


def clock_rows(aws: Aws) -> Iterator[Row]:
    """How far this machine's clock is from AWS's, by the date of an answer."""
    if aws.tick is None:
        yield Row("clock", "clock", State.UNKNOWN, "no service has answered with its time")
        return
    ahead = aws.tick.ahead
    direction = "ahead" if ahead > 0 else "behind"
    is_close = abs(ahead) <= _TOLERATED_SECONDS
    found = "within seconds of AWS's" if is_close else f"{duration(ahead)} {direction} of AWS's"
    remedy = (
        "synchronise it (chrony, systemd-timesyncd): deadlines are judged by it, and AWS refuses calls from minutes on"
    )
    yield judged("clock", "clock", is_close, found, remedy=remedy)


def cookie_rows(settings: Settings) -> Iterator[Row]:
    """What the adapters set, unless an application gives them a ``Cookie`` of its own."""
    written = Cookie().in_namespace(settings.namespace).set_to("…", until=0, max_age=0)
    yield Row("cookie", "cookie", State.OK, f"{written}; unless the application gives its own")


def _identity(aws: Aws) -> Iterator[Row]:
    identity = aws.call("sts", "get_caller_identity", place="the account")
    yield Row("account", "account", State.OK, str(identity["Account"]))
    yield Row("account", "credentials", State.OK, str(identity["Arn"]))


def _written(value: object) -> str:
    return "unset" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
