"""Sealed documents: what a thief of the table reads, what a forger achieves, and that these tests would notice."""

import base64
import hashlib
import hmac
import secrets
import sys
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devstack.layout import ROOT
from sojourn import ConfigurationError, CorruptSessionError, Session, Settings, Store, events, tokens
from sojourn.backend import Match, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.document import sealing
from sojourn.document.codec import ITEM_ALLOWANCE
from sojourn.document.sealing import Sealing
from sojourn.protocol import Conditional, SessionProtocol
from sojourn.retry import Retry
from sojourn.settings import Encryption
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import Token
from sojourn.writing import Change, Writer
from tests.unit import test_histories
from tests.unit.faulty import Fault, FaultyBackend

CANARY: Final = "hunter2-canary"
SEAL_BYTES: Final = 29
LONGEST_PLAIN: Final = 1024 - ITEM_ALLOWANCE - 2 - len('{"blob":""}')
DOCUMENTS: Final[dict[str, dict[str, object]]] = {
    "small": {"secret": CANARY},
    "compressed": {"secret": CANARY, "visits": ["/account", "/cart", "/checkout"] * 60},
}


class Watched(MemoryBackend):
    """Remembers every record that it was ever asked to store, the refused ones, too."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: list[Record] = []

    def insert(self, record: Record) -> Record | Refused:
        """See ``Backend.insert``."""
        self.offered.append(record)
        return super().insert(record)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.replace``."""
        self.offered.append(record)
        return super().replace(record, seen=seen, now=now)

    def put(self, record: Record) -> None:
        """What a forger does who can write to the table."""
        current = self.load(record.session_id)
        if current is not None:
            self.delete(record.session_id, match=Match(version=current.version))
        super().insert(record)

    def stored(self, session: Session) -> Record:
        """The session's item."""
        found = self.load(f"default#{session.id}")
        assert found is not None
        assert found.data is not None
        return found


@dataclass
class Scene:
    """A store that seals, and a forger that can read and write all that it keeps."""

    document: dict[str, object]
    backend: Watched = field(default_factory=Watched)

    def __post_init__(self) -> None:
        self.store = opened("required", self.backend)

    def begun(self, subject: str | None = "ada") -> Session:
        """One more session with the document."""
        return self.store.create(self.document, subject=subject)

    def written(self, session: Session) -> Record:
        """The item after one more write."""
        session["n"] = session.version
        self.store.write(session)
        return self.backend.stored(session)

    def is_served(self, forged: Record, session: Session) -> bool:
        """Whether ``session``'s owner, who comes with its token, is given what was forged."""
        self.backend.put(forged)
        try:
            return self.store.read(session.token, touch=False) is not None
        except CorruptSessionError:
            return False

    def any_is_served(self, session: Session, *changes: dict[str, Any]) -> bool:
        """The same for several forgeries of the item as it is, each of which changes some attributes."""
        stored = self.backend.stored(session)
        return any(self.is_served(replace(stored, **change), session) for change in changes)


def opened(encryption: Encryption, backend: MemoryBackend) -> Store:
    """A store of another process."""
    return memory_store(backend=backend, settings=Settings(encryption=encryption))


# The attacks. Each answers whether it succeeded.

Attack = Callable[[Scene], bool]
ATTACKS: dict[str, Attack] = {}


def attack(succeeds: Attack) -> Attack:
    """Adds to ``ATTACKS``."""
    ATTACKS[succeeds.__name__] = succeeds
    return succeeds


@attack
def the_owner_cannot_read_it(scene: Scene) -> bool:
    """No attack, but what a store that seals too well would look like."""
    session = scene.begun()
    scene.written(session)
    scene.store.login(session, subject="eve")
    try:
        found = scene.store.read(session.token)
    except CorruptSessionError:
        return True
    return found is None or dict(found) != {**scene.document, "n": 1}


@attack
def the_document_is_seen(scene: Scene) -> bool:
    """In anything that was to be stored."""
    session = scene.begun()
    scene.written(session)
    scene.store.rotate(session)
    offered = [record.data or b"" for record in scene.backend.offered]
    return any(CANARY.encode() in data or data[0] != sealing.FORMAT for data in offered)


