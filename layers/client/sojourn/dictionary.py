"""The preset dictionary of item format 1: what sessions are likely to contain. Frozen: a new one gets a new flag."""

from typing import Final

DICTIONARY_1: Final = b"""
{"_auth_user_id":"","_auth_user_backend":"django.contrib.auth.backends.ModelBackend","_auth_user_hash":""}
"""
