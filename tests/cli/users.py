"""The user of the emulator whose permissions the tests limit."""

USER = "night-shift"
FURTHER_POLICY = "further"
"""A policy that a test may give the user besides."""
