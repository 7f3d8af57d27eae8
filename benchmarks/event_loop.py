"""How long a request without a session takes while others wait for a store that stalls.

    python -m benchmarks.event_loop

Thirty visitors with a cookie load their session from a store whose answers come late, and two hundred health checks are
served meanwhile by the same event loop; then the same without the thirty. Prints the 99th percentile of both and their
ratio, the median of several rounds, which alternate so that a busy machine slows both.
"""

import statistics
import threading
import time
from typing import TYPE_CHECKING

import anyio

from sojourn.adapters.asgi import Message, Receive, Scope, Send, SojournMiddleware
from sojourn.backend import Mark, Record
from sojourn.backends.memory import MemoryBackend
from sojourn.testing import memory_store

if TYPE_CHECKING:
    from sojourn import Store

STALLED, HEALTHY, ROUNDS = 30, 200, 15


class _Stalling(MemoryBackend):
    """Answers a read when the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        self.gate.wait()
        return super().load_with_mark(session_id, mark)

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        self.gate.wait()
        return super().load(session_id, is_consistent=is_consistent)


async def page(scope: Scope, _receive: Receive, send: Send) -> None:
    """One page that looks at its session, and one that checks health."""
    body = b"ok" if scope["path"] == "/health" else repr(scope["session"].get("a")).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def ask(app: SojournMiddleware, path: str, token: str | None = None) -> float:
    """The seconds that a request takes."""
    headers = [] if token is None else [(b"cookie", f"__Host-session={token}".encode())]

    async def send(_message: Message) -> None: ...

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    began = time.perf_counter()
    await app({"type": "http", "method": "GET", "path": path, "headers": headers}, receive, send)
    return time.perf_counter() - began


async def measured(app: SojournMiddleware, tokens: list[str], backend: _Stalling) -> float:
    """The 99th percentile of the health checks, in seconds, while the owners of ``tokens`` wait."""
    taken: list[float] = []
    backend.gate.clear()
    async with anyio.create_task_group() as visitors:
        for token in tokens:
            visitors.start_soon(ask, app, "/", token)
        await anyio.wait_all_tasks_blocked()
        taken += [await ask(app, "/health") for _ in range(HEALTHY)]
        backend.gate.set()
    return statistics.quantiles(taken, n=100)[98]


def main() -> None:
    """Measure and print."""
    backend = _Stalling()
    store: Store = memory_store(backend=backend)
    tokens = [store.create({"a": 1}).token for _ in range(STALLED)]
    app = SojournMiddleware(page, store, timeout=600)
    pairs = [(anyio.run(measured, app, [], backend), anyio.run(measured, app, tokens, backend)) for _ in range(ROUNDS)]
    alone, beside = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    ratio = statistics.median(beside / alone for alone, beside in pairs)
    print(f"p99 of {HEALTHY} health checks: alone {alone * 1e6:.0f} us, beside {STALLED} stalled {beside * 1e6:.0f} us")
    print(f"ratio {ratio:.2f}, the median of {ROUNDS} rounds")


if __name__ == "__main__":
    main()
