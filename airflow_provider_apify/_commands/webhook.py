"""``webhook``: have Apify tell Airflow's own receiver when runs end, and see whether it gets there."""

from __future__ import annotations

import time
from argparse import Namespace

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target

_SECONDS = 30.0
"""How long an answer of the receiver is waited for."""

_UNTIL_THEN = (
    "The webhook has the secret of this command's connection now. Until the receiver takes it, no run starts a DAG: "
    "mend the connection that is wrong, and run this again."
)


def webhook(options: Namespace) -> tuple[str, bool]:
    """Keep a webhook, and return what came of it, and whether the receiver takes what Apify sends."""
    hook = ApifyHook(options.conn_id)
    target = Target("task" if options.task else "actor", options.actor)
    events = [f"ACTOR.RUN.{end}" for end in options.events]
    kept = hook.ensure_webhook(target, hook.receiver_spec(options.receiver, event_types=events))
    told = f"{target} has webhook {kept.id} to {kept.request_url}, for {', '.join(kept.event_types)}.\n"
    status, answer = _try(hook, kept.id)
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return f"{told}Apify gets {status} from it. A DAG starts where one is scheduled on the asset.\n", True
    trouble = "does not reach it" if status is None else f"gets {status} from it"
    return f"{told}Apify {trouble}: {answer}\n{_UNTIL_THEN}\n", False


def _try(hook: ApifyHook, webhook_id: str) -> tuple[int | None, str]:
    """Have Apify send a made-up event; return the status and the body of the answer, or ``None`` and the trouble."""
    dispatch = hook.test_webhook(webhook_id)
    until = time.monotonic() + _SECONDS
    while not dispatch.calls and time.monotonic() < until:
        time.sleep(0.5)
        dispatch = hook.get_webhook_dispatch(dispatch.id)
    if not dispatch.calls:
        return None, f"no answer within {_SECONDS:.0f} s"
    call = dispatch.calls[-1]
    return call.get("responseStatus"), str(call.get("responseBody") or call.get("errorMessage") or "")
