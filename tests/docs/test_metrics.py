"""The page on metrics, and the dashboard, name what the code sends."""

from __future__ import annotations

import json
import re
from pathlib import Path

from airflow_provider_apify._airflow.metrics import Count, Duration
from airflow_provider_apify._airflow.traces import span

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
DASHBOARD = (ROOT / "docs/grafana/apify.json").read_text(encoding="utf-8")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "airflow_provider_apify").rglob("*.py"))
BY_STATUS = ("apify.run.finished.", "apify.wait.duration.")
"""How names begin that end in a status; tests/_airflow/test_metrics.py has each sent."""


def table() -> dict[str, str]:
    """Return the kind of each metric on the page."""
    return dict(re.findall(r"^\| `(apify\.[a-z_.]+)` \| (counter|timer) \|", PAGE, re.MULTILINE))


def shown() -> set[str]:
    """Return what the dashboard asks Prometheus for, as statsd_exporter names it."""
    expressions = [target["expr"] for panel in json.loads(DASHBOARD)["panels"] for target in panel["targets"]]
    return {name for expression in expressions for name in re.findall(r"airflow_apify_\w+", expression)}


def test_the_page_names_all_metrics_and_their_kinds() -> None:
    assert table() == {
        **{name.value: "counter" for name in Count},
        **{name.value: "timer" for name in Duration},
    }


def test_each_metric_is_sent() -> None:
    names = [*Count, *Duration]
    unused = [f"{type(name).__name__}.{name.name}" for name in names if not name.startswith(BY_STATUS)]
    assert [name for name in unused if not re.search(rf"\b{re.escape(name)}\b", CODE)] == []


def test_the_dashboard_shows_all_of_them_and_nothing_else() -> None:
    exported = {f"airflow_{name}".replace(".", "_"): kind for name, kind in table().items()}
    assert shown() == {
        name if kind == "counter" else f"{name}{part}" for name, kind in exported.items() for part in ("_sum", "_count")
    }


def test_the_page_names_all_spans() -> None:
    used = re.findall(rf"with {span.__name__}\(\"(\w+)\"\)", CODE)
    assert {f"apify {name}" for name in used} == set(re.findall(r"^\| `(apify \w+)` \|", PAGE, re.MULTILINE))
