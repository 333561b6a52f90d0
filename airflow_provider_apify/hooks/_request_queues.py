"""Request queues: what Actors work through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_apify._api.storages import endpoints, queue
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.storages import AddedRequest, RequestQueue


class RequestQueues(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for request queues.

    A queue is named by its ID, for example ``run.request_queue_id`` for the one that each run has, or by
    ``username~queue-name``.
    """

    def get_request_queue(self, queue_id: str) -> RequestQueue:
        """Return a queue's description (https://docs.apify.com/api/v2/request-queue-get)."""
        return RequestQueue.from_api(self._call(endpoints.get_queue(queue_id)))

    def get_request_queue_head(self, queue_id: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Return what comes next: ``id``, ``url``, ``uniqueKey``, ``method``, ``retryCount`` of each request.

        See https://docs.apify.com/api/v2/request-queue-head-get.

        :param limit: how many at most, up to 1,000.
        """
        head: list[dict[str, Any]] = self._call(endpoints.get_queue_head(queue_id, limit=limit))["items"]
        return head

    def add_requests(
        self, queue_id: str, requests: Iterable[Mapping[str, Any]], *, forefront: bool = False
    ) -> list[AddedRequest]:
        """Add requests to a queue, 25 or 9 MiB at a time; those that Apify has no room for are sent again.

        A request that the queue knows already changes nothing, so adding may be repeated.
        See https://docs.apify.com/api/v2/request-queue-requests-batch-post.

        :param requests: each a dictionary with ``url`` and, if it is wanted, ``method``, ``headers``, ``payload``,
            ``userData`` and ``uniqueKey``. Without the last, the URL, or method, payload and URL, tell requests apart.
            A ``payload`` is text; a JSON object is made text, because Actors send it as it stands.
        :param forefront: before the others instead of after them.
        :return: what Apify says of each, in their order.
        :raises ValueError: a request has no URL, a payload that is neither, or is above 9 MiB; none is added.
        :raises ApifyConnectionError: Apify kept giving some back; what it took is in the queue.
        """
        flow = queue.add_requests(queue_id, requests, self.retry, forefront=forefront)
        return [AddedRequest.from_api(each) for each in self._drive(flow)]
