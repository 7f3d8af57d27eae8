"""Django's own settings for its tests, with our engine and, as by default, Django's middleware."""

from .django_theirs import *  # noqa: F403  # settings are the names of a module
from .stores import the_store

SESSION_ENGINE = "sojourn.adapters.django"
SOJOURN_STORE = the_store
TEST_RUNNER = "sojourn_upstream.django_swap.Runner"
