"""Whether code runs in an event loop, where nothing may wait for the store."""

import asyncio


def is_in_event_loop() -> bool:
    """Whether the caller runs in one, in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
