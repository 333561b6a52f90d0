"""What people paste to name an Actor, a saved task or a run: its ID, its name, or the address of its page. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

Kind = Literal["actor", "task", "run"]
WORDS: Mapping[Kind, str] = {"actor": "Actor", "task": "Actor task", "run": "run"}
"""What Apify calls each kind."""

_ID = r"(?P<id>[^/?#]+)(?:[/?#]|$)"
_CONSOLE = r"https?://console\.apify\.com/(?:organization/[^/?#]+/)?"
_API = r"https?://api\.apify\.com/v2/"
_ADDRESSES: Mapping[Kind, tuple[str, ...]] = {
    "actor": (
        rf"{_CONSOLE}actors/(?!(?:runs|tasks)(?:[/?#]|$)){_ID}",
        rf"{_API}act(?:or)?s/{_ID}",
        r"https?://(?:www\.)?apify\.com/(?P<id>[^/?#]+/[^/?#]+)(?:[/?#]|$)",
    ),
    "task": (rf"{_CONSOLE}actors/tasks/{_ID}", rf"{_API}actor-tasks/{_ID}"),
    "run": (
        rf"{_CONSOLE}(?:actors|view)/(?:[^?#]*/)?runs/{_ID}",
        rf"{_API}actor-runs/{_ID}",
        rf"{_API}act(?:or)?s/[^/?#]+/runs/(?!last(?:[/?#]|$)){_ID}",
    ),
}


def read_reference(kind: Kind, text: str) -> str:
    """Return the ID, or ``username/name``, that a text names; a text that is no address is returned as it is.

    :param text: for example ``https://console.apify.com/actors/tasks/KJHSKHausidyaJKHs/runs``.
    :raises ValueError: the address of something else. The message leaves out its parameters: a token may be among them.
    """
    if "://" not in text:
        return text
    for address in _ADDRESSES[kind]:
        found = re.match(address, text.strip())
        if found:
            return unquote(found["id"])
    raise ValueError(f"{re.split('[?#]', text)[0]!r} is not the address of {_article(kind)} {WORDS[kind]} at Apify.")


def _article(kind: Kind) -> str:
    return "a" if kind == "run" else "an"
