"""Apify's own client for Python, for what this package has no method for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_apify._extras import import_extra
from airflow_provider_apify.hooks._client import ApifyClient

if TYPE_CHECKING:
    import apify_client

    from airflow_provider_apify.hooks._connection import ApifyConnection

_EXTRA = "apify-client"


class OfficialClients(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` that hand out the official client.

    It is not start-safe: it repeats ``POST /runs`` after a 5xx and after a time-out, so that one ``call()`` or
    ``start()`` may bill two runs, and the limits of the Airflow connection do not bind it. Start runs with
    :class:`~airflow_provider_apify.operators.run_actor.RunActorOperator` or :meth:`start_run`, and use the client for
    the rest.
    """

    def get_client(self, **options: Any) -> apify_client.ApifyClient:
        """Return the official client with this connection's token and base URL. Not start-safe: see the class.

        Reference: https://docs.apify.com/api/client/python

        :param options: further arguments of the client, such as ``max_retries``, or the time-outs as its version names
            them; by default they are the client's own.
        :raises ValueError: the extra ``apify-client`` is not installed.
        """
        client: apify_client.ApifyClient = import_extra(_EXTRA, "apify_client").ApifyClient(
            **_arguments(self._connection), **options
        )
        return client

    async def get_async_client(self, **options: Any) -> apify_client.ApifyClientAsync:
        """Do what :meth:`get_client` does for the client's asynchronous twin; unlike it, this is a coroutine itself.

        The connection is looked up without blocking the event loop, so ``await`` both, this and the client's methods::

            client = await ApifyHook().get_async_client()
            user = await client.user().get()
        """
        connection = await self._async_connection()
        client: apify_client.ApifyClientAsync = import_extra(_EXTRA, "apify_client").ApifyClientAsync(
            **_arguments(connection), **options
        )
        return client


def _arguments(connection: ApifyConnection) -> dict[str, Any]:
    """Return what both clients take. Their own User-Agent stays: Apify tells its clients apart by it."""
    access = connection.access
    return {
        "token": access.token,
        "api_url": access.base_url,
        "api_public_url": access.base_url,
        "headers": {"x-apify-integration-platform": "airflow"},
    }
