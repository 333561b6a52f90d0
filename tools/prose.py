"""Measure texts in Markdown: ``python -m tools.prose README.md docs/*.md`` prints their words and sentence lengths."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

CODE = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.|#+|\|)\s)|^#+.*$", re.MULTILINE)
_END = re.compile(r"(?<=[.!?:])[)*_\"`]*\s+(?=[A-Z`*\"(\[])")
_WORD = re.compile(r"[^\W_]")


class Measures(NamedTuple):
    """What there is to say of a text."""

    words: int
    """All words, those of code and tables included; no marks of Markdown."""
    median: int
    """The words of the middle sentence of the prose, which is all but code, tables and headings."""
    ninth_decile: int
    """Nine sentences of ten are no longer."""
    longest: str
    """The longest sentence."""


def measure(text: str) -> Measures:
    """Count the words of a text, and of its sentences."""
    lengths = sorted((_count(sentence), sentence) for sentence in sentences(text))
    counts = [length for length, _ in lengths] or [0]
    deciles = quantiles(counts, n=10, method="inclusive") if len(counts) > 1 else [counts[0]] * 9
    return Measures(
        _count(_LINK.sub(r"\1", text)), round(deciles[4]), round(deciles[8]), lengths[-1][1] if lengths else ""
    )


def sentences(text: str) -> list[str]:
    """Return the sentences of the prose; an item of a list is one, or several."""
    prose = _LINK.sub(r"\1", CODE.sub("\n\n", text))
    lines = [line for line in prose.splitlines() if not line.lstrip().startswith(("#", "|", "<", ":::"))]
    blocks = (re.sub(r"^\s*(?:[-*]|\d+\.|>)\s+", "", block) for block in _BLOCK.split("\n".join(lines)))
    found = (" ".join(sentence.split()) for block in blocks for sentence in _END.split(block))
    return [sentence for sentence in found if _count(sentence)]


def _count(text: str) -> int:
    return sum(1 for word in text.split() if _WORD.search(word))


def main() -> None:
    """Print a line for each file."""
    print("words  p50  p90  max  file")
    for name in sys.argv[1:]:
        found = measure(Path(name).read_text(encoding="utf-8"))
        print(f"{found.words:5}  {found.median:3}  {found.ninth_decile:3}  {_count(found.longest):3}  {name}")


if __name__ == "__main__":
    main()
