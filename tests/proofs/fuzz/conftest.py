"""The API over a store in memory, as the integration tests have it."""

from tests.service.conftest import backend, clock, gateway, store, stream, telemetry

__all__ = ["backend", "clock", "gateway", "store", "stream", "telemetry"]
