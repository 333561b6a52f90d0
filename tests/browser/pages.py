"""What people do in Airflow's UI. Each version of it has its pages in a module of its own."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import expect

from tests.browser.airflows import Site


class Pages(ABC):
    """One user in one browser tab.

    Nothing returns before the page shows what was done; where it never does, Playwright raises its ``TimeoutError``.

    :param page: Playwright's.
    """

    def __init__(self, page: Any, site: Site) -> None:
        self.page = page
        self.site = site

    def go(self, path: str) -> None:
        """Open an address of this Airflow."""
        self.page.goto(f"{self.site.url}{path}")

    @abstractmethod
    def log_in(self) -> None:
        """Log in with user and password."""

    @abstractmethod
    def open_connection_form(self, conn_id: str) -> None:
        """Begin a new connection of type Apify."""

    @abstractmethod
    def show_extra_fields(self) -> None:
        """Bring the fields of the extra of the open form into view."""

    @abstractmethod
    def save_connection(self, fields: Mapping[str, str]) -> None:
        """Fill the open form in, by labels, and save it."""

    @abstractmethod
    def test_connection(self, conn_id: str, token: str) -> str:
        """Press the button that tests a connection, and return what it shows.

        :param token: to fill in where the form of a saved connection does not keep it.
        """

    @abstractmethod
    def unpause(self, dag_id: str) -> None:
        """Switch a DAG on."""

    @abstractmethod
    def open_trigger_form(self, dag_id: str) -> None:
        """Open the form that starts a DAG run."""

    @abstractmethod
    def fill(self, label: str, value: str) -> None:
        """Fill in a field of the open form."""

    @abstractmethod
    def refused(self) -> str:
        """Submit the form that starts a DAG run, and return why it is refused."""

    @abstractmethod
    def submit(self) -> str:
        """Submit the form that starts a DAG run, and return the run's ID."""

    @abstractmethod
    def open_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Open a task of a DAG run."""

    @abstractmethod
    def wait_for_state(self, state: str) -> None:
        """Wait until the open task shows a state, such as ``deferred``."""

    @abstractmethod
    def _link(self, name: str) -> Any:
        """Return a link of the open task, in view."""

    def wait_for_link(self, name: str, run_id: str) -> None:
        """Wait until a link of the open task leads to a run."""
        expect(self._link(name)).to_have_attribute("href", re.compile(f"/{run_id}$"))

    def follow(self, name: str) -> Any:
        """Click a link of the open task, and return the tab that it opens, Playwright's."""
        with self.page.context.expect_page() as opened:
            self._link(name).click()
        return opened.value

    @abstractmethod
    def wait_for_log(self, text: str) -> None:
        """Wait until the log of the open task has a text."""

    @abstractmethod
    def mark_failed(self) -> None:
        """Mark the open task as failed."""

    @abstractmethod
    def clear(self) -> None:
        """Clear the open task."""

    @abstractmethod
    def open_asset(self, name: str) -> None:
        """Open an asset, with its events in view."""
