"""App Nap: macOS slows down apps that are not seen, and must not while a picture is being made.

Asked of `NSProcessInfo` through the Objective-C runtime with ctypes: the one thing that Qt has no word for.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

OBJC = "/usr/lib/libobjc.A.dylib"
USER_INITIATED_ALLOWING_IDLE_SYSTEM_SLEEP = 0x00EFFFFF
"""NSActivityOptions of Foundation's NSProcessInfo.h: no App Nap; sleep is `caffeinate`'s matter."""


class AppNap:
    """Keeps this process from App Nap between `prevent` and `allow`. Neither raises nor waits.

    `library` is the Objective-C runtime unless another is given; without one, nothing is done.
    """

    def __init__(self, library: str = "") -> None:
        self._path = library or (OBJC if sys.platform == "darwin" else "")
        self._runtime: _Runtime | None = None
        self._activity: int | None = None

    @property
    def is_prevented(self) -> bool:
        """Whether App Nap is held off now."""
        return self._activity is not None

    def prevent(self, reason: str) -> None:
        """Hold App Nap off. `reason` is shown by the system's own tools."""
        if self._activity is not None or not self._path:
            return
        try:
            self._runtime = self._runtime or _Runtime(self._path)
            self._activity = self._runtime.begin_activity(reason)
        except (OSError, AttributeError, ValueError) as error:
            # Not to be tried again: jobs run all the same, if more slowly behind other windows.
            self._path = ""
            _log.warning("App Nap is not held off: %s", error)

    def allow(self) -> None:
        """Let the system decide again."""
        if self._activity is not None and self._runtime is not None:
            self._runtime.end_activity(self._activity)
            self._activity = None


class _Runtime:
    """The few messages that are sent. Raises OSError or AttributeError where the library is another one."""

    def __init__(self, path: str) -> None:
        self._objc = ctypes.CDLL(path)
        for function in (self._objc.objc_getClass, self._objc.sel_registerName):
            function.restype = ctypes.c_void_p
            function.argtypes = [ctypes.c_char_p]
        pointer = ctypes.c_void_p
        # On arm64 each call must have the types of the method that it reaches.
        self._get = self._message(pointer)
        self._from_text = self._message(pointer, ctypes.c_char_p)
        self._begin = self._message(pointer, ctypes.c_uint64, pointer)
        self._end = self._message(None, pointer)
        self._let_go = self._message(None)

    def begin_activity(self, reason: str) -> int:
        """Begin an activity and keep it. Raises ValueError where there is none to be had."""
        text = self._from_text(
            self._class("NSString"), self._selector("stringWithUTF8String:"), reason.encode()
        )
        selector = self._selector("beginActivityWithOptions:reason:")
        options = USER_INITIATED_ALLOWING_IDLE_SYSTEM_SLEEP
        activity = self._begin(self._process_info(), selector, options, text)
        if not activity:
            raise ValueError("NSProcessInfo gave no activity")
        return int(self._get(activity, self._selector("retain")))

    def end_activity(self, activity: int) -> None:
        """End it and let it go."""
        self._end(self._process_info(), self._selector("endActivity:"), activity)
        self._let_go(activity, self._selector("release"))

    def _process_info(self) -> int:
        return int(self._get(self._class("NSProcessInfo"), self._selector("processInfo")) or 0)

    def _class(self, name: str) -> int:
        found = self._objc.objc_getClass(name.encode())
        if not found:
            raise ValueError(f"there is no class {name}")
        return int(found)

    def _selector(self, name: str) -> int:
        return int(self._objc.sel_registerName(name.encode()))

    def _message(self, result: type[ctypes.c_void_p] | None, *arguments: type) -> Callable[..., Any]:
        prototype = ctypes.CFUNCTYPE(result, ctypes.c_void_p, ctypes.c_void_p, *arguments)
        return prototype(("objc_msgSend", self._objc))
