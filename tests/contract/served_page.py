"""Write ``docs/local-apify-operations.md``: ``python -m tests.contract.served_page`` from the checkout's root."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from local_apify.api.application import ENDPOINTS
from tests.contract.openapi import contract

PAGE = Path(__file__).parents[2] / "docs" / "local-apify-operations.md"
_HEAD = """# What the local Apify serves

Every operation of Apify's OpenAPI document, and whether `local-apify` serves it. The
contract tests let each one that is served answer well and with an error, and check both against the document; so is
everything else that the tests ask and answer (`make test` prints how much that was). `tests/official` does with the
official client what its users do. Written by `python -m tests.contract.served_page`; a test compares it with the code.

**{served} of {total} operations are served.** What stands beside some is where the local Apify does less than Apify.
"""
NOTES: Mapping[str, str] = {
    "POST /v2/actors": "a run of it fails and says why: only Actors that are Python functions are run",
    "POST /v2/actors/{actorId}/builds": "reads the definition and the input schema of SOURCE_FILES; executes nothing",
    "PUT /v2/actor-tasks/{actorTaskId}": "refuses to publish a task",
    "GET /v2/datasets/{datasetId}/statistics": "always null: nothing is counted by field",
    "GET /v2/browser-info": "knows no country; leaves out the token",
    "GET /v2/users/me/usage/monthly": "compute units and charged events; traffic and storage cost nothing here",
    "PUT /v2/users/me/limits": "maxMonthlyUsageUsd is kept to; nothing is deleted after dataRetentionDays",
    "GET /v2/schedules/{scheduleId}": "5 fields or a word such as @daily; starts its runs when they are due",
}


def page() -> str:
    """Return the page."""
    served = {f"{endpoint.method} {endpoint.template}" for endpoint in ENDPOINTS}
    operations = sorted(contract().operations, key=lambda each: each.split(" ")[::-1])
    parts = [_HEAD.format(served=len(served & contract().operations), total=len(operations))]
    for group, members in groupby(operations, key=lambda each: each.split("/")[2].partition("?")[0]):
        rows = [f"| `{each}` | {'yes' if each in served else 'no'} | {NOTES.get(each, '')} |" for each in members]
        parts.append("\n".join([f"## {group}", "", "| Operation | served | |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
