"""A botocore session that reads of botocore's data what a client of DynamoDB takes. Makes no client: see clients.

A client is made at the start of each process, and most of what botocore reads and registers for it is of no use to it:
the names of four hundred services, a megabyte of endpoints, where the rules of the service's own endpoints count, and
the handlers of other services' events, which each request would look through.
"""

import json
import zlib
from typing import Any

from botocore import handlers
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session

_SERVICE = "dynamodb"
_GZIP = 31
"""What zlib calls the format of gzip."""


def lean_session() -> Session:
    """A session for clients of DynamoDB alone. Region, credentials and profile are as in any other.

    Where another folder of data was set up, that counts. Raises ``AttributeError`` or ``LookupError`` with a botocore
    of other insides.
    """
    session = Session(include_builtin_handlers=False)
    for event, handler, *place in handlers.BUILTIN_HANDLERS:
        if f"{event}.{_SERVICE}".split(".")[1] != _SERVICE:
            continue
        if place:
            raise LookupError("a handler with a place of its own")
        session.register(event, handler)
    if session.get_config_variable("data_path") is None:
        session.register_component("data_loader", _TableLoader(file_loader=_Files()))
    return session


class _Files(JSONFileLoader):
    """Reads as botocore's own does, into plain dictionaries: they have an order, and are read by the C scanner."""

    def load_file(self, file_path: str) -> Any:
        """What the file holds, ``None`` where there is none."""
        for ending, is_packed in ((".json", False), (".json.gz", True)):
            try:
                with open(file_path + ending, "rb") as file:  # noqa: PTH123  # a path of text
                    content = file.read()
            except FileNotFoundError:
                continue
            return json.loads(zlib.decompress(content, _GZIP) if is_packed else content)
        return None


class _TableLoader(Loader):
    """Knows DynamoDB, and takes partitions for endpoints."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  # its signature
        """DynamoDB, without a look at the others."""
        return [_SERVICE]

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """The data of one name. Endpoints give a client its region to sign for, and the rules give it the rest."""
        if name != "endpoints":
            found: tuple[Any, str] = super().load_data_with_path(name)
            return found
        data, path = super().load_data_with_path("partitions")
        return {"partitions": [_endpoints_of(partition) for partition in data["partitions"]]}, path


def _endpoints_of(partition: Any) -> dict[str, Any]:
    """A partition as endpoints.json has it. Without variants: a client that asks for FIPS is not made from this."""
    return {
        "partition": partition["id"],
        "dnsSuffix": partition["outputs"]["dnsSuffix"],
        "regionRegex": partition["regionRegex"],
        "regions": partition["regions"],
        "defaults": {
            "hostname": "{service}.{region}.{dnsSuffix}",
            "protocols": ["https"],
            "signatureVersions": ["v4"],
        },
        "services": {},
    }
