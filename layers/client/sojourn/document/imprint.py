"""Whether values are what they were before: an imprint of then beside one of now. Stores nothing, and reads none back.

``marshal`` writes types themselves and none that extends them, a tenth as long as their JSON takes.
"""

from marshal import dumps  # writing alone: nothing that was written is ever read back
from typing import Final

# Later ones know more, which no document holds.
_VERSION: Final = 4


def imprint(document: dict[str, object]) -> bytes | None:
    """Equal imprints are those of equal documents, types and order of keys included; equal documents may have others.

    ``None`` where the document holds more than the containers, texts, numbers and bytes of Python itself. Bytes have
    the imprint of whatever shows a buffer, a ``bytearray`` say: see ``imprint_of``.
    """
    try:
        return dumps(document, _VERSION)
    except ValueError:  # what it does not know
        return None


def imprint_of(document: dict[str, object], text: bytes) -> bytes | None:
    """``imprint`` of what was read from the JSON ``text``; ``None`` where another value could have the same."""
    if b"$bytes" in text or b"\\u" in text:
        return None
    return imprint(document)


def may_hold(taken: bytes, text: str) -> bool:
    """Whether a document with the imprint ``taken`` may hold ``text``, short and of ASCII, as a key or a value.

    Each text follows its length, in one byte or in four, the lowest first.
    """
    content = text.encode()
    return bytes((len(content),)) + content in taken or b"\0" + content in taken
