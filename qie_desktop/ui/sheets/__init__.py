"""Dialogs and sheets: settings, models, diagnostics, first run, information."""
