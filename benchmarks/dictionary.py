"""What the preset dictionary of item format 1 is worth: bytes, write units, microseconds. Changes nothing.

    python -m benchmarks.dictionary             sizes and times, as docs/item-format.md prints them
    python -m benchmarks.dictionary --phrases   what each phrase saves, for whoever makes a dictionary 2

The documents are drawn with a fixed seed, so sizes are the same on every run with the same zlib.
"""

import argparse
import json
import timeit
import zlib
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from benchmarks.documents import COMPOSED, FAMILIES, HELD_OUT, Document, visitor
from sojourn.document.codec import WRITE_UNIT, decode, dump_document, encode, load_document
from sojourn.document.dictionary import DICTIONARY_1, PHRASES_1

_SEED: Final = 2013
_DOCUMENTS_A_FAMILY: Final = 8
_MAX_BYTES: Final = 1 << 20
_ROUNDS: Final = 300


def size_table() -> str:
    """Sizes of one document of each kind; the dictionary was not made for those marked *."""
    header = (
        "| document | JSON | zlib | with dictionary | stored | write units, plain → stored |\n|---|--:|--:|--:|--:|--:|"
    )
    random = Random(_SEED)
    groups = ((FAMILIES, ""), (COMPOSED, ""), (HELD_OUT, " *"))
    rows = [_row(name + mark, make(random)) for group, mark in groups for name, make in group.items()]
    return "\n".join([header, *rows])


def _row(name: str, document: Document) -> str:
    text = dump_document(document, max_bytes=_MAX_BYTES)
    stored = encode(text)
    sizes = (len(text), len(_deflated(text, b"")), len(_deflated(text, DICTIONARY_1)), len(stored))
    columns = " | ".join(f"{size:,}" for size in sizes)
    return f"| {name} | {columns} | {_units(len(text) + 2)} → {_units(len(stored))} |"


_REST_BYTES = 285
"""What an item with a subject and a label takes besides the document, as tests/unit/test_codec.py measures it."""


def _units(data_bytes: int) -> int:
    return -(-(_REST_BYTES + data_bytes) // WRITE_UNIT)


def _deflated(text: bytes, dictionary: bytes, level: int = 6) -> bytes:
    compressor = zlib.compressobj(level, zdict=dictionary) if dictionary else zlib.compressobj(level)
    return compressor.compress(text) + compressor.flush()


def time_table() -> str:
    """Microseconds for the typical document, beside what the standard library takes for the like of it."""
    document = visitor(Random(_SEED))
    text = dump_document(document, max_bytes=_MAX_BYTES)
    stored, plain, value = encode(text), zlib.compress(text), json.loads(text)
    calls: dict[str, Callable[[], object]] = {
        "json.dumps of the tagged document": lambda: json.dumps(value, separators=(",", ":")).encode(),
        "dump_document": lambda: dump_document(document, max_bytes=_MAX_BYTES),
        "json.loads, tags left": lambda: json.loads(text),
        "load_document": lambda: load_document(text),
        **{f"zlib level {level}, dictionary": partial(_deflated, text, DICTIONARY_1, level) for level in (1, 6, 9)},
        "zlib level 6, no dictionary": partial(zlib.compress, text, 6),
        "encode": lambda: encode(text),
        "zlib.decompress": lambda: zlib.decompress(plain),
        "decode": lambda: decode(stored, max_bytes=_MAX_BYTES),
    }
    rows = (f"| {name} | {_microseconds(call):.0f} |" for name, call in calls.items())
    return "\n".join([f"| {len(text):,} bytes of JSON | µs |\n|---|--:|", *rows])


def _microseconds(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=_ROUNDS, repeat=7)) / _ROUNDS * 1e6


def phrase_table() -> str:
    """How many bytes all documents of the families together would grow by without a phrase, the least useful first."""
    random = Random(_SEED)
    documents = [family(random) for family in FAMILIES.values() for _ in range(_DOCUMENTS_A_FAMILY)]
    texts = [dump_document(document, max_bytes=_MAX_BYTES) for document in documents]
    total = _total(PHRASES_1, texts)
    gains = {phrase: _total([other for other in PHRASES_1 if other != phrase], texts) - total for phrase in PHRASES_1}
    return "\n".join(f"{gains[phrase]:6} {phrase.decode()}" for phrase in sorted(gains, key=gains.__getitem__))


def _total(phrases: list[bytes], texts: list[bytes]) -> int:
    dictionary = b"".join(phrases)
    return sum(len(_deflated(text, dictionary)) for text in texts)


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phrases", action="store_true", help="what each phrase saves")
    print(phrase_table() if parser.parse_args().phrases else f"{size_table()}\n\n{time_table()}")


if __name__ == "__main__":
    main()
