"""Settings: what the environment may say, and what is refused by name."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest

from sojourn import ConfigurationError, Settings, Store, factory, open_store


def test_defaults_are_those_of_the_design() -> None:
    """Nothing has to be set but the table."""
    assert Settings.from_environment({}) == Settings(
        table=None,
        bucket=None,
        namespace="default",
        idle_seconds=1_800,
        absolute_seconds=43_200,
        max_absolute_seconds=7_776_000,
        overflow_bytes=65_536,
        max_bytes=1_048_576,
        sweep_grace_seconds=86_400,
        sweep_index=True,
        sweep_shards=64,
        consistent_read=True,
        encryption="off",
        endpoint_url=None,
    )


def test_every_field_is_read_from_its_variable() -> None:
    """SOJOURN_ and the name in capitals."""
    environment = {
        "SOJOURN_TABLE": "t",
        "SOJOURN_BUCKET": "b",
        "SOJOURN_NAMESPACE": "n",
        "SOJOURN_IDLE_SECONDS": "1",
        "SOJOURN_ABSOLUTE_SECONDS": "2",
        "SOJOURN_MAX_ABSOLUTE_SECONDS": "3",
        "SOJOURN_OVERFLOW_BYTES": "4",
        "SOJOURN_MAX_BYTES": "5",
        "SOJOURN_SWEEP_GRACE_SECONDS": "0",
        "SOJOURN_SWEEP_INDEX": "False",
        "SOJOURN_SWEEP_SHARDS": "7",
        "SOJOURN_SWEEP_INTERVAL_SECONDS": "8",
        "SOJOURN_SWEEP_PERIOD_SECONDS": "9",
        "SOJOURN_SWEEP_WRITE_UNITS": "10",
        "SOJOURN_CONSISTENT_READ": "FALSE",
        "SOJOURN_STRICT_EXPIRE_ALL": "TRUE",
        "SOJOURN_ENCRYPTION": "token",
        "SOJOURN_ENDPOINT_URL": "http://127.0.0.1:1",
        "SOJOURN_RECORDS_URL": "http://127.0.0.1:2",
        "OTHER_TABLE": "no",
    }
    settings = Settings.from_environment(environment)
    for field in fields(Settings):
        given = environment["SOJOURN_" + field.name.upper()]
        assert str(getattr(settings, field.name)).lower() == (given.lower() or "none")


def test_an_empty_variable_counts_as_unset() -> None:
    """Templates and shells leave such behind."""
    assert Settings.from_environment({"SOJOURN_IDLE_SECONDS": "", "SOJOURN_TABLE": ""}) == Settings()


@pytest.mark.parametrize("text", ["x", "1.5", "-1", "+1", " 1", "1_000", "٣", "0x10", "1e3", "true", "9" * 5_000])
def test_what_is_no_whole_number_is_refused_by_name(text: str) -> None:
    """Not even what Python would take for one."""
    with pytest.raises(ConfigurationError, match="SOJOURN_IDLE_SECONDS"):
        Settings.from_environment({"SOJOURN_IDLE_SECONDS": text})


@pytest.mark.parametrize("text", ["yes", "1", "0", "on", " true", "t"])
def test_what_is_no_switch_is_refused_by_name(text: str) -> None:
    """True or false, in any case of letters."""
    with pytest.raises(ConfigurationError, match="SOJOURN_SWEEP_INDEX"):
        Settings.from_environment({"SOJOURN_SWEEP_INDEX": text})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDLE_SECONDS", 0),
        ("ABSOLUTE_SECONDS", 0),
        ("ABSOLUTE_SECONDS", 7_776_001),
        ("IDLE_SECONDS", 7_776_001),
        ("IDLE_SECONDS", 99_999_999_999),
        ("MAX_ABSOLUTE_SECONDS", 316_224_001),
        ("MAX_ABSOLUTE_SECONDS", 0),
        ("OVERFLOW_BYTES", 0),
        ("OVERFLOW_BYTES", 393_217),
        ("MAX_BYTES", 0),
        ("SWEEP_SHARDS", 0),
        ("SWEEP_INTERVAL_SECONDS", 0),
        ("SWEEP_PERIOD_SECONDS", 0),
        ("SWEEP_WRITE_UNITS", 0),
        ("SWEEP_SHARDS", 1_025),
    ],
)
def test_what_cannot_work_is_refused_by_name(name: str, value: int) -> None:
    """When the store is opened, not when the first session is written."""
    with pytest.raises(ConfigurationError, match=f"SOJOURN_{name}"):
        Settings.from_environment({f"SOJOURN_{name}": str(value)})


@pytest.mark.parametrize("value", ["on", "true", "OFF", "tokens"])
def test_an_unknown_encryption_is_refused(value: str) -> None:
    """A word that is misspelt must not store documents as they are."""
    with pytest.raises(ConfigurationError, match="SOJOURN_ENCRYPTION takes 'off', 'token' or 'required'"):
        Settings.from_environment({"SOJOURN_ENCRYPTION": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDLE_SECONDS", 1),
        ("ABSOLUTE_SECONDS", 7_776_000),
        ("IDLE_SECONDS", 7_776_000),
        ("MAX_ABSOLUTE_SECONDS", 316_224_000),
        ("OVERFLOW_BYTES", 393_216),
        ("SWEEP_GRACE_SECONDS", 0),
        ("SWEEP_SHARDS", 1),
        ("SWEEP_SHARDS", 1_024),
    ],
)
def test_what_just_works_is_taken(name: str, value: int) -> None:
    """The limits themselves are within."""
    settings = Settings.from_environment({f"SOJOURN_{name}": str(value)})
    assert getattr(settings, name.lower()) == value


def test_a_negative_grace_is_refused() -> None:
    """Code can say what the environment cannot."""
    with pytest.raises(ConfigurationError, match="SOJOURN_SWEEP_GRACE_SECONDS"):
        Settings(sweep_grace_seconds=-1)


def test_a_namespace_is_checked() -> None:
    """It becomes part of every key."""
    with pytest.raises(ConfigurationError, match="SOJOURN_NAMESPACE"):
        Settings.from_environment({"SOJOURN_NAMESPACE": "a#b"})


def test_a_store_without_a_table_is_refused() -> None:
    """The message says what to set."""
    with pytest.raises(ConfigurationError, match="SOJOURN_TABLE"):
        open_store(Settings())


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("SOJOURN_IDLE_SECOND", "SOJOURN_IDLE_SECOND is no setting and is ignored; SOJOURN_IDLE_SECONDS is one"),
        ("SOJOURN_API_URL", "SOJOURN_API_URL is no setting and is ignored; SOJOURN_"),
        ("SOJOURN_Table", "SOJOURN_Table is no setting and is ignored"),
        ("SOJOURN_QQQQQQQQQQ", "SOJOURN_QQQQQQQQQQ is no setting and is ignored"),
    ],
)
def test_an_unknown_variable_is_warned_of_with_the_nearest_name(
    variable: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A typing error changes nothing in silence; the value is not shown."""
    caplog.set_level(logging.WARNING)
    assert Settings.from_environment({variable: "hunter2", "OTHER": "1"}) == Settings()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(message)
    assert "hunter2" not in caplog.text


