"""These programs leave out nothing that the official client can do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from apify_client import ApifyClient, ApifyClientAsync, _resource_clients

# The document knows no public tasks.
NOT_OF_THE_DOCUMENT = {"publish", "unpublish"}
# What `call` uses by itself, and what makes clients.
USED_INSIDE = {"get_streamed_log", "get_status_message_watcher", "with_custom_http_client"}
PROGRAMS = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))


def methods(client: type) -> set[str]:
    return {name for name, value in vars(client).items() if callable(value) and not name.startswith("_")}


@pytest.mark.parametrize("client", [ApifyClient, ApifyClientAsync])
def test_every_kind_of_thing_is_used(client: type) -> None:
    assert {name for name in methods(client) - USED_INSIDE if not re.search(rf"\.{name}\(", PROGRAMS)} <= {
        "dataset",
        "datasets",
        "key_value_stores",
        "request_queues",
    }


@pytest.mark.parametrize("name", [name for name in _resource_clients.__all__ if not name.endswith("Async")])
def test_every_method_is_used(name: str) -> None:
    client = getattr(_resource_clients, name)
    unused = {each for each in methods(client) if not re.search(rf"\.{each}\(", PROGRAMS)}
    assert unused <= NOT_OF_THE_DOCUMENT | USED_INSIDE
