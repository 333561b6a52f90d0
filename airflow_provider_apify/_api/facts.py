"""What Apify does and takes, as numbers: each with where it is said, or how it was seen.

The reference is https://docs.apify.com/api/v2 as of August 2026; what was measured, was measured in 2026.
"""

from __future__ import annotations

REPLICA_LAG_SECONDS = 3.0
"""For how long a new run may be unknown to the server that answers. Measured; the reference does not say."""
COUNT_LAG_SECONDS = 5.0
"""For how long a dataset's count may not show items that are there. Reference of datasets."""
COST_LAG_SECONDS = 10.0
"""For how long a finished run's cost is preliminary. Measured; the reference says that it is."""

MAX_WAIT_SECONDS = 60
"""The longest ``waitForFinish``. Reference of runs."""
MAX_SYNC_SECONDS = 300
"""After which a run in one request is answered with 408. Reference of run-sync."""

MAX_INPUT_BYTES = 9 * 2**20
"""The largest input of a run. Reference of starts."""
MAX_ITEMS_BYTES = 5_000_000
"""The largest body of pushed items. Reference of datasets."""
MAX_REQUESTS = 25
"""How many requests are added to a queue at once. Reference of request queues."""
MAX_REQUESTS_BYTES = 9 * 2**20
"""How large they may be together. Reference of request queues."""

MAX_PAGE = 1_000
"""The longest page of a list of runs, keys, builds or webhooks. Reference of each."""
MAX_COLUMNS = 2_000
"""More columns are left out of csv, xlsx and html. Reference of items."""
MAX_COLUMN_NAME = 200
"""Longer names of columns, in characters, are left out of csv, xlsx and html. Reference of items."""
LOG_BYTES = 10 * 2**20
"""How much of a log is kept. Reference of logs."""
