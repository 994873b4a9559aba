"""The table of docs/models.md is what the memory plan says today."""

from tools.memory_table import BEGIN, DOCUMENT, END, table


def test_the_document_shows_what_is_planned():
    shown = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert shown == table(), "python -m tools.memory_table --write"