@attack
def a_nonce_comes_twice(scene: Scene) -> bool:
    """Under one key that gives both texts away, and lets one forge others (NIST SP 800-38D, appendix A)."""
    session = scene.begun()
    for key in ("a", "b", "c"):
        first, second = scene.store.read(session.token), scene.store.read(session.token)
        assert first is not None
        assert second is not None
        first[key], second[key + key] = 1, 2
        scene.store.write(first)
        scene.store.write(second)
    seals = {record.data for record in scene.backend.offered if record.data}
    assert len(seals) == 10
    return len({seal[1:13] for seal in seals}) < len(seals)


@attack
def a_repeated_request_stores_something_else(scene: Scene) -> bool:
    """What arrives late, or under a key in the bucket that is in use, is the very same."""
    network = FaultyBackend(inner=scene.backend)
    store = Store(network, scene.store.settings, clock=FakeClock(), retry=Retry(sleep=lambda _seconds: None))
    session = store.create(scene.document)
    session["n"] = 1
    for verb in (store.write, store.rotate):
        network.plan("replace", Fault.REPLY_LOST, Fault.REPLY_LOST)
        verb(session)
    by_write: dict[str, set[bytes | None]] = {}
    for record in scene.backend.offered:
        by_write.setdefault(record.write_id, set()).add(record.data)
    assert (len(by_write), len(scene.backend.offered)) == (3, 1 + 3 + 3)
    return any(len(seals) > 1 for seals in by_write.values())


@attack
def what_is_stored_opens_it(scene: Scene) -> bool:
    """A key from anything that lies beside the document, the derivation being public."""
    session = scene.begun()
    record = scene.backend.stored(session)
    session_id = base64.urlsafe_b64decode(session.id)
    known = [session_id, record.token_hash, record.token_hash[:18], session.id.encode(), record.session_id.encode()]
    known += [record.write_id.encode(), base64.urlsafe_b64decode(record.write_id), bytes(32), bytes(18), b""]
    return any(_opens(key, record) for ikm in known for key in (hkdf(ikm), hashlib.sha256(ikm).digest()))


@attack
def a_dead_token_opens_what_was_written_since(scene: Scene) -> bool:
    """A thief of a token that was rotated away, and then of the table."""
    session = scene.begun()
    old = token_of(session)
    scene.store.rotate(session)
    return _opens(hkdf(old.secret_bytes()), scene.backend.stored(session))


@attack
def a_dead_token_is_made_current(scene: Scene) -> bool:
    """A thief of a token that was rotated away, who puts its hash back: it opens the session, and no document."""
    session = scene.begun()
    old = token_of(session)
    scene.store.rotate(session)
    scene.backend.put(replace(scene.backend.stored(session), token_hash=old.hash(namespace="default")))
    try:
        return scene.store.read(old) is not None
    except CorruptSessionError:
        return False


@attack
def a_bit_is_flipped(scene: Scene) -> bool:
    """Any bit of format, nonce, ciphertext and tag."""
    session = scene.begun()
    data = scene.backend.stored(session).data or b""
    changed = ((int.from_bytes(data) ^ 1 << bit).to_bytes(len(data)) for bit in range(len(data) * 8))
    return scene.any_is_served(session, *({"data": each} for each in changed))


@attack
def it_is_cut_or_lengthened(scene: Scene) -> bool:
    """To any length, and by a byte on either side."""
    session = scene.begun()
    data = scene.backend.stored(session).data or b""
    cut = [data[:length] for length in range(len(data))] + [data + b"\x00", b"\x02" + data]
    return scene.any_is_served(session, *({"data": each} for each in cut))


@attack
def a_session_gets_anothers_document(scene: Scene) -> bool:
    """The document alone, or with all that belongs to its write."""
    victim, other = scene.begun(), scene.begun()
    theirs = scene.backend.stored(other)
    same_write = {"data": theirs.data, "version": theirs.version, "write_id": theirs.write_id}
    return scene.any_is_served(victim, {"data": theirs.data}, same_write)


@attack
def another_namespace_gets_it(scene: Scene) -> bool:
    """Whose application takes the same token, if its client brings it there."""
    session = scene.begun()
    stored, there = scene.backend.stored(session), token_of(session).hash(namespace="blog")
    scene.backend.put(replace(stored, session_id=f"blog#{session.id}", token_hash=there))
    blog = memory_store(backend=scene.backend, settings=Settings(namespace="blog", encryption="required"))
    try:
        return blog.read(session.token) is not None
    except CorruptSessionError:
        return False


@attack
def a_session_gets_its_document_from_before_a_rotation(scene: Scene) -> bool:
    """A rotation is to leave behind what was before the login."""
    session = scene.begun()
    before = scene.backend.stored(session)
    scene.store.rotate(session)
    return scene.any_is_served(session, {"data": before.data, "version": before.version, "write_id": before.write_id})


