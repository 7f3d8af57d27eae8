"""How ``make test`` shares the tests out among its processes. Runs none."""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has none


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # for the same reason
    """One process runs a class or a module, whose fixtures it has; and one all that is deployed, on one stack."""

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid)


def shared_by(nodeid: str) -> str:
    """What the test's process runs altogether."""
    if nodeid.startswith("tests/e2e/"):
        return "tests/e2e"
    return nodeid.partition("[")[0].rpartition("::")[0]
