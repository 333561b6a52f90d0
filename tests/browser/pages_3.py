"""The pages of Airflow 3.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from playwright.sync_api import expect

from tests.browser.pages import Pages


class Pages3(Pages):
    """A user of Airflow 3.3."""

    @property
    def _dialog(self) -> Any:
        return self.page.get_by_role("dialog")

    @property
    def _news(self) -> Any:
        """Where the UI says for some seconds what became of a request."""
        return self.page.get_by_role("region", name="Notifications").get_by_role("status")

    def log_in(self) -> None:
        self.go("/")
        self.page.get_by_label("Username").fill(self.site.user)
        self.page.get_by_label("Password").fill(self.site.password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Dags", exact=True).first).to_be_visible()

    def open_connection_form(self, conn_id: str) -> None:
        self.go("/connections")
        self.page.get_by_role("button", name="Add Connection").click()
        self._dialog.get_by_label("Connection ID").fill(conn_id)
        self._dialog.get_by_label("Connection Type").fill("Apify")
        self._dialog.get_by_role("option", name="Apify", exact=True).click()
        expect(self._dialog.get_by_label("API token")).to_be_visible()

    def show_extra_fields(self) -> None:
        self._dialog.get_by_role("button", name="Extra Fields", exact=True).click()

    def save_connection(self, fields: Mapping[str, str]) -> None:
        for label, value in fields.items():
            field = self._dialog.get_by_label(label)
            if not field.is_visible():
                self.show_extra_fields()
            field.fill(value)
        self._dialog.get_by_role("button", name="Save").click()
        expect(self._dialog).to_be_hidden()

    def test_connection(self, conn_id: str, token: str) -> str:  # noqa: ARG002 - a saved connection keeps its token
        self.page.get_by_role("row", name=conn_id).get_by_role("button", name="Test Connection").click()
        news = self._news.filter(has_text="Test Connection")
        expect(news).to_be_visible()
        return str(news.inner_text())

    def unpause(self, dag_id: str) -> None:
        self.go(f"/dags/{dag_id}")
        with self.page.expect_response(lambda answer: answer.request.method == "PATCH"):
            self.page.get_by_test_id("toggle-pause").first.click()

    def open_trigger_form(self, dag_id: str) -> None:
        self.go(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        expect(self._submit).to_be_enabled()

    def fill(self, label: str, value: str) -> None:
        group = self._dialog.get_by_role("group").filter(has_text=label)
        group.get_by_role("textbox").or_(group.get_by_role("spinbutton")).last.fill(value)

    @property
    def _submit(self) -> Any:
        return self._dialog.get_by_role("button", name="Trigger", exact=True)

    def refused(self) -> str:
        self._submit.click()
        alert = self._dialog.get_by_text("Invalid input")
        expect(alert).to_be_visible()
        return str(alert.inner_text())

    def submit(self) -> str:
        self._submit.click()
        self.page.wait_for_url(re.compile("/runs/"))
        return unquote(self.page.url.partition("/runs/")[2].partition("/")[0].partition("?")[0])

    def open_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        self.go(f"/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}")

    def wait_for_state(self, state: str) -> None:
        expect(self.page.get_by_text(state.capitalize(), exact=True).first).to_be_visible()

    def _link(self, name: str) -> Any:
        self.page.get_by_role("link", name="Details", exact=True).click()
        return self.page.get_by_role("link", name=name, exact=True)

    def wait_for_log(self, text: str) -> None:
        self.page.get_by_role("link", name="Logs", exact=True).click()
        line = self.page.get_by_text(text).first
        expect(line).to_be_visible()
        line.evaluate("line => line.scrollIntoView({block: 'center'})")

    def mark_failed(self) -> None:
        self.page.get_by_role("button", name="Mark Task Instance as").click()
        self.page.get_by_role("menuitem", name="failed").click()
        self._confirm()

    def clear(self) -> None:
        self.page.get_by_role("button", name="Press shift+c to clear").click()
        self._confirm()

    def _confirm(self) -> None:
        self._dialog.get_by_role("button", name="Confirm").click()
        expect(self._dialog).to_be_hidden()

    def open_asset(self, name: str) -> None:
        self.go("/assets")
        self.page.get_by_role("link", name=name, exact=True).click()
        switches = self.page.get_by_test_id("toggle-pause").get_by_role("checkbox", checked=True)
        expect(switches).to_have_count(2)  # of the DAG that writes it, and of the one that it starts

    def backfill(self, dag_id: str, first: str, last: str) -> None:
        """Fill a DAG's past in, from the first day to the last (ISO dates)."""
        self.open_trigger_form(dag_id)
        self._dialog.get_by_text("Run this Dag for a range of dates").click()
        for number, day in enumerate((first, last)):
            self._dialog.get_by_test_id("datetime-input").nth(number).click()
            date = self.page.get_by_placeholder("YYYY/MM/DD")
            date.fill(day.replace("-", "/"))
            date.press("Escape")
            expect(date).to_be_hidden()
        expect(self._dialog.get_by_text("runs will be triggered")).to_be_visible()
        self._dialog.get_by_role("button", name="Run Backfill").click()
        expect(self._dialog).to_be_hidden()
