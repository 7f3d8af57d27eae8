"""Django's own settings for its tests, with a runner that records each result."""

from importlib import import_module

vars().update(vars(import_module("test_sqlite")))

TEST_RUNNER = "sojourn_upstream.django_runner.Runner"
