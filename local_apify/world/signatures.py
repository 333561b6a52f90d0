"""Signed URLs: who has one may read without a token. As the official client makes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import string
import time

_DIGITS = string.digits + string.ascii_letters
_HEX_DIGITS = 30


def signature_of(secret: str, message: str) -> str:
    """Sign a message: the first 30 hexadecimal digits of its HMAC-SHA-256, as a number to the base of 62."""
    number = int(hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS], 16)
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits or _DIGITS[0]


def content_signature(secret: str, storage_id: str, *, expires_at: int = 0) -> str:
    """Sign the whole content of a storage.

    :param expires_at: Unix time in milliseconds; 0 for never.
    """
    signature = signature_of(secret, f"0.{expires_at}.{storage_id}")
    return base64.urlsafe_b64encode(f"0.{expires_at}.{signature}".encode()).decode().rstrip("=")


def opens_record(signature: str, secret: str, key: str) -> bool:
    """Tell whether a signature opens a record."""
    return hmac.compare_digest(signature.encode(), signature_of(secret, key).encode())


def opens_content(signature: str, secret: str, storage_id: str) -> bool:
    """Tell whether a signature opens the whole content of a storage, and still does.

    Clients in Python fill it up with equals signs, those in JavaScript do not.
    """
    bare = signature.rstrip("=")
    try:
        _, expiry, _ = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode().split(".")
        expires_at = int(expiry)
    except (ValueError, binascii.Error):
        return False
    good = content_signature(secret, storage_id, expires_at=expires_at)
    return hmac.compare_digest(bare.encode(), good.encode()) and not 0 < expires_at < time.time() * 1000