@attack
def an_old_document_comes_back(scene: Scene) -> bool:
    """Under the version that is current."""
    session = scene.begun()
    before = scene.backend.stored(session)
    scene.written(session)
    return scene.any_is_served(session, {"data": before.data}, {"data": before.data, "write_id": before.write_id})


@attack
def a_lost_write_takes_the_place_of_the_one_that_won(scene: Scene) -> bool:
    """Both were the next version; a large one may lie in the bucket as an orphan."""
    session = scene.begun()
    winner, loser = scene.store.read(session.token), scene.store.read(session.token)
    assert winner is not None
    assert loser is not None
    winner["n"], loser["m"] = 1, 2
    scene.store.write(winner)
    scene.store.write(loser)
    lost = scene.backend.offered[2]
    won = scene.backend.offered[1]
    assert (lost.version, lost.data == won.data) == (won.version, False)
    return scene.is_served(replace(won, data=lost.data), session)


@attack
def a_version_is_changed(scene: Scene) -> bool:
    """Which is the entity tag of the HTTP API."""
    session = scene.begun()
    scene.written(session)
    return scene.any_is_served(session, {"version": 1}, {"version": 3}, {"version": -2}, {"version": 10**9})


@attack
def a_subject_is_changed(scene: Scene) -> bool:
    """To another's, to nobody's, to somebody's; and in a merge, too."""
    owned, free = scene.begun(), scene.begun(subject=None)
    changes = {"subject": "default#eve"}, {"subject": None}, {"subject": "shop#ada"}
    return scene.any_is_served(owned, *changes) or scene.any_is_served(free, changes[0])


@attack
def a_part_runs_into_the_next(scene: Scene) -> bool:
    """Attributes that read the same when they are written one behind the other."""
    session = scene.begun()
    stored = scene.backend.stored(session)
    head, tail = stored.write_id[:-1], stored.write_id[-1]
    return scene.any_is_served(session, {"write_id": head, "subject": f"{tail}{stored.subject}"})


@attack
def a_plain_document_takes_its_place(scene: Scene) -> bool:
    """Where encryption is required."""
    session = scene.begun()
    return scene.any_is_served(session, {"data": b'\x01\x00{"user":"eve"}'})


@attack
def a_forgery_gets_in_by_a_merge(scene: Scene) -> bool:
    """The writer in hand read before; what it meets is judged like what is read."""
    session = scene.begun()
    copy = scene.store.read(session.token)
    assert copy is not None
    later = scene.written(session)
    data = later.data or b""
    scene.backend.put(replace(later, data=data[:-20] + bytes((data[-20] ^ 1,)) + data[-19:]))
    copy["mine"] = True
    try:
        scene.store.write(copy)
    except CorruptSessionError:
        return False
    return True


@attack
def an_error_tells(scene: Scene) -> bool:
    """The token, the key or the document, anywhere in the chain."""
    session, other = scene.begun(), scene.begun()
    data = scene.backend.stored(other).data
    told = ""
    for change in ({"data": data}, {"data": b"\x02"}, {"data": b'\x01\x00{"secret":"%s"}' % CANARY.encode()}):
        scene.backend.put(replace(scene.backend.stored(session), **change))
        try:
            scene.store.read(session.token)
        except CorruptSessionError as error:
            told += "".join(traceback.format_exception(error)) + repr(error)
    told += repr(session) + str(session) + repr(vars(scene.store))
    told += "".join(repr(vars(part)) for part in vars(scene.store).values() if hasattr(part, "__dict__"))
    secret = token_of(session).secret_bytes()
    key = hkdf(secret)
    return any(each in told for each in (CANARY, session.token[16:], secret.hex(), repr(secret), key.hex(), repr(key)))


def token_of(session: Session) -> Token:
    """The token that opens it."""
    found = tokens.parsed(session.token)
    assert found is not None
    return found


