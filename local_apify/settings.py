"""How quickly things happen at the local Apify."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from local_apify.checked import LONGEST_SECONDS, check_fields, check_range


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Times and limits, quick by default so that tests are; what api.apify.com does stands beside each.

    All times are in seconds. Change them over ``/control/settings`` or with ``LocalApify(settings=...)``.
    """

    ready_seconds: float = 0.02
    """How long a run stays READY. Apify: about 1 to 3, longer when the Actor's image must be pulled."""

    build_seconds: float = 0.1
    """How long a build is RUNNING. Apify: 10 seconds to minutes."""

    replica_lag_seconds: float = 0.0
    """For how long a new run cannot be read or listed. Apify: 0 to 3."""

    item_count_lag_seconds: float = 0.0
    """For how long new items are missing from ``itemCount`` and ``X-Apify-Pagination-Total``. Apify: up to 5."""

    items_lag_seconds: float = 0.0
    """For how long new items are missing from the items themselves. Apify: seconds, now and then."""

    cost_settles_seconds: float = 0.2
    """How long after the end of a run its usage and charges are preliminary. Apify: about 10."""

    graceful_abort_seconds: float = 2.0
    """How long an Actor that is aborted gracefully may tidy up. Apify: 30."""

    sync_wait_seconds: float = 300.0
    """How long the run-sync endpoints wait before they answer 408. Apify: 300."""

    sync_without_output_status: Literal[201, 404] = 201
    """The answer of run-sync where the run has stored no such record: 201 without a body, as Apify's document says, or
    404 with the error ``record-not-found``. Apify: documented as 201, seen as 404 in the past."""

    webhook_backoff_seconds: float = 0.05
    """The wait before the first repetition of a webhook call, doubling with each. Apify: 60."""

    webhook_timeout_seconds: float = 5.0
    """How long a webhook's receiver may take. Apify: 120."""

    max_memory_mbytes: int = 8_388_608
    """Memory of all runs of the account together, in megabytes. Apify: 8,192 on the free plan, and up."""

    max_concurrent_runs: int = 100_000
    """Runs of the account at the same time. Apify: 25 on the free plan, and up."""

    max_items_per_request: int | None = None
    """A cap on the items in one answer. Apify: none documented today, 250,000 in the past."""

    queue_requests_per_batch: int | None = None
    """How many requests of a batch a queue takes; it gives the others back. Apify: all, unless it is under load."""

    console_url: str = "https://console.apify.com"
    """Where ``consoleUrl`` of storages and ``approvalUrl`` of errors lead; the server's own address for its pages."""

    rate_limit_share: float | None = None
    """How much of Apify's rates is taken: 1 is 60 requests a second for a run or storage, 200 for its records, 400 for
    starts and pushes, and 429 ``rate-limit-exceeded`` for more. ``None`` takes all. Apify: 1."""

    retention_seconds: float | None = None
    """For how long an unnamed storage is kept that nobody uses. Apify: 7 days, more in some plans."""

    max_body_bytes: int = 9 * 1024 * 1024
    """The longest body of a request, as it is sent, and unpacked. Apify: 9 MiB."""

    max_push_bytes: int = 5 * 1024 * 1024
    """The longest body of a push to a dataset, as it is sent. Apify: documented as 5 MB; its own clients send 9 MiB."""

    max_record_bytes: int = 100 * 1024 * 1024
    """The longest record, as it is sent, and unpacked. Apify: no limit documented."""

    list_shows_user_agent: bool = False
    """Whether lists of runs show ``meta.userAgent``. Apify: documented, but not seen in recorded answers."""

    def changed(self, changes: dict[str, Any]) -> Settings:
        """Return a copy with some settings changed.

        :raises ValueError: there is no such setting, or it has no such value.
        """
        check_fields(Settings, changes, "setting")
        for name, value in changes.items():
            if name != "console_url":
                check_range("setting", name, value, 0, LONGEST_SECONDS if name.endswith("_seconds") else None)
        return replace(self, **changes)
