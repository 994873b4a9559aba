"""A small computation on the device that would be used, held against the CPU's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What was tested: the device and type that jobs run on, and each part's relative error.

    `error` is the largest difference from the same computation in float32 on the CPU, as a fraction of its
    largest value; it may reach `allowed` for that type.
    """

    device: str
    dtype: str
    torch_version: str
    matmul_error: float
    attention_error: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the device computes as it should."""
        return max(self.matmul_error, self.attention_error) <= self.allowed


def run_self_test(preference: str = "auto") -> SelfTest:
    """Multiply and attend on the device that `preference` chooses, and compare. Imports torch: seconds.

    Raises SettingsError for a device that this machine does not have, EngineError when it cannot compute.
    """
    import torch  # noqa: PLC0415 - only when asked
    from torch.nn import functional  # noqa: PLC0415

    from qie_desktop.engines.local.inference.device import choose_device  # noqa: PLC0415
    from qie_desktop.engines.local.inference.failures import computing  # noqa: PLC0415

    chosen = choose_device(preference)
    generator = torch.Generator("cpu").manual_seed(0)
    # The shapes of one head of the real model: 128 wide, a few hundred tokens.
    query, key, value = (torch.randn(1, 4, 320, 128, generator=generator) for _ in range(3))
    left, right = torch.randn(256, 512, generator=generator), torch.randn(512, 256, generator=generator)

    def on_device(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(chosen.device, chosen.dtype)

    with computing("testing the device"), torch.inference_mode():
        product = on_device(left) @ on_device(right)
        attended = functional.scaled_dot_product_attention(on_device(query), on_device(key), on_device(value))
        return SelfTest(
            device=chosen.name,
            dtype=str(chosen.dtype).removeprefix("torch."),
            torch_version=torch.__version__,
            matmul_error=_relative_error(product, left @ right),
            attention_error=_relative_error(
                attended, functional.scaled_dot_product_attention(query, key, value)
            ),
            allowed=1e-5 if chosen.dtype == torch.float32 else 2e-2,
        )


def _relative_error(found: object, expected: object) -> float:
    import torch  # noqa: PLC0415

    if not isinstance(found, torch.Tensor) or not isinstance(expected, torch.Tensor):
        raise TypeError("tensors are compared")
    found = found.float().cpu()
    if not torch.isfinite(found).all():
        return float("inf")
    return float((found - expected).abs().max() / expected.abs().max())