def hkdf(secret: bytes) -> bytes:
    """RFC 5869 by hand, for one block."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, b"sojourn-document-2\x01", "sha256")


def _opens(key: bytes, record: Record) -> bool:
    data = record.data or b""
    try:
        AESGCM(key).decrypt(data[1:13], data[13:], sealing._bound_to(record))
    except InvalidTag:
        return False
    return True


@pytest.fixture(params=sorted(DOCUMENTS))
def scene(request: pytest.FixtureRequest) -> Scene:
    """With a document stored as it is, and with a compressed one."""
    return Scene(DOCUMENTS[request.param])


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_on_a_sealed_document_succeeds(scene: Scene, name: str) -> None:
    """By a forger that can read and write the table and knows the code, but no token."""
    assert not ATTACKS[name](scene)


# That these tests can fail: mistakes, and the attack that each of them lets through.

Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, tuple[Mutant, str]] = {}
REAL_BOUND_TO: Final = sealing._bound_to
REAL_CIPHER: Final = sealing._cipher
REAL_KEY: Final = sealing._key
REAL_SEALED: Final = Sealing.sealed


def caught_by(name: str) -> Callable[[Mutant], Mutant]:
    """Adds to ``MUTANTS``."""

    def add(mutant: Mutant) -> Mutant:
        MUTANTS[mutant.__name__] = mutant, name
        return mutant

    return add


def _forgetting(name: str, neutral: object) -> Mutant:
    def mutant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(sealing, "_bound_to", lambda record: REAL_BOUND_TO(replace(record, **{name: neutral})))

    return mutant


MUTANTS["the session is not bound"] = _forgetting("session_id", ""), "another_namespace_gets_it"
MUTANTS["the version is not bound"] = _forgetting("version", 0), "a_version_is_changed"
MUTANTS["the write is not bound"] = _forgetting("write_id", ""), "a_lost_write_takes_the_place_of_the_one_that_won"
MUTANTS["the subject is not bound"] = _forgetting("subject", None), "a_subject_is_changed"


@caught_by("a_version_is_changed")
def nothing_is_bound(patch: pytest.MonkeyPatch) -> None:
    """No associated data."""
    patch.setattr(sealing, "_bound_to", lambda _record: b"")


@caught_by("a_part_runs_into_the_next")
def parts_have_no_lengths(patch: pytest.MonkeyPatch) -> None:
    """Only written one behind the other."""
    patch.setattr(sealing, "delimited", lambda *parts: b"".join(parts))


@caught_by("a_nonce_comes_twice")
def the_nonce_is_constant(patch: pytest.MonkeyPatch) -> None:
    """The classic."""
    patch.setattr(sealing, "_nonce", lambda: bytes(12))


@caught_by("a_nonce_comes_twice")
def the_nonce_counts_versions(patch: pytest.MonkeyPatch) -> None:
    """Two writers both make the next version, and only one of them is refused."""

    def sealed(self: Sealing, encoded: bytes, record: Record, *, token: Token) -> bytes:
        patch.setattr(sealing, "_nonce", lambda: record.version.to_bytes(12))
        return REAL_SEALED(self, encoded, record, token=token)

    patch.setattr(Sealing, "sealed", sealed)


@caught_by("a_repeated_request_stores_something_else")
def every_attempt_is_sealed_anew(patch: pytest.MonkeyPatch) -> None:
    """Harmless until two of them meet in one place."""
    fillings: list[Callable[[Record], Record]] = []
    real_filled, real_tried = Writer._filled, SessionProtocol._tried

    def filled(self: Writer, record: Record, text: bytes, token: Token) -> Record:
        fillings.append(lambda again: real_filled(self, again, text, token))
        return real_filled(self, record, text, token)

    def tried(self: SessionProtocol, call: Conditional, record: Record, seen: Record) -> tuple[Record | Refused, bool]:
        def anew(record: Record, *, seen: Record, now: int) -> Record | Refused:
            return call(fillings[-1](record), seen=seen, now=now)

        return real_tried(self, anew, record, seen)

    patch.setattr(Writer, "_filled", filled)
    patch.setattr(SessionProtocol, "_tried", tried)


@caught_by("what_is_stored_opens_it")
def the_key_comes_from_the_id(patch: pytest.MonkeyPatch) -> None:
    """Which is public."""
    patch.setattr(sealing, "_key", lambda token: hkdf(base64.urlsafe_b64decode(token.session_id)))


@caught_by("what_is_stored_opens_it")
def the_key_comes_from_the_hash(patch: pytest.MonkeyPatch) -> None:
    """Which lies beside the document."""
    patch.setattr(sealing, "_key", lambda token: hkdf(token.hash(namespace="default")))


@caught_by("what_is_stored_opens_it")
def the_key_is_constant(patch: pytest.MonkeyPatch) -> None:
    """One for all."""
    patch.setattr(sealing, "_key", lambda _token: hkdf(bytes(32)))


@caught_by("a_dead_token_opens_what_was_written_since")
def a_session_keeps_its_key(patch: pytest.MonkeyPatch) -> None:
    """A rotation that leaves the document to the old token's key."""
    first: dict[str, Token] = {}
    patch.setattr(sealing, "_key", lambda token: REAL_KEY(first.setdefault("token", token)))


