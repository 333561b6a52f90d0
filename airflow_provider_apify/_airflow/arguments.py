"""What DAG authors may give as an argument, for type checkers and for the reading of templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_apify._airflow.compat import plain_xcom_arg

if TYPE_CHECKING:
    from airflow.sdk.definitions.xcom_arg import PlainXComArg
else:
    PlainXComArg = plain_xcom_arg()

Name: TypeAlias = str | XComArg
"""An ID, a name or an address, a template of one, or what another task returns."""
Reference: TypeAlias = str | Mapping[str, Any] | XComArg
"""The same of a run or a storage, which a whole run, as tasks return it, names as well."""
Output: TypeAlias = PlainXComArg
"""What a task returns, of which a part may be taken by its key."""
