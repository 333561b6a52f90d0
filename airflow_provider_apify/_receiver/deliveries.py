"""What a webhook of Apify says. It is only a hint: who may know the secret could say anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_apify._api.answers import read_json
from airflow_provider_apify.models.webhooks import STATUS_BY_EVENT

_EVENT_TYPE = re.compile(r"[A-Z_.]{1,64}")
_RUN_ID = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True)
class Delivery:
    """An event that a webhook tells of.

    :param event_type: for example ``ACTOR.RUN.SUCCEEDED``.
    :param run_id: the run that it is about; ``None`` where it is about something else.
    """

    event_type: str
    run_id: str | None

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read the body of a delivery: Apify's own payload, or one with ``eventType`` and ``eventData`` of it.

        See https://docs.apify.com/platform/integrations/webhooks/actions.

        :raises ValueError: it is none.
        """
        try:
            said = read_json(body)
            event_type, data = said["eventType"], said.get("eventData") or {}
            run_id = data.get("actorRunId")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("The body is no JSON object with eventType and eventData, as Apify sends it.") from None
        if not _is(_EVENT_TYPE, event_type) or not (run_id is None or _is(_RUN_ID, run_id)):
            raise ValueError("eventType is no event of Apify, or actorRunId in eventData is no ID of a run.")
        return cls(event_type, run_id)

    @property
    def status(self) -> str | None:
        """How the run has ended, if it is about the end of a run."""
        return None if self.run_id is None else STATUS_BY_EVENT.get(self.event_type)


def _is(form: re.Pattern[str], given: Any) -> bool:
    return isinstance(given, str) and form.fullmatch(given) is not None
