"""Rails' own tests, on the Ruby of their release of Debian and over an API of this machine."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.adapters.upstream.api import served
from tests.adapters.upstream.debian import Release, fetch
from tests.adapters.upstream.environments import variables
from tests.adapters.upstream.launch import Launch
from tests.adapters.upstream.sources import unpack
from tests.adapters.upstream.suites import ROOT, Suite

_PLUGINS = ROOT / "tests/adapters/upstream/plugins/sojourn_upstream/rails"
_LOAD = "ARGV.each { |test| require File.expand_path(test) }; ARGV.clear"


@contextmanager
def launched(suite: Suite, cache: Path, *, is_theirs: bool) -> Iterator[Launch]:
    """What runs ``suite``, while the API is there."""
    release = fetch(suite.release, cache / "environments" / suite.environment)
    root = unpack(release.archive, cache / "sources" / suite.environment)
    loaded = ["browsers", "record", *([] if is_theirs else [suite.plugin])]
    command = [*_ruby(release), "-Itest", *(f"-r{name}" for name in loaded), "-e", _LOAD, *suite.paths]
    with served() as url:
        yield Launch(command, root / "actionpack", {**variables(), **_paths(release), **_settings(url)})


def _ruby(release: Release) -> list[str]:
    """Its interpreter, with the C library of its release and not the machine's."""
    (loader,) = release.system.glob("**/*-linux-gnu/ld-linux*.so.*")
    libraries = [*release.system.glob("lib/*-linux-gnu"), *release.system.glob("usr/lib/*-linux-gnu")]
    (ruby,) = release.system.glob("usr/bin/ruby[0-9]*")
    return [str(loader), "--library-path", os.pathsep.join(map(str, libraries)), str(ruby)]


def _paths(release: Release) -> Mapping[str, str]:
    """Where that Ruby finds its libraries and gems."""
    usr = release.system / "usr"
    (standard,) = usr.glob("lib/ruby/[0-9]*")
    version = standard.name
    (native,) = usr.glob(f"lib/*-linux-gnu/ruby/{version}")
    vendor, gems = usr / "lib/ruby/vendor_ruby", usr / "lib/ruby/gems" / version
    libraries = [_PLUGINS, vendor / version, native.parent / "vendor_ruby" / version, vendor, standard, native]
    integration = "rubygems-integration"
    found = [usr / "share" / integration / "all", usr / "share" / integration / version]
    found += [native.parent.parent / integration / version, gems]
    return {
        "RUBYLIB": os.pathsep.join(map(str, libraries)),
        "GEM_HOME": str(gems),
        "GEM_PATH": os.pathsep.join(map(str, found)),
    }


def _settings(url: str) -> Mapping[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_ACCESS_KEY": "none",
        "MT_CPU": "0",  # one process: the report is one file
        "RAILS_CLIENT": str(ROOT / "clients/rails/dynamo_store.rb"),
        "SOJOURN_API_URL": url,
    }
