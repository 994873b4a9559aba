"""The errors of downloads: a part of the tree in `qie_desktop.core.errors`.

Whatever goes wrong, what has come stays on the disk, and the same download goes on from there.
"""

from __future__ import annotations

from qie_desktop.core.errors import ExitCode, QieError


class DownloadError(QieError):
    """A download did not come through."""

    code = "download_failed"


class Offline(DownloadError):
    """There is no way to the hub: no network, or its name is not known."""

    code = "offline"


class CaptivePortal(DownloadError):
    """Something answers in the hub's place: the login page of a network, or a filter."""

    code = "captive_portal"


class ProxyFailed(DownloadError):
    """The proxy that the environment or the system names does not do its part."""

    code = "proxy_failed"


class HubUnavailable(DownloadError):
    """The hub, or the store of its files, answers and does not serve, or breaks off again and again."""

    code = "hub_unavailable"


class HubFileMissing(DownloadError):
    """A repository or a file is not on the hub."""

    code = "hub_file_missing"


class HubGated(DownloadError):
    """A repository is not given to everybody: its terms must be accepted, or a token is needed."""

    code = "hub_gated"


class HubChanged(DownloadError):
    """A repository changed on the hub while it was being downloaded."""

    code = "hub_changed"


class FileDamaged(DownloadError):
    """A file's bytes are not those that the hub says that it has."""

    code = "file_damaged"


class DownloadRunning(DownloadError):
    """One download of a data folder runs at a time."""

    code = "download_running"
    exit_code = ExitCode.INVALID