def test_known_variables_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is what has another prefix, nor an empty one."""
    Settings.from_environment({"SOJOURN_TABLE": "t", "SOJOURN_IDLE_SECONDS": "", "SOJOURNER": "truth"})
    assert caplog.records == []


@pytest.mark.parametrize(
    "given",
    [
        {"idle_seconds": "60"},
        {"absolute_seconds": 1.5},
        {"max_bytes": True},
        {"sweep_shards": None},
        {"sweep_index": 1},
    ],
    ids=str,
)
def test_a_setting_of_another_type_is_refused_by_name(given: dict[str, object]) -> None:
    """Code can say what the environment cannot."""
    (name,) = given
    with pytest.raises(ConfigurationError, match=f"SOJOURN_{name.upper()}"):
        Settings(**given)  # type: ignore[arg-type]  # as a program without types would


def test_many_threads_that_open_the_store_get_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 at once, at the first moment: one store, and its clients were built once."""
    monkeypatch.setenv("SOJOURN_TABLE", "sessions")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    opened, barrier = [], threading.Barrier(16)
    build = factory._opened

    def counted(settings: Settings) -> Store:
        opened.append(settings)
        return build(settings)

    def at_once(_number: int) -> Store:
        barrier.wait(10)
        return open_store()

    monkeypatch.setattr(factory, "_opened", counted)
    factory._from_environment.cache_clear()
    try:
        with ThreadPoolExecutor(16) as threads:
            stores = list(threads.map(at_once, range(16)))
    finally:
        factory._from_environment.cache_clear()
    assert len({id(store) for store in stores}) == 1
    assert len(opened) == 1
