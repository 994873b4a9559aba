"""Qwen Image Editor: edit and generate pictures on this machine or in the cloud."""

__version__ = "0.1.0"