@caught_by("a_dead_token_is_made_current")
def a_session_keeps_its_key_and_the_hash_is_all(patch: pytest.MonkeyPatch) -> None:
    """The same, seen by a thief who can write."""
    a_session_keeps_its_key(patch)


@caught_by("the_owner_cannot_read_it")
def a_rotation_seals_with_the_old_token(patch: pytest.MonkeyPatch) -> None:
    """So that no token can open it any more."""
    real = Writer._next
    first: dict[str, Token] = {}

    def following(self: Writer, seen: Record, text: bytes, change: Change, token: Token) -> Record:
        return self._filled(real(self, seen, text, change, token), text, first.setdefault("token", token))

    patch.setattr(Writer, "_next", following)


@caught_by("a_bit_is_flipped")
def the_tag_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    """AES-GCM without its authentication is AES in counter mode."""

    class Careless(AESGCMLike):
        def decrypt(self, nonce: bytes, data: bytes, _bound_to: bytes) -> bytes:
            decryptor = Cipher(algorithms.AES(self.key), modes.CTR(nonce + b"\x00\x00\x00\x02")).decryptor()
            return decryptor.update(data[:-16]) + decryptor.finalize()

    patch.setattr(sealing, "_cipher", Careless)


@caught_by("a_plain_document_takes_its_place")
def what_is_required_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    """As if it were only switched on."""
    real = Sealing.__init__
    patch.setattr(Sealing, "__init__", lambda self, *, is_on, is_required: real(self, is_on=is_on, is_required=False))  # noqa: ARG005


@caught_by("the_document_is_seen")
def a_write_is_not_sealed(patch: pytest.MonkeyPatch) -> None:
    """Only what is created is."""
    real = Writer._filled

    def filled(self: Writer, record: Record, text: bytes, token: Token) -> Record:
        return real(self, record, text, token) if record.version == 1 else replace(record, data=b"\x01\x00" + text)

    patch.setattr(Writer, "_filled", filled)


@caught_by("a_forgery_gets_in_by_a_merge")
def what_does_not_open_is_taken_for_empty(patch: pytest.MonkeyPatch) -> None:
    """An error that looks like a new session."""
    real = Sealing.opened

    def lenient(self: Sealing, stored: bytes, record: Record, *, token: Token) -> bytes:
        try:
            return real(self, stored, record, token=token)
        except CorruptSessionError:
            return b"\x01\x00{}"

    patch.setattr(Sealing, "opened", lenient)


@caught_by("an_error_tells")
def the_error_names_the_token(patch: pytest.MonkeyPatch) -> None:
    """To be helpful."""
    real = Sealing.opened

    def helpful(self: Sealing, stored: bytes, record: Record, *, token: Token) -> bytes:
        try:
            return real(self, stored, record, token=token)
        except CorruptSessionError as error:
            raise CorruptSessionError(f"{error.reason} (token {token.reveal()})") from None

    patch.setattr(Sealing, "opened", helpful)
    patch.setattr(events.logger, "disabled", True)  # every test looks for tokens in the log, and would end here


class AESGCMLike:
    """A cipher that encrypts as it should."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def encrypt(self, nonce: bytes, data: bytes, bound_to: bytes) -> bytes:
        """See ``AESGCM``."""
        return REAL_CIPHER(self.key).encrypt(nonce, data, bound_to)


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mistake_lets_an_attack_through(scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the tests above would say so."""
    mutant, caught = MUTANTS[name]
    mutant(monkeypatch)
    mistaken = Scene(scene.document)
    assert ATTACKS[caught](mistaken)


# What is set, and what is installed.


@pytest.mark.parametrize("reader", ["off", "token"])
def test_switching_it_on_ends_no_session(reader: Encryption) -> None:
    """What was stored before is read, and sealed when it is next written; no order of the processes matters."""
    backend = Watched()
    plain = opened("off", backend).create({"secret": CANARY})
    assert CANARY.encode() in (backend.stored(plain).data or b"")
    store = opened("token", backend)
    session = store.read(plain.token)
    assert session is not None
    session["more"] = 1
    store.write(session)
    assert (backend.stored(session).data or b"")[0] == sealing.FORMAT
    found = opened(reader, backend).read(plain.token)
    assert found is not None
    assert dict(found) == {"secret": CANARY, "more": 1}


