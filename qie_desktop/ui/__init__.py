"""The window. Qt is used here and nowhere else; no module here imports torch, at any time."""
