"""Draws docs/performance.svg and writes the tables of docs/performance.md from the results. Measures nothing."""

import json
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.pages import DOCS, brought_up_to_date

RESULTS: Final = Path(__file__).parent / "results"
COUNTED: Final = ("processor-before", "processor")

Results = dict[str, Any]


def _millions(instructions: float) -> str:
    """As many digits as say something: three, or more of large numbers."""
    digits = 3 if instructions < 1e5 else 2 if instructions < 1e8 else 0
    return f"{instructions / 1e6:,.{digits}f}"


def tables(before: Results, after: Results) -> dict[str, str]:
    """Each table of the page by its name there."""
    return {
        "start": _start(before, after),
        "calls": _calls(before, after),
        "verbs": _verbs(before, after),
        "adapters": _adapters(after["adapters"]),
        "flask-session": _flask_session(after["flask-session"]),
        "sweep": _sweep(after["sweep"]),
    }


def _start(before: Results, after: Results) -> str:
    rows = [(name, before["start"].get(name), found) for name, found in after["start"].items()]
    rows += [(name, before["calls"][name]["start"], found["start"]) for name, found in after["calls"].items()]
    head = "| start | without all of this | now |\n|---|--:|--:|"
    return "\n".join([head, *(f"| {name} | {_millions(old)} | {_millions(new)} |" for name, old, new in rows)])


def _calls(before: Results, after: Results) -> str:
    head = "| a request to | first, before | first, now | later, before | later, now |\n|---|--:|--:|--:|--:|"
    rows = []
    for name, found in after["calls"].items():
        of = (before["calls"][name]["first"], found["first"], before["calls"][name]["later"], found["later"])
        rows.append(f"| {name} | {' | '.join(map(_millions, of))} |")
    return "\n".join([head, *rows])


def _verbs(before: Results, after: Results) -> str:
    sizes = list(after["verbs"])
    head = f"| verb: before, now / boto3 | {' | '.join(sizes)} |\n|---|{'--:|' * len(sizes)}"
    rows = []
    for verb in after["verbs"][sizes[0]]:
        cells = (_cell(before["verbs"][size][verb], after["verbs"][size][verb]) for size in sizes)
        rows.append(f"| {verb} | {' | '.join(cells)} |")
    return "\n".join([head, *rows])


def _cell(old: Results, new: Results) -> str:
    return f"{_millions(old['sojourn'])}, {_millions(new['sojourn'])} / {_millions(new['boto3'])}"


def _adapters(found: Results) -> str:
    columns = "without a session | with Sojourn | Sojourn adds | of a `get_item`"
    rows = [f"| a request through | {columns} |", "|---|--:|--:|--:|--:|"]
    for name, one in found["requests"].items():
        added = one["sojourn"] - one["empty"]
        cells = (
            _millions(one["empty"]),
            _millions(one["sojourn"]),
            _millions(added),
            f"{added / found['get_item']:.0%}",
        )
        rows.append(f"| {name} | {' | '.join(cells)} |")
    for name, alone in (("no framework, the library's `read`", "read"), ("boto3's `get_item`", "get_item")):
        rows.append(f"| {name} | | | {_millions(found[alone])} | {found[alone] / found['get_item']:.0%} |")
    return "\n".join(rows)


def _flask_session(found: Results) -> str:
    head = "| a request to Flask with | read | read, change, write |\n|---|--:|--:|"
    names = {
        "Sojourn": "Sojourn",
        "Flask-Session": f"{found['version']}, DynamoDB",
        "Flask-Session, not refreshed": "the same, `SESSION_REFRESH_EACH_REQUEST = False`",
    }
    rows = [
        f"| {names[kind]} | {' | '.join(map(_millions, one.values()))} |" for kind, one in found["requests"].items()
    ]
    return "\n".join([head, *rows])


def _sweep(found: Results) -> str:
    rates = found["deletes a second"]
    return "\n".join(
        [
            "| conditional deletes, 25 in a call | the sweep | `batch_execute_statement` |",
            "|---|--:|--:|",
            f"| instructions of one | {_millions(found['delete'])} | {_millions(found['boto3'])} |",
            f"| a second of the processor\\* | {rates['sojourn']:,} | {rates['boto3']:,} |",
        ]
    )


def draw(after: Results) -> None:
    """The verbs at each size, beside boto3."""
    mpl.rcParams["svg.hashsalt"] = "sojourn"
    figure, panels = plt.subplots(1, len(after["verbs"]), figsize=(14, 4), sharey=False)
    for panel, (size, verbs) in zip(panels, after["verbs"].items(), strict=True):
        names = list(verbs)
        places = range(len(names))
        panel.barh([place - 0.2 for place in places], [verbs[name]["boto3"] / 1e6 for name in names], 0.4)
        panel.barh([place + 0.2 for place in places], [verbs[name]["sojourn"] / 1e6 for name in names], 0.4)
        panel.set_title(size)
        panel.set_xlabel("million instructions")
        panel.set_yticks(places, names if panel is panels[0] else ["" for _ in names])
        panel.invert_yaxis()
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.legend(["boto3 alone", "Sojourn"], loc="lower center", ncols=2)
    figure.savefig(DOCS / "performance.svg", metadata={"Date": None})


def main() -> None:
    """Draw and write."""
    before, after = (json.loads((RESULTS / f"{name}.json").read_text()) for name in COUNTED)
    draw(after)
    page = DOCS / "performance.md"
    page.write_text(brought_up_to_date(page.read_text(), tables(before, after)))


if __name__ == "__main__":
    main()
