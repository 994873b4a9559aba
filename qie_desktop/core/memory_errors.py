"""The error of a run that is not begun for want of memory; see `qie_desktop.core.errors` for all."""

from __future__ import annotations

from qie_desktop.core.errors import NotReady


class DoesNotFit(NotReady):
    """A local run would need more memory than there is; nothing has been loaded.

    The hint names what would fit. `OutOfMemory` is what happened where a run was begun.
    """

    code = "does_not_fit"
