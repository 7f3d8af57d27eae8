"""Our engine in the place of the engines that single tests of Django name, such as those for files and the cache.

Imported when applications are ready.
"""

import unittest
from importlib import import_module
from typing import Any

from sojourn.adapters.django import SessionStore, SojournMiddleware

from . import django_runner

_ENGINES = ("cache", "cached_db", "db", "file", "signed_cookies")


class Runner(django_runner.Runner):
    """``TEST_RUNNER``."""

    def build_suite(self, *arguments: Any, **options: Any) -> unittest.TestSuite:  # as Django has it
        """Swap the engines before any test is imported."""
        for engine in _ENGINES:
            vars(import_module(f"django.contrib.sessions.backends.{engine}"))["SessionStore"] = SessionStore
        suite: unittest.TestSuite = super().build_suite(*arguments, **options)
        return suite


class RunnerWithMiddleware(Runner):
    """The same, with our middleware wherever a test or its settings name Django's."""

    def build_suite(self, *arguments: Any, **options: Any) -> unittest.TestSuite:  # as Django has it
        """See above."""
        vars(import_module("django.contrib.sessions.middleware"))["SessionMiddleware"] = SojournMiddleware
        return super().build_suite(*arguments, **options)
