"""One page of the web, through Apify, in one request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from airflow_provider_apify._api import flows, web_fetch
from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.transports import Access, send_with_requests
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.hooks._connection import DEFAULT_WEB_FETCH_URL, WEB_FETCH_URL_VARIABLE
from airflow_provider_apify.models.web_fetch import FetchedPage, PageFormat

_MARKDOWN: tuple[PageFormat, ...] = ("markdown",)


class WebFetch(ApifyClient):
    """The method of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` that fetches a page."""

    def web_fetch(
        self,
        url: str,
        *,
        formats: Collection[PageFormat] | None = _MARKDOWN,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedPage:
        """Fetch one page, PDF or other file with Web Fetch, Apify's Actor for that (https://apify.com/apify/web-fetch).

        It runs in Standby mode at an address of its own, gets past what keeps bots out, and answers at once, with no
        run and no dataset. Each fetch is charged, so it is only asked for again where nothing was fetched: after a 429,
        or where the request was not sent. After any other fault, asking again, and paying again, is up to you.
        The token is sent to the connection's ``web_fetch_url`` only. By default that is Apify's, where the connection's
        host is Apify's, too; the token of another host is not sent to Apify.

        :param url: http or https.
        :param formats: some of ``"markdown"``, ``"html"``, ``"text"``, ``"links"`` and ``"raw"``; ``None`` leaves it to
            Web Fetch, which goes by the type of the content.
        :param headers: sent to the site, for example ``Accept-Language``.
        :return: the page, whatever status the site has answered with: see its ``http_status``.
        :raises ApifyWebFetchError: the site could not be reached, or took more than 2 minutes.
        :raises ApifyApiError: the content fits none of the formats.
        :raises ApifyServerError: Web Fetch failed; the page may have been fetched.
        :raises ApifyConnectionError: no answer, or none of Web Fetch's; the page may have been fetched.
        :raises ValueError: no such URL or format, or the connection's host is not Apify's and it has no
            ``web_fetch_url``.
        """
        request = web_fetch.fetch_page(url, formats, headers)
        if not self._connection.web_fetch_url:
            raise ValueError(
                f"The host of connection {self.apify_conn_id!r} is not Apify's, so its token is not sent to Apify's "
                f'Web Fetch. Say where in its extra, for example {{"web_fetch_url": "{DEFAULT_WEB_FETCH_URL}"}}, '
                f"or in {WEB_FETCH_URL_VARIABLE} where the environment serves.",
            )
        flow = flows.call_reading(request, self.retry, web_fetch.page_of)
        return FetchedPage.from_api(self._drive(flow, self._send_to_web_fetch))

    def _send_to_web_fetch(self, access: Access, request: Request) -> Answer:
        return send_with_requests(self._session, replace(access, base_url=self._connection.web_fetch_url), request)
