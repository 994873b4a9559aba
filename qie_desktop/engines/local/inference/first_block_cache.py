"""First-block caching: a step whose first block changes little takes the rest of the blocks from one before.

Source: `FirstBlockCacheConfig` of diffusers (after chengzeyi/ParaAttention), with the same arithmetic: what
the first block adds to the picture's tokens is compared with what it added in the last step that was computed
whole. Both passes of guidance are decided on together, since they share the blocks: where diffusers, which
decides on each by itself, would compute one of them, ours computes both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class FirstBlockCache:
    """The state of one run; as much memory as three times the picture's tokens of all passes, at most.

    A relative change below `threshold` is little: 0.05 is careful, 0.2 bold, 0 never reuses anything. The
    result differs from the exact one.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._added: Tensor | None = None
        self._first: Tensor | None = None
        self._rest: Tensor | None = None
        self.reused = 0
        """How many steps took the rest of the blocks from one before."""

    def after_first(self, before: Tensor, after: Tensor, passes: int) -> Tensor | None:
        """Return what the last block would give, or None where the rest of the blocks must be computed.

        `before` and `after` are the picture's tokens of all passes, `(passes · tokens, width)`, before the
        first block and after it.
        """
        added = after - before
        # A change that is no number is not below anything: it is computed, and found.
        if self._rest is not None and self._change(added, passes) < self._threshold:
            self.reused += 1
            return after + self._rest
        self._added, self._first, self._rest = added, after, None
        return None

    def after_last(self, image: Tensor) -> None:
        """Keep what the blocks after the first have added, for the steps to come."""
        assert self._first is not None
        self._rest, self._first = image - self._first, None

    def _change(self, added: Tensor, passes: int) -> float:
        """Return the mean change as a part of the mean, of the pass that changes most."""
        assert self._added is not None
        changed = (added - self._added).abs_().reshape(passes, -1).mean(dim=1)
        mean = self._added.abs().reshape(passes, -1).mean(dim=1)
        return float((changed / mean).max())