def test_switching_it_off_ends_no_session() -> None:
    """What is sealed is opened wherever the package is, and stored as it is when it is next written."""
    backend = Watched()
    session = opened("token", backend).create({"secret": CANARY})
    store = opened("off", backend)
    found = store.read(session.token)
    assert found is not None
    found["more"] = 1
    store.write(found)
    assert CANARY.encode() in (backend.stored(session).data or b"")


def test_a_store_that_requires_it_refuses_what_is_plain() -> None:
    """The sessions from before are corrupt for it, not absent."""
    backend = Watched()
    plain = opened("off", backend).create({"secret": CANARY})
    with pytest.raises(CorruptSessionError, match="not encrypted"):
        opened("required", backend).read(plain.token)


@pytest.mark.parametrize("length", [0, 1, 500, LONGEST_PLAIN - SEAL_BYTES - len('"noise"') + len('"blob"')])
def test_a_seal_adds_twenty_nine_bytes(length: int) -> None:
    """Whatever the document."""
    backend = Watched()
    noise = secrets.token_hex(length)[:length]
    plain, sealed = (
        backend.stored(opened(mode, backend).create({"noise": noise})).data or b"" for mode in ("off", "token")
    )
    assert len(sealed) == len(plain) + SEAL_BYTES


def test_a_document_is_compressed_when_its_seal_would_cost_a_write_unit() -> None:
    """``LONGEST_PLAIN`` characters are the most that fit into the first kilobyte as they are."""
    backend = Watched()
    plain, sealed = (
        backend.stored(opened(mode, backend).create({"blob": "x" * LONGEST_PLAIN})).data or b""
        for mode in ("off", "token")
    )
    assert len(plain) == 2 + LONGEST_PLAIN + len('{"blob":""}') == 1024 - ITEM_ALLOWANCE
    assert len(sealed) < 200


@pytest.mark.parametrize("seed", range(1000, 1100))
def test_what_is_true_of_sessions_is_true_of_sealed_ones(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through faults, late duplicates, merges and rotations no reader meets a document that does not open."""
    monkeypatch.setattr(test_histories, "Settings", partial(Settings, encryption="required"))
    test_histories.History(seed).run()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which ``cryptography`` is not installed."""
    for name in [*sys.modules, "cryptography"]:
        if name.partition(".")[0] == "cryptography":
            monkeypatch.setitem(sys.modules, name, None)


def test_the_package_comes_with_the_extra() -> None:
    """The one that the errors name; and it is never installed unasked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [requirement.partition(">")[0] for requirement in project["optional-dependencies"]["encryption"]] == [
        "cryptography"
    ]
    assert not any("cryptography" in requirement for requirement in project["dependencies"])


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("encryption", ["token", "required"])
def test_a_store_that_cannot_seal_does_not_open(encryption: Encryption) -> None:
    """At the first moment, and it says what to install."""
    with pytest.raises(ConfigurationError, match=r"SOJOURN_ENCRYPTION.*sojourn\[encryption\].*layer"):
        opened(encryption, MemoryBackend())


def test_without_the_package_a_sealed_session_is_told_apart_from_none(request: pytest.FixtureRequest) -> None:
    """And what to install; plain ones are read all the same."""
    backend = Watched()
    session = opened("token", backend).create({"secret": CANARY})
    request.getfixturevalue("bare")
    store = opened("off", backend)
    with pytest.raises(CorruptSessionError, match=r"install sojourn\[encryption\]"):
        store.read(session.token)
    plain = store.create({"a": 1})
    assert store.read(plain.token) is not None


def test_a_seal_is_never_the_same_twice() -> None:
    """Not even for the same document in the same record."""
    token = tokens.mint()
    record = Record("default#x", b"h" * 32, 1, "w", 0, 0, 0, 0, 0)
    seals = {Sealing(is_on=True, is_required=False).sealed(b"\x01\x00{}", record, token=token) for _ in range(1_000)}
    assert len(seals) == 1_000


def test_noise_is_never_opened() -> None:
    """Whatever lies in the table."""
    sealer, record = Sealing(is_on=True, is_required=True), Record("default#x", b"h" * 32, 1, "w", 0, 0, 0, 0, 0)
    for length in range(200):
        with pytest.raises(CorruptSessionError):
            sealer.opened(b"\x02" + secrets.token_bytes(length), record, token=tokens.mint())
