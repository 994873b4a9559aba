"""The error of looking for updates: a branch of the tree in `qie_desktop.core.errors`."""

from __future__ import annotations

from qie_desktop.core.errors import QieError


class UpdateCheckFailed(QieError):
    """It could not be found out whether there is a newer version."""

    code = "update_check_failed"
