"""What a test does at Apify itself, without the package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from local_apify import LocalApify

Item = dict[str, Any]
ERROR_PAGES = (
    "\n",
    "<html>\n<body>\n<h1>502 Bad Gateway</h1>\n</body>\n</html>\n",
    "upstream connect error or disconnect/reset before headers\n",
)
# Few may be so large that a request takes only one.
_FEW, _PUSHED_AT_ONCE = 5, 1_000


@contextmanager
def session_of(apify: LocalApify) -> Iterator[requests.Session]:
    """Lend a session with the token."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {apify.token}"
        yield session


def push(apify: LocalApify, items: list[Item]) -> str:
    """Make a dataset of items, and return its ID."""
    with session_of(apify) as session:
        dataset_id: str = session.post(f"{apify.base_url}/v2/datasets", timeout=30).json()["data"]["id"]
        at_once = 1 if len(items) < _FEW else _PUSHED_AT_ONCE
        for start in range(0, len(items), at_once):
            page = items[start : start + at_once]
            session.post(f"{apify.base_url}/v2/datasets/{dataset_id}/items", json=page, timeout=30).raise_for_status()
    return dataset_id


def items_of(apify: LocalApify, dataset_id: str) -> list[Item]:
    """Return all items of a dataset."""
    with session_of(apify) as session:
        items: list[Item] = session.get(f"{apify.base_url}/v2/datasets/{dataset_id}/items", timeout=30).json()
    return items


def add_faults(apify: LocalApify, faults: Iterable[Mapping[str, Any]], **names: str) -> None:
    """Let faults happen.

    :param names: what stands in their paths for the names in braces.
    """
    for fault in faults:
        apify.control.add_fault(**{**fault, "path": fault["path"].format(**names)})
