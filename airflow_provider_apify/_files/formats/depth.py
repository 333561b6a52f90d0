"""Items nested too deep for Parquet: Python would end in an error of its own, and Arrow ends the whole process."""

from __future__ import annotations

import re

from airflow_provider_apify.exceptions import ApifyDataError

MOST_DEPTH = 310
"""Lists and objects inside one another, of which each is read by a function that calls itself."""
_SHORTEST_DEEP_LINE = 2 * MOST_DEPTH
# Each takes the innermost pairs away.
_ROUNDS = 16
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])')


def check_depth(block: bytes) -> None:
    """Make sure that no line of a block is nested too deep.

    :raises ApifyDataError: one is.
    """
    for line in block.split(b"\n"):
        if len(line) > _SHORTEST_DEEP_LINE and _may_be_deep(line) and _depth(line) > MOST_DEPTH:
            raise ApifyDataError(
                f"an item is nested more than {MOST_DEPTH} deep, which a Parquet file cannot hold; write jsonl",
            )


def _may_be_deep(line: bytes) -> bool:
    """Tell quickly whether a line has so many brackets inside one another, those in texts included."""
    brackets = line.translate(None, _NO_BRACKETS)
    for _ in range(_ROUNDS):
        if len(brackets) <= _SHORTEST_DEEP_LINE - 2 * _ROUNDS:
            return False
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return True


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for found in _STRINGS_AND_BRACKETS.finditer(line):
        if found[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif found[2]:
            depth -= 1
    return deepest
