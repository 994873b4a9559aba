"""One window for each data folder: a second start hands its files over, and the first comes to the front."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from qie_desktop.core.errors import StorageError
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)

_LOCK_NAME = ".window.lock"
_MAX_MESSAGE_BYTES = 1_000_000
_ACKNOWLEDGED = b"ok\n"
_TIMEOUT_MS = 2_000
_RETRY_S = 0.05
_PATIENCE_S = 5.0


class SingleInstance(QObject):
    """The claim to be the window of a data folder, and the door at which later starts knock. GUI thread."""

    files_received = Signal(list)
    """list[Path]: a second start handed these over (none, where it had none); come to the front."""

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home = home
        digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()
        # Short: on a Mac the path of a socket may have 104 bytes.
        self.name = f"qie-{digest[:16]}"
        self._lock: int | None = None
        self._server: QLocalServer | None = None
        self._messages: dict[QLocalSocket, bytes] = {}

    @property
    def is_listening(self) -> bool:
        """Whether the door is open."""
        return self._server is not None

    def claim(self) -> bool:
        """Become the window of the folder; return False where a living process is that already.

        The claim ends with the process, however that ends. Raises StorageError where nothing can be written.
        """
        with atomic.mapped_errors(self._home, "write"):
            self._home.mkdir(parents=True, exist_ok=True)
            self._lock = atomic.try_lock_file(self._home / _LOCK_NAME)
        return self._lock is not None

    def listen(self) -> None:
        """Open the door. Only whoever has the claim may."""
        # What a process that was killed has left behind.
        QLocalServer.removeServer(self.name)
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_new_connection)
        if server.listen(self.name):
            self._server = server
        else:
            _log.warning("A second start cannot be heard: %s", server.errorString())

    def hand_over(self, files: Sequence[Path]) -> bool:
        """Give the files to the window that has the claim, and return whether it took them."""
        message = json.dumps([str(path.absolute()) for path in files]).encode() + b"\n"
        # It may have the claim and not have opened its door yet.
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            socket = QLocalSocket()
            socket.connectToServer(self.name)
            if socket.waitForConnected(_TIMEOUT_MS):
                socket.write(message)
                socket.flush()
                taken = socket.waitForReadyRead(_TIMEOUT_MS)
                socket.disconnectFromServer()
                return taken
            time.sleep(_RETRY_S)
        return False

    def close(self) -> None:
        """Close the door and give up the claim."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @Slot()
    def _on_new_connection(self) -> None:
        while self._server is not None and self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            self._messages[socket] = b""
            socket.readyRead.connect(self._on_ready_read)
            socket.disconnected.connect(self._on_disconnected)

    @Slot()
    def _on_ready_read(self) -> None:
        socket = self.sender()
        if not isinstance(socket, QLocalSocket) or socket not in self._messages:
            return
        self._messages[socket] += bytes(socket.readAll().data())
        message = self._messages[socket]
        if message.endswith(b"\n"):
            self._messages[socket] = b""
            socket.write(_ACKNOWLEDGED)
            socket.flush()
            self.files_received.emit(_paths(message))
        elif len(message) > _MAX_MESSAGE_BYTES:
            socket.abort()

    @Slot()
    def _on_disconnected(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._messages.pop(socket, None)
            socket.deleteLater()


def _paths(message: bytes) -> list[Path]:
    try:
        data: object = json.loads(message)
    except ValueError:
        return []
    items = cast("list[object]", data) if isinstance(data, list) else []
    return [Path(item) for item in items if isinstance(item, str)]


def claimed(home: Path, files: Sequence[Path]) -> SingleInstance | None:
    """Return the claim to the folder, or None when its window has taken the files.

    A folder that cannot be written to, and a window that does not answer, stop nobody: another one opens.
    """
    instance = SingleInstance(home)
    try:
        if not instance.claim() and instance.hand_over(files):
            return None
    except StorageError as error:
        _log.warning("%s", error)
    return instance
