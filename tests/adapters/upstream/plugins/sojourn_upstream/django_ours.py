"""The settings of ``django_settings``, with our middleware in the place of Django's."""

from .django_settings import *  # noqa: F403  # settings are the names of a module

TEST_RUNNER = "sojourn_upstream.django_swap.RunnerWithMiddleware"
