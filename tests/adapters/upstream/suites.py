"""The suites: which of a framework's own tests run, and in which environment. Runs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements/upstream"


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one framework, in one environment.

    ``package`` is the one whose source archive holds the tests, and ``paths`` are files and folders in it, or Django's
    labels. ``plugin`` names the module that puts our sessions in the place of the framework's. ``environment`` is a
    file of requirements; ``below`` is the framework that an extension runs on. ``ignored`` are deprecation warnings of
    a newer Python, which the suite's own configuration turns into errors. Rails has no requirements: it comes with the
    packages of a ``release`` of Debian, and the series of its versions is known before.
    """

    name: str
    package: str
    environment: str
    plugin: str
    paths: tuple[str, ...]
    runner: Literal["pytest", "django", "rails"] = "pytest"
    below: str | None = None
    release: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """What it can be called by."""
        return frozenset({self.name, self.package, self.environment})

    @property
    def requirements(self) -> Path:
        """The pinned requirements of its environment."""
        return REQUIREMENTS / f"{self.environment}.txt"

    @property
    def version(self) -> str:
        """The release under test, and that of the framework below."""
        if self.runner == "rails":
            return f"{_RAILS[self.release]} of Debian {self.release}"
        below = f" on {self.below} {pinned(self.requirements, self.below)}" if self.below else ""
        return pinned(self.requirements, self.package) + below


def pinned(requirements: Path, package: str) -> str:
    """The version that a file of requirements pins ``package`` to."""
    for line in requirements.read_text().splitlines():
        name, equals, version = line.partition("==")
        if equals and name == package:
            return version.split()[0]
    raise LookupError(f"{requirements.name} pins no {package}; make lock")


def pinned_lines(requirements: Path, package: str) -> str:
    """The lines that pin ``package`` in a file of requirements, hashes included."""
    _, found, rest = ("\n" + requirements.read_text()).partition(f"\n{package}==")
    if not found:
        raise LookupError(f"{requirements.name} pins no {package}; make lock")
    lines = rest.splitlines()
    end = next((number for number, line in enumerate(lines) if not line.endswith("\\")), len(lines))
    return "\n".join([f"{package}=={lines[0]}", *lines[1 : end + 1]]) + "\n"


def _both(
    name: str, plugin: str, paths: Sequence[str], *, below: str | None = None, ignored: Sequence[str] = ()
) -> tuple[Suite, Suite]:
    """On the newest release and on the oldest that our extra admits."""
    newest, oldest = (
        Suite(name, name, f"{name}-{age}", plugin, tuple(paths), below=below, ignored=tuple(ignored))
        for age in ("newest", "oldest")
    )
    return newest, oldest


# The rest of `sessions_tests` tests Django's own engines; `django_engine` runs what all engines share on ours.
_DJANGO = (
    "sojourn_upstream.django_engine",
    "sessions_tests.tests.SessionMiddlewareTests",
    "auth_tests",
    "csrf_tests",
    "messages_tests",
    "test_client",
    "test_client_regress",
)

_RAILS = {"bookworm": "6.1", "trixie": "7.2"}
"""The series of Rails in each release of Debian."""

_RAILS_TESTS = (
    "test/dispatch/session/abstract_secure_store_test.rb",
    "test/dispatch/session/abstract_store_test.rb",
    "test/dispatch/session/cache_store_test.rb",
    "test/dispatch/session/cookie_store_test.rb",
    "test/dispatch/session/mem_cache_store_test.rb",
    "test/dispatch/session/test_session_test.rb",
    "test/dispatch/cookies_test.rb",
    "test/controller/flash_hash_test.rb",
    "test/controller/flash_test.rb",
    "test/controller/request_forgery_protection_test.rb",
)

_UTCNOW = "datetime.datetime.utcnow:DeprecationWarning"

SUITES = (
    *_both("starlette", "sojourn_upstream.starlette", ["tests/middleware/test_session.py"]),
    *_both("flask", "sojourn_upstream.flask", ["tests"]),
    *_both("flask-login", "sojourn_upstream.flask", ["tests"], below="flask", ignored=[_UTCNOW]),
    *_both("flask-wtf", "sojourn_upstream.flask", ["tests"], below="flask"),
    *(
        Suite(name, "django", f"django-{age}", f"sojourn_upstream.{plugin}", _DJANGO, runner="django")
        for name, plugin in (("django", "django_settings"), ("django-middleware", "django_ours"))
        for age in ("newest", "oldest")
    ),
    *(
        Suite("rails", "rails", f"rails-{release}", "ours", _RAILS_TESTS, runner="rails", release=release)
        for release in reversed(_RAILS)
    ),
)
"""Every suite, in the order of the table."""
