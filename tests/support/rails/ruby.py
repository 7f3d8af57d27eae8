"""Whether this machine has Ruby with Rails, and where."""

import os
import shutil
import subprocess

import pytest

from devstack.layout import ROOT

RUBY = shutil.which("ruby") or "ruby"
CLIENT = ROOT / "clients" / "rails" / "dynamo_store.rb"


def _has_rails() -> bool:
    try:
        subprocess.run([RUBY, "-e", 'require "rails"; require "aws-sigv4"'], capture_output=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


needs_rails = pytest.mark.skipif(
    not os.environ.get("CI") and not _has_rails(), reason="no Rails on this machine: make rails"
)
