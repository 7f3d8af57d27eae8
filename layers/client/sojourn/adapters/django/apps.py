"""``"sojourn.adapters.django"`` in ``INSTALLED_APPS``: so ``manage.py check`` knows of the checks. Has no models."""

from django.apps import AppConfig


class SojournConfig(AppConfig):
    """Importing the application registers its checks."""

    name = "sojourn.adapters.django"
    label = "sojourn"
    verbose_name = "Sojourn"
