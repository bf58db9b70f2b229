"""Calls of a driver's library, which may wait for ever for a device or a server that is gone."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_time(call: Callable[[], T], seconds: float) -> tuple[bool, T | None]:
    """Whether a call has come to an end within ``seconds``, and what it gave; its errors are raised."""
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    return (True, results[0]) if results else (False, None)
