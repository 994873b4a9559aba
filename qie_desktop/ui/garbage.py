"""Python's garbage collector, kept out of the way while the window comes to be.

The modules, widgets and tables that a start makes live as long as the program: to collect garbage among them
again and again finds none, and takes 50 ms of the 700 until the first picture of the window (measured).
"""

from __future__ import annotations

import gc


def hold_collections() -> None:
    """Collect no garbage until `resume_collections`. Called before anything else is imported."""
    gc.disable()


def resume_collections() -> None:
    """Collect garbage from now on, and never look through what stands already."""
    gc.freeze()
    gc.enable()
