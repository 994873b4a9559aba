"""App Nap, against a library in C that has three functions of the Objective-C runtime and notes messages."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qie_desktop.ui.macos.app_nap import AppNap

SOURCE = r"""
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char noted[4096];
static int activity = 7;

const char *notes(void) { return noted; }
void *objc_getClass(const char *name) { return strcmp(name, "NSNothing") ? (void *)strdup(name) : 0; }
void *sel_registerName(const char *name) { return (void *)strdup(name); }

static void note(const char *receiver, const char *selector, const char *more) {
    snprintf(noted + strlen(noted), sizeof noted - strlen(noted), "%s %s%s\n", receiver, selector, more);
}

/* A method with its own types is reached through one function, as on a Mac: here the selector tells which. */
void *objc_msgSend(void *receiver, const char *selector, uint64_t first, const char *second) {
    char more[200] = "";
    const char *name = receiver == &activity ? "activity" : (const char *)receiver;
    if (!strcmp(selector, "stringWithUTF8String:")) return (void *)strdup((char *)first);
    if (!strcmp(selector, "beginActivityWithOptions:reason:"))
        snprintf(more, sizeof more, " %llx %s", (unsigned long long)first, second);
    if (!strcmp(selector, "endActivity:"))
        snprintf(more, sizeof more, " %s", (void *)first == &activity ? "activity" : "another");
    note(name, selector, more);
    if (!strcmp(selector, "beginActivityWithOptions:reason:")) return %s;
    return !strcmp(selector, "processInfo") ? "info" : receiver;
}
"""

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")


@pytest.fixture
def library(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that builds the library; its activity is the C expression that is given."""

    def build(activity: str) -> Path:
        source, library = tmp_path / "objc.c", tmp_path / "libobjc.so"
        source.write_text(SOURCE.replace("return %s", f"return {activity}"))
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", library, source], check=True, timeout=60)
        return library

    return build


def notes(library: Path) -> list[str]:
    told = ctypes.CDLL(str(library)).notes
    told.restype = ctypes.c_char_p
    return told().decode().splitlines()


def test_activity_is_begun_kept_ended_and_let_go(library: Callable[[str], Path]) -> None:
    path = library("&activity")
    nap = AppNap(str(path))
    nap.prevent("A picture is being made")
    nap.prevent("A second one too")
    assert nap.is_prevented
    nap.allow()
    nap.allow()
    assert not nap.is_prevented
    assert notes(path) == [
        "NSProcessInfo processInfo",
        "info beginActivityWithOptions:reason: efffff A picture is being made",
        "activity retain",
        "NSProcessInfo processInfo",
        "info endActivity: activity",
        "activity release",
    ]


def test_no_activity_is_told_in_the_log_and_not_asked_for_again(
    library: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = library("0")
    nap = AppNap(str(path))
    nap.prevent("first")
    nap.prevent("second")
    nap.allow()
    assert not nap.is_prevented
    assert len(notes(path)) == 2
    assert len(caplog.records) == 1


def test_library_without_a_runtime_does_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    empty, library = tmp_path / "empty.c", tmp_path / "libempty.so"
    empty.write_text("int nothing;\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, empty], check=True, timeout=60)
    for path in (str(library), str(tmp_path / "missing.dylib")):
        nap = AppNap(path)
        nap.prevent("job")
        assert not nap.is_prevented
        nap.allow()
    assert len(caplog.records) == 2
