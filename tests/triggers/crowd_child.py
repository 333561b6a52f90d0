"""A triggerer's event loop with more waiters than files may be open, in a process of its own.

All show the run's log, so that none of them may listen to the account's list instead. It prints how the run ended for
each waiter, once each has seen it going.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys

from airflow_provider_apify._api import request
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.triggers import run as triggers


async def wait_all(run_id: str, waiters: int) -> set[str]:
    """Have so many triggers watch a run, abort it when each has had its turn, and return how it ended for them."""
    has_seen: set[int] = set()
    hook = triggers.ApifyRunTrigger(run_id=run_id).hook
    await hook._async_connection()  # one look-up for all

    async def watch(number: int) -> str:
        trigger = triggers.ApifyRunTrigger(run_id=run_id)
        trigger.hook = hook
        waiting = trigger._wait_for_run.keywords
        event = await hook.async_wait_for_run(
            run_id, **waiting, on_update=lambda _run: has_seen.add(number), on_log_line=lambda _line: None
        )
        return RunEvent.from_payload(event.to_payload()).run.status

    watching = [asyncio.create_task(watch(number)) for number in range(waiters)]
    while len(has_seen) < waiters:
        os.close(os.open(os.devnull, os.O_RDONLY))  # what anything else in the triggerer does
        await asyncio.sleep(0.01)
    await hook.async_abort_run(run_id)
    return set(await asyncio.gather(*watching))


def main(run_id: str, waiters: str, files: str) -> None:
    """Lower the limit once all is imported, as it is in a triggerer that has been running for long."""
    request._ROUND_SECONDS = 2.0
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), int(files)))
    sys.stdout.write(" ".join(asyncio.run(wait_all(run_id, int(waiters)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
