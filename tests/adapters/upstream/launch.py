"""What a run starts. Starts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, its working directory and its environment variables."""

    command: Sequence[str]
    where: Path
    environment: Mapping[str, str]
