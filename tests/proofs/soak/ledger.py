"""What one client of the soak was told, and what follows from it. Calls nothing."""

from dataclasses import dataclass, field


@dataclass
class Counter:
    """A number of one client's own in a shared session: the last one acknowledged, and the last one tried."""

    acknowledged: int = 0
    tried: int = 0

    def admits(self, found: object) -> bool:
        """Whether the store may hold ``found``: nothing acknowledged is lost, nothing is made up."""
        return isinstance(found, int) and self.acknowledged <= found <= self.tried


@dataclass
class Ledger:
    """Everything one client knows. Tokens are test tokens of a stack that ends with the test."""

    name: str
    counters: dict[str, Counter] = field(default_factory=dict)
    """By the token of the shared session."""
    dead: list[str] = field(default_factory=list)
    """Tokens of which the store said that they open nothing any more."""
    answered: dict[str, int] = field(default_factory=dict)
    """Answers by verb."""
    unanswered: dict[str, int] = field(default_factory=dict)
    """Requests that ended without an answer, or with one that leaves open what happened, by verb."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""


@dataclass(frozen=True)
class Remains:
    """What is there when everybody has stopped and the sweeper has been by."""

    shared: dict[str, dict[str, object] | None]
    """The documents of the shared sessions, by token; ``None`` where a token opens nothing."""
    reopened: list[str]
    """Dead tokens that open something."""
    items: dict[str, str]
    """What the table holds, by its key: the attributes but the document."""
    expected_items: set[str]
    """The keys of living sessions."""
    objects: int
    """Objects in the bucket that no item names."""


def verdict(ledgers: list[Ledger], remains: Remains) -> list[str]:
    """Every promise that was not kept, during the soak or at its end."""
    found = [f"{ledger.name}: {line}" for ledger in ledgers for line in ledger.broken]
    for ledger in ledgers:
        for token, counter in ledger.counters.items():
            document = remains.shared.get(token)
            value = None if document is None else document.get(ledger.name, 0)
            if not counter.admits(value):
                found.append(
                    f"{ledger.name}: {value} is stored, {counter.acknowledged} was acknowledged, {counter.tried} tried"
                )
    found += [f"a dead token opens something: {token[:8]}…" for token in remains.reopened]
    found += [f"left over: {what}" for key, what in remains.items.items() if key not in remains.expected_items]
    found += [f"missing: {key}" for key in sorted(remains.expected_items - remains.items.keys())]
    # A function killed between object and item leaves the object to the bucket's lifecycle rule, one a request.
    allowed = sum(sum(ledger.unanswered.values()) for ledger in ledgers)
    if remains.objects > allowed:
        found.append(f"{remains.objects} objects are left over, {allowed} requests went unanswered")
    return found
