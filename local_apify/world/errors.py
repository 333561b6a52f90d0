"""The errors that the API answers with."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that is an error, in Apify's shape.

    :param status: the HTTP status.
    :param error_type: Apify's word for it, such as ``record-not-found``.
    :param data: details for programs, when the error has any.
    """

    def __init__(self, status: int, error_type: str, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
        self.data = data

    def to_body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        details = {"data": self.data} if self.data is not None else {}
        return {"error": {"type": self.error_type, "message": self.message, **details}}


def not_found(thing: str) -> ApiError:
    """Say that something does not exist."""
    return ApiError(404, "record-not-found", f"{thing} was not found")


def forbidden(thing: str) -> ApiError:
    """Say that something is somebody else's."""
    message = (
        f"Insufficient permissions for the {thing}. Make sure you're passing a correct API token and that it has the "
        "required permissions."
    )
    return ApiError(403, "insufficient-permissions", message)


def invalid(message: str) -> ApiError:
    """Say that a parameter has a wrong value."""
    return ApiError(400, "invalid-parameter", message)
