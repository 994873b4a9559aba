"""Pictures on their way out of the gallery: as files for everybody, and as outputs of our own for us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QMimeData, QUrl

from qie_desktop.ui.gallery.cells import NO_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.gallery.cells import Cell

OUTPUT_MIME = "application/x-qie-output"
"""A JSON list of pairs, UTF-8: a job's id and the place of the picture among its outputs."""


def output_mime_data(store: JobStore, cells: Iterable[Cell]) -> QMimeData:
    """Return these pictures as `text/uri-list` and as `OUTPUT_MIME`, in this order."""
    mime = QMimeData()
    urls: list[QUrl] = []
    keys: list[tuple[str, int]] = []
    for cell in cells:
        if cell.output is not None:
            urls.append(QUrl.fromLocalFile(str(cell.job.picture_path(store, cell.index))))
            keys.append(cell.key)
    mime.setUrls(urls)
    mime.setData(OUTPUT_MIME, json.dumps(keys).encode())
    return mime


def dragged_outputs(mime: QMimeData) -> list[tuple[str, int]]:
    """Return the outputs of our own that are being dragged: job id and index; none for anything else.

    The data may come from another program: what makes no sense in it is left out.
    """
    if not mime.hasFormat(OUTPUT_MIME):
        return []
    try:
        found: object = json.loads(bytes(mime.data(OUTPUT_MIME).data()))
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, list):
        return []
    outputs: list[tuple[str, int]] = []
    for item in cast("list[object]", found):
        match item:
            case [str(job_id), int(index)] if index > NO_OUTPUT:
                outputs.append((job_id, index))
            case _:
                pass
    return outputs
