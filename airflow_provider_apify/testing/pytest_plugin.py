"""A local Apify for tests of one's own DAGs; see :mod:`local_apify.pytest_plugin`.

In the topmost ``conftest.py``::

    pytest_plugins = ["airflow_provider_apify.testing.pytest_plugin"]
"""

from __future__ import annotations

from local_apify.pytest_plugin import apify_default, local_apify, pytest_configure

__all__ = ["apify_default", "local_apify", "pytest_configure"]
