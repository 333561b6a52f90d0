"""The programs beside this file leave out nothing that the official client can do; so run them all, with this one."""

from __future__ import annotations

import pytest
from apify_client import ApifyClient, ApifyClientAsync, _resource_clients

from tests.official.conftest import USED

# The document knows no public tasks.
NOT_OF_THE_DOCUMENT = {"publish", "unpublish"}
# Newer than the client that development has: this one iterates over items as the client of datasets does.
NEW = {"iterate_dataset_items"}
# What `call` uses by itself, and what makes clients.
USED_INSIDE = {"get_streamed_log", "get_status_message_watcher", "with_custom_http_client"}
CLIENTS = [ApifyClient, ApifyClientAsync, *(getattr(_resource_clients, name) for name in _resource_clients.__all__)]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_method_is_used(client: type) -> None:
    methods = {name for name, value in vars(client).items() if callable(value) and not name.startswith("_")}
    used = {name for kind, name in USED if kind == client.__name__}
    assert methods - used <= NOT_OF_THE_DOCUMENT | USED_INSIDE | NEW
