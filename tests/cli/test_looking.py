"""``show``, ``list`` and ``token inspect``: what an operator sees, and what nobody does."""

from sojourn import Absence, Store
from sojourn.cli.judging import judged
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import parsed
from tests.cli.command import Command

HOSTILE = "\u202eada\x1b]0;pwned\x07"


def test_a_session_is_shown_without_its_document(command: Command, store: Store) -> None:
    """With its token, and only with it, the document too; neither run renews it."""
    session = store.create({"cart": ["teapot"]}, subject="ada", label="phone")
    ran = command.run("show", session.id)
    assert (ran.status, "ada" in ran.out, "teapot" in ran.out) == (0, True, False)
    with_token = command.run("show", session.id, "--document", "--json", typed=f"{session.token}\n")
    assert with_token.result["document"] == {"cart": ["teapot"]}
    by_variable = ("show", session.id, "--document", "--token-env", "T")
    assert "teapot" in command.run(*by_variable, environment={"T": session.token}).out
    other = store.create()
    refused = command.run("show", session.id, "--document", typed=f"{other.token}\n")
    assert (refused.status, "teapot" in refused.out) == (1, False)
    assert store.expire(session)
    assert command.run("show", session.id).status == 1


def test_a_token_on_the_command_line_is_refused_and_not_repeated(command: Command) -> None:
    """It would be in the shell's history, and then in the log that holds the error."""
    token = f"sjn_{'a' * 36}"
    for words in (
        ["show", token],
        ["end", token],
        ["token", "inspect", token],
        ["list", "ada", token, "--json"],
        ["list", token, "--json"],
        ["end", "--subject", token, "--yes", "--json"],
    ):
        ran = command.run(*words)
        assert ran.status == 2
        assert "a" * 12 not in ran.out + ran.err


def test_an_id_may_begin_with_a_dash(command: Command) -> None:
    """It is no option then; a word of another length is."""
    for words in (["show", "-hhhhhhhhhhh"], ["show", "--json", "--hhhhhhhhhh"]):
        assert "nothing is stored under" in command.run(*words).out
    assert command.run("end", "-hhhhhhhhhhh", "--yes", "--json").result["ended"] == 0
    assert command.run("show", "-x").status == 2


def test_what_a_terminal_would_obey_is_shown_as_text(command: Command, store: Store) -> None:
    """Titles, colours and directions in what others wrote; a document is written without any check."""
    session = store.create({HOSTILE: "\x9b2J"}, subject="ada")
    ran = command.run("show", session.id, "--document", typed=f"{session.token}\n")
    found = command.run("list", HOSTILE)
    assert "pwned" in ran.out
    for text in (ran.out, ran.err, found.out, found.err):
        assert text.replace("\n", "").isprintable()


def test_a_list_is_of_live_sessions_newest_first(command: Command, store: Store) -> None:
    """One shape for machines, also when there are more than asked for."""
    for label in ("first", "second", "third"):
        store.create(subject="lister", label=label)
    ran = command.run("list", "lister", "--limit", "2", "--json")
    assert len(ran.result["sessions"]) == 2
    assert ran.result["has_more"] is True
    assert "3 live sessions of lister" in command.run("list", "lister").out


def test_a_token_is_judged_and_never_shown(command: Command, store: Store) -> None:
    """The reason is the one that no client is told."""
    session = store.create(subject="ada")
    former = session.token
    store.rotate(session)
    gone = store.create()
    store.expire(gone)
    tokens = {session.token: None, former: "superseded", gone.token: "unknown", "sjn_nonsense": "malformed"}
    for token, reason in tokens.items():
        ran = command.run("token", "inspect", "--json", typed=f"{token}\n")
        assert (ran.result["reason"], ran.result["is_live"]) == (reason, reason is None)
        assert ran.status == (0 if reason is None else 1)
        assert token[16:] not in ran.out + ran.err or reason == "malformed"


def test_every_end_of_a_session_has_an_explanation() -> None:
    """Idle, absolute, revoked, rotated long ago, guessed; nothing is removed by looking."""
    clock = FakeClock()
    store = memory_store(clock=clock)
    idle, absolute = store.create(idle=60), store.create(idle=500, absolute=100)
    old, rotated = store.create(idle=5_000), store.create(idle=5_000)
    former = rotated.token
    store.rotate(rotated)
    clock.advance(100)
    guessed = f"sjn_{old.id}{'A' * 24}"
    expected = {
        idle.token: "expired: not used for its idle time, 60 s",
        absolute.token: "expired: its longest life ended",
        former: "rotated away: a rotation replaced it",
        guessed: "foreign key",
        old.token: "live: it opens the session",
    }
    for _ in range(2):
        for token, sentence in expected.items():
            assert judged(store, parsed(token), now=clock()).explanation.startswith(sentence)
    store.expire_before(clock())
    assert judged(store, parsed(old.token), now=clock()).absence is Absence.REVOKED_BY_INSTANT
