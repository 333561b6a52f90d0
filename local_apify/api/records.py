"""Key-value records."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import quote

from starlette.responses import Response

from local_apify.api.answers import MAX_LIST, data
from local_apify.api.call import Call
from local_apify.api.opened import opened
from local_apify.world.codings import IDENTITY, accepts
from local_apify.world.errors import ApiError
from local_apify.world.signatures import opens_record, signature_of
from local_apify.world.stores import KeyValueStore, Record


def record_response(call: Call, store: KeyValueStore, key: str, status: int = 200) -> Response:
    """Answer with a record as it was stored; to who does not take it packed, unpacked.

    :raises ApiError: there is none.
    """
    record = store.records.get(key)
    if record is None:
        raise ApiError(404, "record-not-found", f"Record with key {key} was not found")
    store.counts["read"] += 1
    headers = {"Content-Type": record.content_type}
    if call.query.flag("attachment"):
        headers["Content-Disposition"] = f'attachment; filename="{quote(key)}"'
    if record.coding == IDENTITY:
        return Response(record.stored, status, headers)
    headers["Vary"] = "Accept-Encoding"
    if not accepts(call.request.headers.get("accept-encoding", ""), record.coding):
        return Response(record.value, status, headers)
    return Response(record.stored, status, headers | {"Content-Encoding": record.coding})


async def get(call: Call) -> Response:
    """Get a record: with the token, or by its signed URL."""
    key = call.path["recordKey"]
    store = opened(call, Call.find_store, lambda store, signature: opens_record(signature, store.signing_key, key))
    return record_response(call, store, key)


async def put(call: Call) -> Response:
    """Store a record; its content type is that of the request."""
    content_type = call.request.headers.get("content-type", "application/octet-stream")
    longest = call.world.settings.max_record_bytes
    sent = await call.body.packed(longest)
    record = Record(sent, content_type, call.body.coding)
    await call.body.unpack(sent, longest)  # what nobody could read is refused
    store = call.find_store()
    store.put(call.path["recordKey"], record)
    location = f"{call.base_url}/v2/key-value-stores/{store.id}/records/{quote(call.path['recordKey'])}"
    return Response(b"{}", 201, {"Location": location}, "application/json")


async def delete(call: Call) -> Response:
    """Delete a record, whether or not there is one."""
    store = call.find_store()
    store.records.pop(call.path["recordKey"], None)
    store.counts["delete"] += 1
    return Response(status_code=204)


async def list_keys(call: Call) -> Response:
    """List keys in the order of the alphabet: with the token, or by the signed URL of the keys."""
    store = opened(call, Call.find_store)
    _refuse_collection(call)
    store.counts["list"] += 1
    start = call.query.text("exclusiveStartKey")
    limit = call.query.integer("limit", minimum=1, maximum=MAX_LIST) or MAX_LIST
    keys = store.keys_after(start, call.query.text("prefix") or "")
    shown = keys[:limit]
    items = [
        {"key": key, "size": len(store.records[key].stored), "recordPublicUrl": _url(call, store, key)} for key in shown
    ]
    is_truncated = len(keys) > len(shown)
    return data(
        {
            "items": items,
            "count": len(items),
            "limit": limit,
            "exclusiveStartKey": start,
            "isTruncated": is_truncated,
            "nextExclusiveStartKey": shown[-1] if is_truncated else None,
        }
    )


async def archive(call: Call) -> Response:
    """Get all records, or those with a prefix, as a ZIP file; the same records make the same bytes.

    :raises ApiError: there is no such store, or a collection is asked for.
    """
    store = opened(call, Call.find_store)
    _refuse_collection(call)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for key in store.keys_after(None, call.query.text("prefix") or ""):
            file.writestr(zipfile.ZipInfo(key), store.records[key].value, zipfile.ZIP_DEFLATED)
    return Response(packed.getvalue(), media_type="application/zip")


def _refuse_collection(call: Call) -> None:
    """Refuse to look for a collection: no store here has a schema that has any."""
    if call.query.text("collection"):
        raise ApiError(400, "invalid-collection", 'Parameter "collection" needs a key-value store with a schema')


def _url(call: Call, store: KeyValueStore, key: str) -> str:
    """Return the URL of a record, signed for who may write to the store: others could pass on what they may lose."""
    url = f"{call.base_url}/v2/key-value-stores/{store.id}/records/{quote(key)}"
    return f"{url}?signature={signature_of(store.signing_key, key)}" if call.access.has_storage(store) else url
