"""What was found, beside what the documentation says. Tries nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby


class Verdict(Enum):
    """What a row says."""

    OK = "ok"
    DIFFERS = "DIFFERS"
    REPORTED = ""
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at. ``expected`` is the documentation's, ``found`` the stack's."""

    area: str
    name: str
    expected: str
    found: str
    verdict: Verdict


@dataclass
class Report:
    """Rows, and what of them a person has to see."""

    rows: list[Row] = field(default_factory=list)

    def compare(self, area: str, name: str, *, expected: object, found: object) -> bool:
        """Whether both are the same."""
        verdict = Verdict.OK if expected == found else Verdict.DIFFERS
        self.rows.append(Row(area, name, str(expected), str(found), verdict))
        return verdict is Verdict.OK

    def state(self, area: str, name: str, found: object) -> None:
        """A figure that no page promises."""
        self.rows.append(Row(area, name, "", str(found), Verdict.REPORTED))

    def skip(self, area: str, name: str, reason: object) -> None:
        """What could not be looked at, and why."""
        self.rows.append(Row(area, name, "", str(reason), Verdict.NOT_TRIED))

    @property
    def differing(self) -> list[Row]:
        """What is not as the documentation says."""
        return [row for row in self.rows if row.verdict is Verdict.DIFFERS]

    @property
    def untried(self) -> list[Row]:
        """What nothing is proved of."""
        return [row for row in self.rows if row.verdict is Verdict.NOT_TRIED]

    def table(self) -> str:
        """Every row, by area."""
        return "\n\n".join(_tables(self.rows))

    def summary(self) -> str:
        """How it went, in one line."""
        counted = {verdict: sum(row.verdict is verdict for row in self.rows) for verdict in Verdict}
        return (
            f"{counted[Verdict.OK]} as documented, {counted[Verdict.DIFFERS]} different, "
            f"{counted[Verdict.NOT_TRIED]} not tried, {counted[Verdict.REPORTED]} figures"
        )

    def issue(self, *, versions: str) -> str:
        """What belongs into the issue tracker: no token, no account, no subject."""
        lines = [f"- {row.area}: {row.name}: expected {row.expected}, found {row.found}" for row in self.differing]
        return "\n".join(["make verify found differences", versions, *lines])


def _tables(rows: Iterable[Row]) -> Iterable[str]:
    for area, group in groupby(rows, key=lambda row: row.area):
        members = list(group)
        width = max(len(row.name) for row in members)
        lines = (f"  {row.verdict.value:<9}  {row.name:<{width}}  {_shown(row)}".rstrip() for row in members)
        yield "\n".join([area, *lines])


def _shown(row: Row) -> str:
    return row.found if row.verdict is not Verdict.DIFFERS else f"expected {row.expected}, found {row.found}"
