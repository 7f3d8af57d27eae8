"""What goes wrong on a developer's machine, said so that the developer can mend it."""


class DevstackError(Exception):
    """Something is missing, taken or broken here. The message says what, and what to do."""
