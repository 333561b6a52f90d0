"""Objects of S3, and of what speaks its language, through s3fs."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from datetime import datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._files.sinks import drafts
from airflow_provider_apify._files.sinks.uploads import Block, ChunkUploads

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

_RECEIPT = ("ETag", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")
_PAGES_OF_PARTS = 10  # S3 lists 1,000 parts at a time, and there are at most 10,000


class S3Sink:
    """Upload in chunks, which S3 calls parts, and complete the upload; what is smaller than one is put at once.

    An upload of the same key that got no part for five minutes was left by a writer that died, and is given up. What is
    left by one that nobody repeats is up to the bucket: to a lifecycle rule with ``AbortIncompleteMultipartUpload``.

    Bodies are bytes, no files: where S3 throttles, s3fs repeats the call, and would send what is left of a file.

    :raises OSError: there is no such bucket, or the connection may not look at it.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._fs: Any = path.fs
        bucket, key, _ = self._fs.split_path(path.path)
        self._object = {"Bucket": bucket, "Key": key}
        self._upload: dict[str, Any] = {}
        self._chunks = ChunkUploads(self._fs.loop, self._upload_part)
        self._give_up_abandoned()

    def write(self, block: Block, /) -> None:
        """Append bytes."""
        self._chunks.write(block)

    def commit(self) -> None:
        """Let the object appear in place of the old one."""
        if self._chunks.has_sent:
            sent = [
                {"PartNumber": number, **_receipt(answer)} for number, answer in enumerate(self._chunks.finish(), 1)
            ]
            self._fs.call_s3("complete_multipart_upload", MultipartUpload={"Parts": sent}, **self._upload)
        else:
            self._fs.call_s3("put_object", Body=self._chunks.take().getvalue(), **self._object)

    def discard(self) -> None:
        """Give the upload up; S3 forgets its parts."""
        self._chunks.settle()
        if self._upload:
            self._fs.call_s3("abort_multipart_upload", **self._upload)

    def _upload_part(self, number: int, chunk: BytesIO) -> Coroutine[None, None, dict[str, Any]]:
        if not self._upload:
            begun = self._fs.call_s3("create_multipart_upload", **self._object)
            self._upload = self._object | {"UploadId": begun["UploadId"]}
        # The coroutines of fsspec's drivers, which is what we are after, all begin with an underscore.
        call = self._fs._call_s3  # noqa: SLF001
        return call("upload_part", PartNumber=number, Body=chunk.getvalue(), **self._upload)  # type: ignore[no-any-return]

    def _give_up_abandoned(self) -> None:
        try:
            listed = self._fs.call_s3(
                "list_multipart_uploads", Bucket=self._object["Bucket"], Prefix=self._object["Key"]
            )
        except FileNotFoundError:
            raise  # there is no such bucket
        except OSError as error:
            log.info("Cannot look for uploads that earlier attempts have left: %s", error)
            return
        now = parsedate_to_datetime(listed["ResponseMetadata"]["HTTPHeaders"]["date"])
        for upload in listed.get("Uploads", ()):
            if upload["Key"] == self._object["Key"]:
                self._give_up_if_abandoned(upload, now)

    def _give_up_if_abandoned(self, upload: dict[str, Any], now: datetime) -> None:
        try:
            if now - self._last_change(upload) >= drafts.ABANDONED_AFTER:
                self._fs.call_s3("abort_multipart_upload", UploadId=upload["UploadId"], **self._object)
                log.info("Gave up an upload of %s that an earlier attempt has left", upload["Key"])
        except OSError as error:  # it may have ended meanwhile
            log.info("Cannot give up an upload that an earlier attempt may have left: %s", error)

    def _last_change(self, upload: dict[str, Any]) -> datetime:
        """Return when an upload got its latest part, or was begun."""
        times: list[datetime] = [upload["Initiated"]]
        marker = 0
        for _ in range(_PAGES_OF_PARTS):
            page = self._fs.call_s3("list_parts", UploadId=upload["UploadId"], PartNumberMarker=marker, **self._object)
            times += [part["LastModified"] for part in page.get("Parts", ())]
            if not page.get("IsTruncated"):
                break
            marker = page["NextPartNumberMarker"]
        return max(times)


def _receipt(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what completing the upload takes of the answer to a part."""
    return {name: answer[name] for name in _RECEIPT if name in answer}
