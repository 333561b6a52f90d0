"""Operators that keep webhooks at Apify, so that it tells somebody when runs end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_apify._airflow.arguments import Name
from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.webhooks import RUN_ENDS, SUCCESS, WebhookSpec, receiver_spec
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.options import Target

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class EnsureWebhookOperator(ApifyTask):
    """Let an Actor or a saved task have a webhook, once, as it is described here.

    It may run as often as you like: the webhook of the same target, events, URL and headers is found again, and changed
    where the rest differs. A webhook for another URL, other events or other headers is another webhook, and the old one
    goes on: a secret header that is rotated leaves one that still sends the old secret. Another with the same receiver
    may be somebody else's, so it is not deleted here. Delete it with :class:`DeleteWebhookOperator` or the hook, by the
    ``webhook_id`` that this task returned before, or look for it::

        hook = ApifyHook()
        for webhook in hook.iterate_webhooks("username/actor-name"):
            if webhook.request_url == "https://example.com/hook" and webhook.id != the_new_webhook_id:
                hook.delete_webhook(webhook.id)

    Reference: https://docs.apify.com/api/v2/webhooks-post

    :param actor_id: Actor ID or ``username/actor-name``. (templated)
    :param actor_task_id: ID of a saved Apify task, or ``username/task-name``; instead of ``actor_id``. (templated)
    :param receiver: address of this Airflow's API server, as Apify reaches it, for example
        ``https://airflow.example.com``: its own receiver starts DAGs then that are scheduled on the asset of the Actor
        or task. The connection has the ``webhook_secret``. With a new secret, or other events, the webhook of the same
        target and address is changed. (templated)
    :param request_url: instead of ``receiver``, where Apify sends a ``POST``. It must answer with 2xx within 2 minutes,
        else Apify tries again, 11 times within about 32 hours; and the same event may come twice. (templated)
    :param event_types: by default, every way a run may end; with ``receiver``, its success.
    :param payload_template: only with ``request_url``: JSON with Apify's variables in it, for example
        ``{"run_id": {{resource.id}}}``; ``None`` for Apify's own payload. Not templated by Airflow: the braces are
        Apify's.
    :param headers: more headers, such as a secret by which the receiver knows Apify. Take secrets from a connection
        or a variable, which Airflow masks: ``{"X-Secret": "{{ conn.receiver.password }}"}``. (templated)
    :param description: for people who find the webhook in Apify Console. (templated)
    :param should_interpolate_strings: whether Apify's variables inside of strings are replaced, too.
    :param ignore_ssl_errors: whether a receiver's bad certificate is good enough.
    :param do_not_retry: whether one try is all.
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) ``webhook_id``, ``event_types`` and ``condition``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: an error that no retry can cure: wrong token, unknown Actor, 100 webhooks already.
    """

    template_fields: Sequence[str] = (
        *("actor_id", "actor_task_id", "receiver", "request_url", "headers", "description", "apify_conn_id"),
    )
    template_fields_renderers = {"headers": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        receiver: str | None = None,
        request_url: str | None = None,
        actor_id: Name | None = None,
        actor_task_id: Name | None = None,
        event_types: Collection[str] | None = None,
        payload_template: str | None = None,
        headers: Mapping[str, str] | None = None,
        description: str | None = None,
        should_interpolate_strings: bool = False,
        ignore_ssl_errors: bool = False,
        do_not_retry: bool = False,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.receiver = receiver
        self.request_url = request_url
        self.actor_id = cast("str | None", actor_id)
        self.actor_task_id = cast("str | None", actor_task_id)
        self.event_types = event_types
        self.payload_template = payload_template
        self.headers = headers
        self.description = description
        self.should_interpolate_strings = should_interpolate_strings
        self.ignore_ssl_errors = ignore_ssl_errors
        self.do_not_retry = do_not_retry
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Create, find or change the webhook."""
        with failing_fast():
            target = Target.choose(self.actor_id, self.actor_task_id)
            if self.receiver is None:
                spec = self._spec(self.request_url or "")
            else:
                spec = self.hook.receiver_spec(self.receiver, **self._of_receiver())
            webhook = self.hook.ensure_webhook(target, spec)
        self.log.info("%s has webhook %s for %s.", target, webhook.id, ", ".join(webhook.event_types))
        return webhook.to_dict()

    def _of_receiver(self) -> dict[str, Any]:
        return {"event_types": self.event_types or SUCCESS, "headers": self.headers or {}, **self._settings()}

    def _settings(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "ignore_ssl_errors": self.ignore_ssl_errors,
            "do_not_retry": self.do_not_retry,
        }

    def _spec(self, request_url: str) -> WebhookSpec:
        return WebhookSpec(
            event_types=self.event_types or RUN_ENDS,
            request_url=request_url,
            payload_template=self.payload_template,
            headers=self.headers or {},
            should_interpolate_strings=self.should_interpolate_strings,
            **self._settings(),
        )

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        given = [target for target in (self.actor_id, self.actor_task_id) if target is not None]
        if len(given) != 1 or not is_template(given):
            Target.choose(self.actor_id, self.actor_task_id)
        address = self.request_url if self.receiver is None else self.receiver
        if address is None or (self.receiver is not None and self.request_url is not None):
            raise ValueError("Give exactly one of receiver (this Airflow) and request_url (somebody else).")
        if self.receiver is None:
            self._spec("https:" if is_template(address) else address)
            return
        if self.payload_template is not None or self.should_interpolate_strings:
            raise ValueError("A receiver has its own payload: payload_template goes with request_url only.")
        receiver_spec("https://airflow" if is_template(address) else address, None, "", **self._of_receiver())


class DeleteWebhookOperator(ApifyTask):
    """Delete a webhook. One that does not exist is a success, so it may be repeated.

    Reference: https://docs.apify.com/api/v2/webhook-delete

    :param webhook_id: the webhook; see what :class:`EnsureWebhookOperator` returns as ``webhook_id``. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) whether there was one.
    """

    template_fields: Sequence[str] = ("webhook_id", "apify_conn_id")
    returns_dictionary = False

    def __init__(self, *, webhook_id: Name, apify_conn_id: str = ApifyHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.webhook_id = cast("str", webhook_id)
        self.apify_conn_id = apify_conn_id

    def execute(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        """Delete the webhook."""
        with failing_fast():
            was_there = self.hook.delete_webhook(self.webhook_id)
        self.log.info("Webhook %s %s.", self.webhook_id, "is deleted" if was_there else "does not exist")
        return was_there
