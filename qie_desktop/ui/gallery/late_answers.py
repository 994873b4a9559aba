"""Answers of background work that come when whoever asked may be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import shiboken6

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QObject

T = TypeVar("T")


def if_alive(owner: QObject, callback: Callable[[T], None]) -> Callable[[T], None]:
    """Return the callback, made to do nothing once the object that it belongs to has been deleted.

    For callbacks that carry arguments of their own; a plain bound method needs no such care.
    """

    def deliver(value: T) -> None:
        if shiboken6.isValid(owner):
            callback(value)

    return deliver
