"""Chromium, and one Airflow for all tests of its UI."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_apify.control import Control
from tests.browser.airflows import PATIENCE_SECONDS, Site, installed_airflow
from tools.server_programs import chromium
from tools.versions import DEVELOPMENT_VERSION, ROOT

if TYPE_CHECKING:
    from tests.browser.pages import Pages

# Only `make browser` has Playwright on its path.
collect_ignore = [] if find_spec("playwright") else ["test_ui.py"]

HERE = Path(__file__).parent
SCREENSHOTS = ROOT / "docs" / "screenshots"
WINDOW = {"width": 1200, "height": 720}
_FONTS = """\
<?xml version="1.0"?>
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <match target="pattern">
    <edit name="family" mode="append_last" binding="strong"><string>Roboto</string></edit>
  </match>
  <match target="pattern">
    <test qual="any" name="family"><string>monospace</string></test>
    <edit name="family" mode="assign_replace" binding="strong"><string>DejaVu Sans Mono</string></edit>
  </match>
</fontconfig>
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path == HERE / "test_ui.py":
            item.add_marker(pytest.mark.timeout(0))  # each wait has its own end


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the browser did when a test failed."""
    report = yield
    pages = getattr(item, "funcargs", {}).get("pages")
    if report.failed and pages:
        picture = pages.site.output.with_name(f"{item.name}.png")
        pages.page.screenshot(path=picture)
        picture.with_suffix(".txt").write_text(f"{pages.page.url}\n{pages.page.locator('body').aria_snapshot()}\n")
        report.sections.append(("What the browser showed", f"{picture} and its text beside it"))
    return report


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with installed_airflow(tmp_path_factory.mktemp("airflow")) as site:
        yield site


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return Debian's Chromium with no fonts but ours."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only `make browser` has it

    found, folder = chromium(), tmp_path_factory.mktemp("chromium")
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(fonts=found.fonts, cache=folder / "fonts"))
    environment = {
        "HOME": str(folder),
        "FONTCONFIG_FILE": str(fonts),
        "LD_LIBRARY_PATH": ":".join(map(str, found.libraries)),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(found.program), env=environment)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser: Any, site: Site) -> Iterator[Any]:
    """Return a window in which somebody has logged in."""
    from playwright.sync_api import expect  # noqa: PLC0415 - only `make browser` has it

    patience_ms = PATIENCE_SECONDS * 1000
    expect.set_options(timeout=patience_ms)
    context = browser.new_context(viewport=WINDOW, reduced_motion="reduce")
    context.set_default_timeout(patience_ms)
    page = context.new_page()
    _pages_of(page, site).log_in()
    page.close()
    yield context
    context.close()


@pytest.fixture
def pages(context: Any, site: Site) -> Iterator[Pages]:
    """Return a tab of its own for the test."""
    page = context.new_page()
    yield _pages_of(page, site)
    page.close()


def _pages_of(page: Any, site: Site) -> Pages:
    if site.airflow.startswith("2."):
        from tests.browser.pages_2 import Pages2  # noqa: PLC0415 - needs Playwright

        return Pages2(page, site)
    from tests.browser.pages_3 import Pages3  # noqa: PLC0415 - the same

    return Pages3(page, site)


@pytest.fixture
def apify(site: Site) -> Control:
    """Return the remote control of the local Apify behind that Airflow."""
    return Control(site.apify.base_url)


@pytest.fixture
def picture(site: Site) -> Callable[[Pages, str], None]:
    """Return what takes the documentation's picture of a tab; it shows no token, and is of the newest Airflow only."""

    def take(pages: Pages, name: str) -> None:
        assert site.apify.token not in pages.page.locator("body").inner_text()
        if site.airflow == DEVELOPMENT_VERSION.release:
            pages.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled", caret="hide")

    return take
