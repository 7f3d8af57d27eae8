"""A session key as Django hands it about. Opens no session."""

from sojourn.tokens import Token, parsed

Key = Token | str
"""A token of ours, whose text no traceback shows, or whatever else a client sent."""


def key_of(text: Key | None) -> Key | None:
    """The key that ``text`` is."""
    return parsed(text) or text or None


def text_of(key: Key | None) -> str | None:
    """The text of a key, for a cookie."""
    return key.reveal() if isinstance(key, Token) else key
