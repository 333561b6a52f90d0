"""Webhooks: whom Apify tells when runs end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from airflow_provider_apify._api import flows, webhooks, webhooks as endpoints
from airflow_provider_apify._api.pages import Entry, by_offset
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.webhooks import SUCCESS, Webhook, WebhookDispatch, WebhookSpec, receiver_spec
from airflow_provider_apify.options import Target


class Webhooks(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for persistent webhooks.

    For the webhooks of a single run, see ``webhooks`` of :class:`~airflow_provider_apify.options.RunOptions`.
    """

    def ensure_webhook(self, target: Target | str, spec: WebhookSpec) -> Webhook:
        """Let an Actor or a saved task have a webhook, once, as it is described.

        What makes it the same webhook again, and not another, are target, events, URL and headers, or what the
        ``identity`` of the spec says; the rest is changed where it differs. It may be repeated. See https://docs.apify.com/api/v2/webhooks-post.

        :param target: an Actor's ID or ``username/name``, or a :class:`~airflow_provider_apify.options.Target`.
        :raises ApifyNotFoundError: no such Actor or task, or the token may not see it.
        :raises ApifyApiError: the account has 100 webhooks already.
        """
        return self._drive(webhooks.ensure_webhook(Target.of(target), spec, self.retry))

    def receiver_spec(
        self,
        airflow: str,
        *,
        event_types: Collection[str] = SUCCESS,
        headers: Mapping[str, str] | None = None,
        description: str | None = None,
        ignore_ssl_errors: bool = False,
        do_not_retry: bool = False,
    ) -> WebhookSpec:
        """Describe the webhook by which Apify tells Airflow's own receiver of the ends of runs.

        :meth:`ensure_webhook` changes the one of the same target and address where events or secret are others.

        :param airflow: address of Airflow's API server, as Apify reaches it, for example
            ``https://airflow.example.com``.
        :param event_types: which ends: of ``ACTOR.RUN.SUCCEEDED``, ``.FAILED``, ``.ABORTED`` and ``.TIMED_OUT``.
        :param headers: more headers, for example for a proxy before Airflow.
        :raises ValueError: the connection has no ``webhook_secret``, or an argument is none of those.
        """
        secrets = self._connection.webhook_secrets
        if not secrets:
            raise ValueError(f"Connection {self.apify_conn_id!r} has no webhook_secret, by which Airflow knows Apify.")
        return receiver_spec(
            airflow,
            None if self.apify_conn_id == self.default_conn_name else self.apify_conn_id,
            secrets[0],
            event_types=event_types,
            headers=headers or {},
            description=description,
            ignore_ssl_errors=ignore_ssl_errors,
            do_not_retry=do_not_retry,
        )

    def get_webhook(self, webhook_id: str) -> Webhook:
        """Return a webhook (https://docs.apify.com/api/v2/webhook-get)."""
        return Webhook.from_api(self._call(endpoints.get_webhook(webhook_id)))

    def iterate_webhooks(self, target: Target | str | None = None) -> Iterator[Webhook]:
        """Yield the persistent webhooks of an Actor, of a saved task, or of the account.

        See https://docs.apify.com/api/v2/act-webhooks-get, https://docs.apify.com/api/v2/actor-task-webhooks-get and
        https://docs.apify.com/api/v2/webhooks-get.
        """
        chosen = None if target is None else Target.of(target)

        def page(offset: int) -> list[Entry]:
            items: list[Entry] = self._call(endpoints.list_webhooks(chosen, offset=offset))["items"]
            return items

        return map(Webhook.from_api, by_offset(page))

    def update_webhook(self, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
        """Change fields of a webhook (https://docs.apify.com/api/v2/webhook-put).

        :param changes: by their API names, for example ``{"requestUrl": "https://example.com/new"}``.
        """
        return Webhook.from_api(self._call(endpoints.update_webhook(webhook_id, changes)))

    def delete_webhook(self, webhook_id: str) -> bool:
        """Delete a webhook, and tell whether there was one (https://docs.apify.com/api/v2/webhook-delete)."""
        try:
            self._drive(flows.call(endpoints.delete_webhook(webhook_id), self.retry))
        except ApifyNotFoundError:
            return False
        return True

    def test_webhook(self, webhook_id: str) -> WebhookDispatch:
        """Have Apify send a made-up event to a webhook's receiver (https://docs.apify.com/api/v2/webhook-test-post).

        It is ``ACTIVE`` at first: :meth:`get_webhook_dispatch` tells how it went.
        """
        return WebhookDispatch.from_api(self._call(endpoints.test_webhook(webhook_id)))

    def get_webhook_dispatch(self, dispatch_id: str) -> WebhookDispatch:
        """Return a dispatch with all its calls (https://docs.apify.com/api/v2/webhook-dispatch-get)."""
        return WebhookDispatch.from_api(self._call(endpoints.get_dispatch(dispatch_id)))

    def iterate_webhook_dispatches(
        self,
        *,
        webhook_id: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[WebhookDispatch]:
        """Yield the account's dispatches, newest first (https://docs.apify.com/api/v2/webhook-dispatches-get).

        What failed since yesterday, for example, is
        ``iterate_webhook_dispatches(status="FAILED", since=pendulum.now().subtract(days=1))``.

        :param webhook_id: only those of one webhook, persistent or of a single run.
        :param status: only ``"ACTIVE"``, ``"SUCCEEDED"`` or ``"FAILED"`` ones.
        :param since: with a time zone: where to stop. Without it, all that Apify remembers is asked for.
        """

        def page(offset: int) -> list[Entry]:
            items: list[Entry] = self._call(endpoints.list_dispatches(offset=offset))["items"]
            return items

        for dispatch in map(WebhookDispatch.from_api, by_offset(page)):
            if since is not None and dispatch.created_at is not None and dispatch.created_at < since:
                return
            if webhook_id in {None, dispatch.webhook_id} and status in {None, dispatch.status}:
                yield dispatch
