"""Items as scrapers store them: of words, so that neither compression nor a column's dictionary has it too easy."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

_SYLLABLES = ["ba", "den", "gor", "hil", "jun", "kem", "lap", "mor", "nis", "pra", "qui", "ren", "sta", "tel", "zoo"]
_WORDS = 3_000
_PROSE_CHARACTERS = 4_000_003
_STEP = 7_919  # a prime, so that no two items near each other share a stretch of prose
_LINES_AT_ONCE = 10_000


def line(index: int, size: int) -> bytes:
    """Return an item of so many bytes, at least 250, without a line break."""
    fields = {
        "id": index,
        "url": f"https://shop.example/products/{index}",
        "title": _prose(index * 31, 40),
        "price": index % 10_000 / 4,
        "currency": ("EUR", "USD", "CZK")[index % 3],
        "inStock": index % 5 > 0,
        "reviews": index % 997,
        "description": "",
    }
    empty = json.dumps(fields, separators=(",", ":"))
    return f'{empty[:-2]}{_prose(index, size - len(empty))}"}}'.encode()


def lines(indices: Iterable[int], size: int) -> Iterator[bytes]:
    """Yield blocks of many lines."""
    left = iter(indices)
    while block := b"".join(line(index, size) + b"\n" for index in islice(left, _LINES_AT_ONCE)):
        yield block


def write_lines(file: Path, items: int, size: int) -> None:
    """Write a dataset as JSON Lines."""
    with file.open("wb") as out:
        out.writelines(lines(range(items), size))


def _prose(index: int, characters: int) -> str:
    start = index * _STEP % (_PROSE_CHARACTERS - characters)
    return _all_prose()[start : start + characters]


@cache
def _all_prose() -> str:
    chance = random.Random(2_026)
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(_WORDS)]
    return " ".join(chance.choices(words, k=_PROSE_CHARACTERS // 4))[:_PROSE_CHARACTERS]
