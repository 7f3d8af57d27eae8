"""Bodies that are read up to a limit: their length is the sender's business, the memory is ours."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.response import StreamingBody


def read_at_most(body: "StreamingBody", most: int) -> bytes:
    """All of a body, or its first ``most`` + 1 bytes where it is longer; then its connection is closed.

    Raises what botocore raises of a body that breaks off.
    """
    found = bytearray()
    while len(found) <= most:
        part = body.read(most + 1 - len(found))
        if not part:
            return bytes(found)
        found += part
    body.close()
    return bytes(found)
