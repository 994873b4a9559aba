"""Running layers tile by tile where their activations would take too much memory, with the very same result.

Each tile is computed from as much around it as its layers look at, and what lies near a cut is cropped after
every layer: so no seam can be seen, nothing has to be blended, and the rim shrinks while the tile goes
through the layers. Layers that look at everything (attention) run on the whole.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

from torch import nn

from qie_desktop.engines.local.inference.vae_layers import Layer, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

_SMALLEST_TILE = 8
"""In pixels of a tile's output: smaller ones are almost nothing but rim."""


class Chain(nn.Module):
    """Layers one after another, each with the name that its weights have in the checkpoint."""

    def __init__(self, named_layers: Iterable[tuple[str, Layer]]) -> None:
        super().__init__()
        self.names, layers = zip(*named_layers, strict=True)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, tile_bytes: int | None = None) -> Tensor:
        """Return what all layers make of `x` `(1, C, H, W)`.

        With `tile_bytes`, those whose activations would take more memory run on as many tiles as keep them
        within it. Attention runs on the whole, and tiles are not cut smaller than what that takes. Not
        counted are `x`, the result and what the library takes within one operation. The result differs by
        rounding alone.
        """
        layers = [cast("Layer", layer) for layer in self.layers]
        if tile_bytes is None:
            return _run(layers, x)
        # Half for a tile, half for what tiles are cut out of or are put together to.
        most = max(tile_bytes // 2 // x.element_size(), _most_at_once(layers, x))
        for together in _apart(layers):
            first, last = _too_large(together, x, most)
            x = _run(together[:first], x)
            x = _run_tiled(together[first:last], x, most)
            x = _run(together[last:], x)
        return x

    def numbers(self, x: Tensor) -> int:
        """Return how many numbers a layer holds at the most when all run on the whole of `x`."""
        return max(_needs([cast("Layer", layer) for layer in self.layers], x))


def _run(layers: list[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _apart(layers: list[Layer]) -> Iterator[list[Layer]]:
    """Yield runs of layers that can be tiled together; a layer that looks at everything stands alone."""
    run: list[Layer] = []
    for layer in layers:
        if layer.halo is None:
            yield from (run, [layer])
            run = []
        else:
            run.append(layer)
    yield run


def _needs(layers: list[Layer], x: Tensor) -> list[int]:
    """Return how many numbers each layer takes when they run on `x` as a whole."""
    height, width = x.shape[-2:]
    needs: list[int] = []
    for layer in layers:
        needs.append(layer.numbers(height, width))
        height, width = layer.side(height), layer.side(width)
    return needs


def _most_at_once(layers: list[Layer], x: Tensor) -> int:
    """Return the most numbers that a layer takes which cannot run in tiles."""
    needs = zip(layers, _needs(layers, x), strict=True)
    return max((need for layer, need in needs if layer.halo is None), default=0)


def _too_large(layers: list[Layer], x: Tensor, most: int) -> tuple[int, int]:
    """Return from which to before which layer there is one that needs more than `most` numbers."""
    needs = zip(layers, _needs(layers, x), strict=True)
    large = [index for index, (layer, need) in enumerate(needs) if layer.halo is not None and need > most]
    return (large[0], large[-1] + 1) if large else (len(layers), len(layers))


def _run_tiled(layers: list[Layer], x: Tensor, most: int) -> Tensor:
    if not layers:
        return x
    rows, columns = _grid(layers, x, most)
    result: Tensor | None = None
    for down in rows:
        for across in columns:
            tile = _run_tile(layers, x[:, :, slice(*down[0]), slice(*across[0])], down, across)
            if result is None:
                result = tile.new_empty((1, tile.shape[1], rows[-1][-1].stop, columns[-1][-1].stop))
            result[:, :, slice(*down[-1]), slice(*across[-1])] = tile
    assert result is not None
    return result


def _run_tile(layers: list[Layer], tile: Tensor, down: list[Span], across: list[Span]) -> Tensor:
    """Run layers on a tile, cropping after each what was computed without all that is around it."""
    for layer, rows, columns in zip(layers, pairwise(down), pairwise(across), strict=True):
        tile = layer(tile)[:, :, _right(layer, *rows), _right(layer, *columns)]
    return tile


def _right(layer: Layer, given: Span, kept: Span) -> slice:
    """Return where in the output, computed from the rows `given` alone, the rows `kept` are."""
    first = layer.origin(given.start)
    return slice(kept.start - first, kept.stop - first)


def _grid(layers: list[Layer], x: Tensor, most: int) -> tuple[list[list[Span]], list[list[Span]]]:
    """Return the rows and the columns of the fewest tiles that need no more than `most` numbers each.

    Each is told as its spans: of the input of the first layer, of the next, …, of the output of the last.
    """
    height, width = x.shape[-2:]
    down = across = 1
    while True:
        rows, columns = _cut(layers, height, down), _cut(layers, width, across)
        tall, wide = _longest(rows), _longest(columns)
        need = max(layer.numbers(*sides) for layer, *sides in zip(layers, tall, wide, strict=False))
        can_shrink = max(tall[-1], wide[-1]) > _SMALLEST_TILE
        if need <= most or not can_shrink:
            return rows, columns
        if tall[-1] >= wide[-1]:
            down += 1
        else:
            across += 1


def _cut(layers: list[Layer], side: int, count: int) -> list[list[Span]]:
    """Cut a side of the last layer's output into `count` about equal spans, and trace each back."""
    sides = [side]
    for layer in layers:
        sides.append(layer.side(sides[-1]))
    edges = [sides[-1] * index // count for index in range(count + 1)]
    traces: list[list[Span]] = []
    for start, stop in pairwise(edges):
        trace = [Span(start, stop)]
        for layer, length in zip(reversed(layers), reversed(sides[:-1]), strict=True):
            trace.insert(0, layer.source(trace[0]).within(length))
        traces.append(trace)
    return traces


def _longest(traces: list[list[Span]]) -> list[int]:
    """Return how long the longest span of each layer is."""
    return [max(span.stop - span.start for span in spans) for spans in zip(*traces, strict=True)]
