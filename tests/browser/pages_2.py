"""The pages of Airflow 2.11."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from playwright.sync_api import expect

from tests.browser.pages import Pages


class Pages2(Pages):
    """A user of Airflow 2.11."""

    def log_in(self) -> None:
        self.go("/login/")
        self.page.get_by_label("Username").fill(self.site.user)
        self.page.get_by_label("Password").fill(self.site.password)
        self.page.get_by_role("button", name="Sign In").click()
        expect(self.page.get_by_role("heading", name="DAGs")).to_be_visible()

    def open_connection_form(self, conn_id: str) -> None:
        self.go("/connection/add")
        self.page.get_by_label("Connection Id").fill(conn_id)
        self.page.locator("#conn_type").select_option("apify")
        expect(self.page.get_by_label("API token")).to_be_visible()

    def show_extra_fields(self) -> None:
        """Do nothing: they are in view."""

    def save_connection(self, fields: Mapping[str, str]) -> None:
        for label, value in fields.items():
            self.page.get_by_label(label).fill(value)
        self.page.get_by_role("button", name="Save").click()
        expect(self.page.get_by_text("Added Row")).to_be_visible()

    def test_connection(self, conn_id: str, token: str) -> str:
        self.go("/connection/list/")
        self.page.get_by_role("row").filter(has_text=conn_id).get_by_role("link", name="Edit").click()
        self.page.get_by_label("API token").fill(token)
        self.page.get_by_role("button", name="Test").click()
        alert = self.page.locator(".alert").first
        expect(alert).to_contain_text("pify")
        return str(alert.inner_text())

    def unpause(self, dag_id: str) -> None:
        self.go(f"/dags/{dag_id}/grid")
        with self.page.expect_response("**/paused?*"):
            self.page.locator("label", has=self.page.locator("#pause_resume")).click()

    def open_trigger_form(self, dag_id: str) -> None:
        self.go(f"/dags/{dag_id}/trigger?origin=/dags/{dag_id}/grid")
        expect(self.page.get_by_role("button", name="Trigger", exact=True)).to_be_enabled()

    def fill(self, label: str, value: str) -> None:
        row = self.page.get_by_role("row").filter(has_text=label)
        row.get_by_role("textbox").or_(row.get_by_role("spinbutton")).fill(value)

    def refused(self) -> str:
        self.page.get_by_role("button", name="Trigger", exact=True).click()
        alert = self.page.get_by_text("Invalid input")
        expect(alert).to_be_visible()
        return str(alert.inner_text())

    def submit(self) -> str:
        self.page.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url("**dag_run_id=**")
        return str(parse_qs(urlsplit(self.page.url).query)["dag_run_id"][0])

    def open_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        self.go(f"/dags/{dag_id}/grid?dag_run_id={quote(run_id, safe='')}&task_id={task_id}&tab=details")

    def wait_for_state(self, state: str) -> None:
        self._tab("Details")
        expect(self.page.get_by_role("row", name=f"Status {state}", exact=True)).to_be_visible()

    def _link(self, name: str) -> Any:
        self.page.reload()  # it asks for the links only once, even where there were none yet
        self._tab("Details")
        return self.page.get_by_role("link", name=name, exact=True)

    def wait_for_log(self, text: str) -> None:
        self._tab("Logs")
        expect(self.page.get_by_text(text).first).to_be_visible()

    def _tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def mark_failed(self) -> None:
        self.page.get_by_role("button", name="Manually set task instance state").click()
        self.page.get_by_role("menuitem", name="failed").click()
        button = self.page.get_by_role("button", name="Mark as failed")
        button.click()
        expect(button).to_be_hidden()
        self.page.reload()  # it asks for the task's state no more once the DAG run has ended

    def clear(self) -> None:
        self.page.get_by_role("button", name="Clear and retry task.").click()
        button = self.page.get_by_role("button", name="Clear", exact=True)
        button.click()
        expect(button).to_be_hidden()

    def open_asset(self, name: str) -> None:
        self.go(f"/datasets?uri={quote(name, safe='')}")
