"""URIs by which Airflow's assets name what Apify has, such as ``apify://actor/apify~hello-world``. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import SplitResult

from airflow_provider_apify._arguments.references import WORDS, read_id
from airflow_provider_apify._arguments.templates import is_template

AssetKind = Literal["actor", "task", "dataset"]

SCHEME = "apify"
DATASETS = f"{SCHEME}://dataset/"
"""What the URI of a dataset begins with."""
_KINDS: Mapping[str, AssetKind] = {kind: kind for kind in get_args(AssetKind)}
_FORM = f"Write {SCHEME}://KIND/ID, with {', '.join(_KINDS)} for KIND and an ID or username~name for ID."


def asset_uri(kind: AssetKind, reference: str) -> str:
    """Return the URI of an Actor, a saved task or a dataset, in its canonical form.

    :param reference: its ID, ``username/name``, ``username~name``, or the address of its page at Apify.
    :raises ValueError: it is none of these, or a template, which nobody renders in an asset; or there is no such kind.
    """
    if is_template(reference):
        raise ValueError(
            f"The {WORDS[kind]} of an asset is {reference!r}, but assets are not templated: give the ID or name itself."
        )
    return sanitize_uri(SplitResult(SCHEME, kind, read_id(kind, reference), "", "")).geturl()


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return a URI in its canonical form: ``username~name``, without a slash at its end. Airflow calls it.

    :raises ValueError: it names nothing that Apify has. The message has neither login nor query: secrets may be there.
    """
    if "@" in uri.netloc or uri.query or uri.fragment:
        raise ValueError(f"The URI of an asset of Apify takes no login, query or fragment. {_FORM}")
    kind = _KINDS.get(uri.netloc)
    if kind is None:
        raise ValueError(f"{uri.netloc!r} is no kind of asset of Apify. {_FORM}")
    try:
        name = read_id(kind, uri.path.strip("/"))
    except ValueError as error:
        raise ValueError(f"{SCHEME}://{kind}{uri.path} names no asset. {error} {_FORM}") from None
    return uri._replace(path=f"/{name}")
