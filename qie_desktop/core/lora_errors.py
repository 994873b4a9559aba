"""Errors of LoRA files: a branch of the tree in `qie_desktop.core.errors`."""

from __future__ import annotations

from qie_desktop.core.errors import CheckpointError, ModelNotInstalled, NotReady


class LoraError(CheckpointError):
    """A LoRA file is there, but it cannot be used."""

    code = "bad_lora"


class LoraDamaged(LoraError):
    """The file is cut off, or is no safetensors file at all."""

    code = "lora_damaged"


class LoraMismatch(LoraError):
    """The file is no LoRA, or one of another model; the message says what it is."""

    code = "lora_mismatch"


class LoraUnsupported(LoraError):
    """The file adapts the model in another form than a LoRA's, such as DoRA or LoKr."""

    code = "lora_unsupported"


class LoraMissing(NotReady):
    """A LoRA that the request names is not on this machine."""

    code = "lora_missing"


class QualityNotInstalled(ModelNotInstalled):
    """The model is here, but not the LoRA of one of its qualities; `quality` is how that is called."""

    def __init__(self, message: str, hint: str = "", *, quality: str, missing_gb: float = 0.0) -> None:
        super().__init__(message, hint, missing_gb=missing_gb)
        self.quality = quality
