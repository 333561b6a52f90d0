"""What may become of the answer to a request that changes something, as the local Apify takes it for a fault."""

from __future__ import annotations

from typing import Any

LOST_ANSWERS: list[dict[str, Any]] = [
    {"action": "cut-before-commit"},
    {"action": "cut-after-commit"},
    {"action": "answer", "status": 503},
    {"action": "answer-after-commit", "status": 500, "error_type": "internal-server-error"},
    {"action": "answer", "status": 429, "error_type": "rate-limit-exceeded"},
    {"action": "garbage"},
]


def fault_name(fault: dict[str, Any]) -> str:
    """Name a fault in the name of a test."""
    return f"{fault['action']}-{fault.get('status', '')}"
