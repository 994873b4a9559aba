"""A screen of its own with a window manager, a keyboard and a mouse, and the program on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageGrab

TOOLS = ("Xvfb", "openbox", "xdotool")
MISSING = "" if sys.platform == "darwin" else ", ".join(tool for tool in TOOLS if not shutil.which(tool))
SIZE = "1400x900x24"
KEY_DELAY_MS = 15
MOUSE_STEPS = 12
POLL_S = 0.2
MOUSE_STEP_S = 0.04
_VIVID = 90
"""Of 255: so far at least are the largest and the least part of a strong colour from each other."""


class Screen:
    """An X display in memory. What cannot be seen in time is an error, with a photograph beside it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        hidden = ("QT_", "DBUS_", "WAYLAND_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        self.environ = inherited | {
            "DISPLAY": name,
            "QT_QPA_PLATFORM": "xcb",
            # No desktop of whoever runs the tests: no notices on it, no keyring, no settings of theirs.
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'no-bus'}",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "QIE_HOME": str(folder / "home"),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._mouse = (0, 0)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program on this screen."""
        with (self.folder / "programs.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._started.append(process)
        return process

    def start_editor(self, *files: Path) -> subprocess.Popen[bytes]:
        """Start the program itself."""
        return self.start(sys.executable, "-m", "qie_desktop", *map(str, files))

    def press(self, keys: str) -> None:
        """Press keys together, as `ctrl+q`."""
        self._ask("key", "--delay", str(KEY_DELAY_MS), keys)

    def type(self, text: str) -> None:
        """Type a text of plain ASCII, key by key."""
        self._ask("type", "--delay", str(KEY_DELAY_MS), text)

    def press_mouse(self, point: tuple[int, int]) -> None:
        """Press the mouse at a point of the screen, and hold it."""
        self._ask("mousemove", *map(str, point))
        self._ask("mousedown", "1")
        self._mouse = point

    def move_mouse(self, point: tuple[int, int]) -> None:
        """Move the mouse to a point, as a hand would: over everything on the way."""
        start = self._mouse
        for step in range(1, MOUSE_STEPS + 1):
            place = (a + (b - a) * step // MOUSE_STEPS for a, b in zip(start, point, strict=True))
            self._ask("mousemove", *map(str, place))
            time.sleep(MOUSE_STEP_S)
        self._mouse = point

    def release_mouse(self) -> None:
        """Let go of the mouse."""
        self._ask("mouseup", "1")

    def close_active_window(self) -> None:
        """Close the window in front as the window manager does."""
        self._ask("key", "alt+F4")

    def active_title(self) -> str:
        """Return the title of the window that has the keyboard."""
        return self._ask("getactivewindow", "getwindowname", may_fail=True).strip()

    def said(self) -> str:
        """Return what the programs have printed, and the editor's own log."""
        logs = (self.folder / "programs.log", *(self.folder / "home" / "logs").glob("*"))
        return "\n".join(log.read_text() for log in logs)

    def grab(self) -> Image.Image:
        """Return a photograph of the whole screen."""
        return ImageGrab.grab(xdisplay=self.name)

    def vivid_pixels(self) -> int:
        """Return about how many pixels have a strong colour: a photograph has, the window has hardly any."""
        # One of four is looked at: the processor belongs to the program.
        pixels = np.asarray(self.grab().convert("RGB"))[::2, ::2]
        return 4 * int(np.count_nonzero(np.ptp(pixels, axis=-1) > _VIVID))

    def wait_until(self, seen: Callable[[], object], what: str, timeout_s: float) -> None:
        """Wait for something to be seen."""
        deadline = time.monotonic() + timeout_s
        while not seen():
            if time.monotonic() > deadline:
                photograph = self.folder / "failed.png"
                self.grab().save(photograph)
                raise AssertionError(f"Not within {timeout_s:g} s: {what}. See {photograph}")
            time.sleep(POLL_S)

    def end_all(self) -> None:
        """End every program that was started here."""
        for process in reversed(self._started):
            process.kill()
            process.wait()

    def _ask(self, *words: str, may_fail: bool = False) -> str:
        done = subprocess.run(
            ["xdotool", *words],
            check=not may_fail, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, timeout=20,
        )  # fmt: skip
        return done.stdout


@contextmanager
def real_screen(folder: Path) -> Iterator[Screen]:
    """Give a screen with a window manager, and take everything down in the end."""
    readable, writable = os.pipe()
    # It finds a free number itself, and tells it once it is ready.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writable), "-screen", "0", SIZE, "-nolisten", "tcp"],
        pass_fds=[writable], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        os.close(writable)
        with os.fdopen(readable) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        screen = Screen(f":{number}", folder)
        try:
            screen.start("openbox", "--sm-disable")
            yield screen
        finally:
            screen.end_all()
    finally:
        server.terminate()
        server.wait()
