"""The tests that Django runs on each of its session engines, on ours. Imported when applications are ready."""

from importlib import import_module

from django.conf import settings
from django.test import TestCase, override_settings
from sessions_tests.tests import SessionTestsMixin  # type: ignore[import-not-found]  # in Django's archive alone


class SojournSessionTests(SessionTestsMixin, TestCase):  # type: ignore[misc]
    """On the engine of the settings."""

    backend = import_module(settings.SESSION_ENGINE).SessionStore


@override_settings(USE_TZ=True)
class SojournSessionWithTimeZoneTests(SojournSessionTests):
    """The same with time zones."""
