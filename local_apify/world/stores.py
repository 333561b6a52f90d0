"""Key-value stores."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

from local_apify.world.clock import now
from local_apify.world.codings import IDENTITY, unpacked
from local_apify.world.datasets import utf8
from local_apify.world.errors import ApiError
from local_apify.world.storage import Origin, Storage

_KEY = re.compile(r"[a-zA-Z0-9!\-_.'()]{1,256}")


@dataclass(frozen=True)
class Record:
    """A value of a key-value store.

    :param stored: its bytes as they were sent, packed or not.
    :param coding: how they are packed.
    """

    stored: bytes
    content_type: str
    coding: str = IDENTITY

    @property
    def value(self) -> bytes:
        """Its bytes as they were before somebody packed them."""
        return self.stored if self.coding == IDENTITY else unpacked(self.stored, self.coding)

    @cached_property
    def length(self) -> int:
        """How many bytes it has, unpacked once only."""
        return len(self.value)

    @cached_property
    def sha256(self) -> str:
        """The hash of its bytes, made once only."""
        return hashlib.sha256(self.value).hexdigest()


class KeyValueStore(Storage):
    """A key-value store, named or not."""

    kind = "Key-value store"

    def __init__(self, **origin: Unpack[Origin]) -> None:
        super().__init__(**origin)
        self.signing_key = secrets.token_hex(8)
        self.records: dict[str, Record] = {}

    def put(self, key: str, record: Record) -> None:
        """Store a record.

        :raises ApiError: the key has characters that keys may not have.
        """
        if not _KEY.fullmatch(key):
            message = "Record key may have 1 to 256 characters, of a-z, A-Z, 0-9 and !-_.'()"
            raise ApiError(400, "invalid-record-key", message)
        self.records[key] = record
        self.counts["write"] += 1
        self.modified_at = now()

    def put_value(self, key: str, value: Any, content_type: str | None = None) -> None:
        """Store bytes and text as they are, anything else as JSON."""
        if isinstance(value, bytes):
            self.put(key, Record(value, content_type or "application/octet-stream"))
        elif isinstance(value, str) and content_type:
            self.put(key, Record(utf8(value), content_type))
        else:
            encoded = json.dumps(value, ensure_ascii=False, indent=2).encode(errors="backslashreplace")
            self.put(key, Record(encoded, content_type or "application/json; charset=utf-8"))

    def keys_after(self, start: str | None, prefix: str) -> list[str]:
        """Return the keys that come after one, in the order of the alphabet."""
        return sorted(key for key in self.records if key.startswith(prefix) and (start is None or key > start))
