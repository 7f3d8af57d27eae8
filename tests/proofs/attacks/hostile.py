"""Values that do most harm where they are believed: of any type, at every bound, and another application's names."""

import copy
from typing import Any

from hypothesis import strategies as st

from sojourn.backends.items import Item
from tests.proofs.attacks.world import World

NUMBERS = [
    "0",
    "-1",
    "0.5",
    "-0.5",
    "1E+60",
    "-1E+60",
    "9.9E+125",
    "1E-100",
    "99999999999.5",
    "253402300799",
    "253402300800",
    "9007199254740993",
    "9" * 38,
    "1699999990",
    "1700000000",
]
TEXTS = [
    "",
    "\x00",
    "bob",
    "shop",
    "shop#",
    "shop#bob",
    "tenant#bob",
    "tenant#shop#bob",
    "shop#!not-before",
    "shop#!epoch#bob",
    "tenant#!not-before",
    "0",
    "1",
    "63",
    "-1",
    "\u0663",
    "\u202e",
    "a" * 2_000,
]
KEYS = [
    "tenant#",
    "tenant#!not-before",
    "tenant#!epoch#bob",
    "tenant##shop#bob",
    "tenant#shop#AAAAAAAAAAAA",
    "tenant#AAAAAAAAAAAA",
    "tenant#" + "a" * 2_000,
    "tenant#\x00",
]


def texts(world: World) -> list[str]:
    """With the names of what is the shop's."""
    keys, objects = world.before
    return [*TEXTS, *keys, *objects, f"tenant/{world.object.partition('/')[2]}", f"{world.object}/.."]


def attributes(world: World) -> list[Any]:
    """What one attribute of an item may be, as DynamoDB spells it."""
    data = [b"", b"\x01", bytes(32), bytes(96), b"\x01\x01" * 400]
    return [
        *({"S": text} for text in texts(world)),
        *({"N": number} for number in NUMBERS),
        *({"B": each} for each in data),
        *({"NULL": True}, {"BOOL": False}, {"L": []}, {"M": {}}, {"SS": ["a"]}, {"NS": ["1"]}),
    ]


def values(world: World) -> list[Any]:
    """What one field of a call may be, as JSON has it."""
    numbers = [0, -1, 0.5, 10**60, 10**60 + 1, -(10**60), 2**53, 1_699_999_990, 253_402_300_800]
    return [*texts(world), *numbers, True, None, [], {}, [[]], {"S": "x"}, "AAAA", "=", ["shop#bob"], [world.key]]


@st.composite
def changed(draw: st.DrawFn, sound: Item, world: World) -> Item:
    """``sound`` with one to four attributes that are others, gone, or new."""
    item = copy.deepcopy(sound)
    names = sorted(
        {*sound, "overflow", "former_hashes", "rotated_at", "subject", "sweep_shard", "sweep_at", "mark_value"}
    )
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)):
        if name == "session_id":
            item[name] = {"S": draw(st.sampled_from(KEYS))}
        elif draw(st.integers(0, 4)) == 0:
            item.pop(name, None)
        else:
            item[name] = draw(st.sampled_from(attributes(world)))
    return item
