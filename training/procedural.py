"""Pictures made by arithmetic: gradients, noise, shapes, text, patterns, landscapes, foliage, lights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_WORDS = (
    "the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "OPEN", "SALE", "2024", "hello", "world",
    "coffee", "menu", "exit", "Street", "North", "100%", "photo", "image", "city", "light", "music", "STOP",
    "free", "new", "No.",
)  # fmt: skip


def draw(seed: int, side: int = 512) -> NDArray[np.uint8]:
    """Return a square picture `(side, side, 3)`, always the same for a seed."""
    rng = np.random.default_rng(seed)
    picture = _KINDS[seed % len(_KINDS)](rng, side)
    return np.clip(picture, 0, 255).astype(np.uint8)


def draw_dark(seed: int, side: int) -> NDArray[np.uint8]:
    """Return a square picture `(side, side, 3)` of the dark: of four two are full of small lights."""
    rng = np.random.default_rng(seed)
    picture = (_night, _crowded, _crowded, _ember)[seed % 4](rng, side)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> Array:
    return rng.random(3) ** rng.choice([0.6, 1.0, 1.6]) * 255


def _ink(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in _colour(rng))
    return red, green, blue


def _fractal(rng: np.random.Generator, side: int, slope: float) -> Array:
    """Return noise whose spectrum falls with `slope`, of mean 0 and deviation 1."""
    frequency = np.fft.fftfreq(side)
    radius = np.sqrt(frequency[:, None] ** 2 + frequency[None] ** 2)
    radius[0, 0] = 1
    noise = np.real(np.fft.ifft2(np.fft.fft2(rng.standard_normal((side, side))) / radius**slope))
    return (noise - noise.mean()) / (noise.std() + 1e-9)


def _axes(side: int) -> tuple[Array, Array]:
    down, across = np.mgrid[0:side, 0:side] / side
    return down, across


def _gradient(rng: np.random.Generator, side: int) -> Array:
    down, across = _axes(side)
    total, weights = np.zeros((side, side, 3)), np.zeros((side, side, 1))
    for _ in range(rng.integers(2, 7)):
        x, y = rng.random(2)
        near = np.exp(-((across - x) ** 2 + (down - y) ** 2) / (0.02 + 0.3 * rng.random()))[..., None] + 1e-4
        total, weights = total + near * _colour(rng), weights + near
    return total / weights


def _noise(rng: np.random.Generator, side: int) -> Array:
    slope = rng.uniform(0.7, 2.0)
    planes = np.stack([_fractal(rng, side, slope) for _ in range(3)], -1)
    return 128 + 45 * planes @ (rng.normal(size=(3, 3)) * 0.6 + np.eye(3))


def _shapes(rng: np.random.Generator, side: int) -> Array:
    image = Image.new("RGB", (side * 2, side * 2), _ink(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(4, 41)):
        x, y = rng.random(2) * side * 2
        size = rng.random() ** 2 * side * 0.9 + 8
        ink = _ink(rng)
        match int(rng.integers(5)):
            case 0:
                tall = size * rng.random()
                pen.ellipse((x - size, y - tall, x + size, y + tall), fill=ink)
            case 1:
                pen.rectangle((x - size, y - size * 0.6, x + size, y + size * 0.6), fill=ink)
            case 2:
                corners = np.array([x, y]) + rng.normal(size=(rng.integers(3, 7), 2)) * size
                pen.polygon([(float(a), float(b)) for a, b in corners], fill=ink)
            case 3:
                end = rng.random(2) * side * 2
                pen.line((x, y, end[0], end[1]), fill=ink, width=int(rng.integers(2, 25)))
            case _:
                box = (x - size, y - size, x + size, y + size)
                pen.arc(box, 0, float(rng.integers(60, 361)), fill=ink, width=int(rng.integers(2, 21)))
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), np.float64)


def _text(rng: np.random.Generator, side: int) -> Array:
    image = Image.new("RGB", (side, side), _ink(rng))
    pen, y = ImageDraw.Draw(image), 4
    while y < side - 10:
        size = int(rng.choice([14, 18, 22, 28, 36, 56, 80]))
        line = " ".join(rng.choice(_WORDS, max(1, int(side / size / 2.2))))
        pen.text((int(rng.integers(2, 61)), y), line, fill=_ink(rng), font=ImageFont.load_default(size))
        y += int(size * 1.3)
    return np.asarray(image, np.float64)


def _pattern(rng: np.random.Generator, side: int) -> Array:
    down, across = _axes(side)
    angle, waves = rng.random() * math.pi, 2 * math.pi * (2 + rng.random() ** 2 * 40)
    wave = np.sin(waves * (across * math.cos(angle) + down * math.sin(angle)))
    if rng.random() < 0.5:
        wave = wave * np.sin(waves * (down * math.cos(angle) - across * math.sin(angle)))
    share = 1 / (1 + np.exp(-wave * rng.choice([2, 6, 30])))[..., None]
    return share * _colour(rng) + (1 - share) * _colour(rng) + _fractal(rng, side, 1.5)[..., None] * 12


def _mosaic(rng: np.random.Generator, side: int) -> Array:
    down, across = _axes(side)
    seeds = rng.random((rng.integers(8, 81), 2))
    distances = (across[..., None] - seeds[:, 0]) ** 2 + (down[..., None] - seeds[:, 1]) ** 2
    colours = np.array([_colour(rng) for _ in seeds])
    nearest = np.sqrt(np.partition(distances, 1, -1)[..., :2])
    lead = np.clip((nearest[..., 1] - nearest[..., 0]) * 40, 0, 1)[..., None]
    return colours[distances.argmin(-1)] * (0.6 + 0.4 * lead) + _fractal(rng, side, 1.2)[..., None] * 8


def _landscape(rng: np.random.Generator, side: int) -> Array:
    down, _ = _axes(side)
    picture = _colour(rng) * (1 - down[..., None]) + _colour(rng) * down[..., None]
    for layer in range(rng.integers(2, 7)):
        hills = np.interp(np.arange(side), np.linspace(0, side, 9), rng.normal(size=9))
        height = 0.25 + 0.13 * layer + 0.06 * hills + 0.01 * _fractal(rng, side, 1.3)[0]
        ground = (
            _colour(rng) * (1 - 0.3 * down[..., None])
            + _fractal(rng, side, rng.uniform(0.8, 1.6))[..., None] * 14
        )
        picture = np.where((down > height[None])[..., None], ground, picture)
    return picture


def _spheres(rng: np.random.Generator, side: int) -> Array:
    down, across = _axes(side)
    picture = _colour(rng) + _fractal(rng, side, 1.6)[..., None] * 15
    for _ in range(rng.integers(3, 15)):
        x, y = rng.random(2)
        radius = 0.04 + 0.22 * rng.random()
        far = np.sqrt((across - x) ** 2 + (down - y) ** 2) / radius
        inside = np.clip((1 - far) * radius * side / 1.5, 0, 1)[..., None]
        height = np.sqrt(np.clip(1 - far**2, 0, 1))
        shade = np.clip(
            0.25 + 0.9 * (height * 0.7 - (across - x) / radius * 0.4 - (down - y) / radius * 0.4), 0, 1.3
        )
        skin = 1 + 0.12 * _fractal(rng, side, rng.uniform(0.8, 1.5))
        picture = picture * (1 - inside) + inside * _colour(rng) * (shade * skin)[..., None]
    return picture


def _foliage(rng: np.random.Generator, side: int) -> Array:
    """Thousands of small leaves, darker the further back they lie."""
    image = Image.new("RGB", (side * 2, side * 2), _ink(rng))
    pen, base = ImageDraw.Draw(image), _colour(rng) * [0.7, 1.0, 0.6]
    count = int(rng.integers(800, 4000))
    places, angles = rng.random((count, 2)) * side * 2, rng.normal(rng.random() * 6, 0.8, count)
    sizes = rng.lognormal(math.log(side * rng.uniform(0.012, 0.05)), 0.4, count)
    for index in range(count):
        light = (0.25 + 0.75 * index / count) * rng.uniform(0.6, 1.3)
        red, green, blue = (
            int(min(255, value)) for value in np.clip((base + rng.normal(0, 22, 3)) * light, 0, 255)
        )
        along = np.array([math.cos(angles[index]), math.sin(angles[index])]) * sizes[index]
        side_ways = np.array([-along[1], along[0]]) * 0.35
        corners = [places[index] + each for each in (along, side_ways, -along, -side_ways)]
        pen.polygon([(float(a), float(b)) for a, b in corners], fill=(red, green, blue))
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), np.float64)


def _night(rng: np.random.Generator, side: int) -> Array:
    """Many small lights in the dark. Most of the mean colour lies in the few that are bright."""
    glow = 1 + 0.35 * rng.random() * _fractal(rng, side, rng.uniform(1.2, 2.0))
    picture = glow[..., None] * (rng.random(3) * 18 + 2)
    heavy = rng.uniform(0.5, 1.2)
    for _ in range(int(10 ** rng.uniform(1.3, 3.2))):
        light = min(400.0, 12 * float(rng.pareto(heavy)) + 6)
        size = rng.uniform(0.6, 1.4) * (1 + math.sqrt(light / 120)) * float(rng.choice([0.7, 1, 1, 2.5]))
        _put_light(picture, rng, size, light * (1 + np.clip(rng.normal(0, 0.25, 3), -0.8, 0.8)))
    return picture + rng.normal(0, rng.uniform(0.5, 4), picture.shape)


def _crowded(rng: np.random.Generator, side: int) -> Array:
    """Small lights side by side, down to ones that are hardly lighter than the dark, most with wide halos."""
    glow = 1 + 0.2 * rng.random() * _fractal(rng, side, rng.uniform(1.2, 2.0))
    picture = glow[..., None] * (rng.random(3) * 8 + 5)
    grain = np.stack([_fractal(rng, side, rng.uniform(0.2, 1.0)) for _ in range(3)], -1)
    picture += rng.uniform(0.5, 3) * grain
    heavy = rng.uniform(0.5, 1.2)
    for _ in range(int(10 ** rng.uniform(3.2, 3.9))):
        light = min(300.0, 8 * float(rng.pareto(heavy)) + 3)
        size = rng.uniform(0.3, 1.0) * (1 + math.sqrt(light / 120)) * float(rng.choice([0.7, 1, 1, 2]))
        colour = light * (1 + np.clip(rng.normal(0, 0.25, 3), -0.8, 0.8))
        _put_light(picture, rng, size, colour, halo=rng.random() < 0.7)
    return picture + rng.normal(0, rng.uniform(0.3, 2), picture.shape)


def _put_light(
    picture: Array, rng: np.random.Generator, size: float, colour: Array, *, halo: bool = False
) -> None:
    """Add a round or oval light somewhere; `size` is its longer deviation in pixels, without its halo."""
    side, reach = len(picture), int((9 if halo else 4) * size) + 2
    y, x = (float(each) for each in rng.random(2) * side)
    tall, angle = size * rng.uniform(0.4, 1), rng.random() * math.pi
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    part = picture[top : int(y) + reach + 1, left : int(x) + reach + 1]
    down, across = np.mgrid[: part.shape[0], : part.shape[1]]
    down, across = down + top - y, across + left - x
    along = across * math.cos(angle) + down * math.sin(angle)
    beside = down * math.cos(angle) - across * math.sin(angle)
    far = (along / size) ** 2 + (beside / tall) ** 2
    part += np.exp(-np.sqrt(far) if halo else -far / 2)[..., None] * colour


def _ember(rng: np.random.Generator, side: int) -> Array:
    """A round or ragged patch of one strong colour in the dark, with darker veins."""
    down, across = _axes(side)
    x, y = rng.uniform(0.2, 0.8, 2)
    far = np.sqrt((across - x) ** 2 + (down - y) ** 2) + rng.choice([0, 0.15]) * _fractal(rng, side, 2.0)
    inside = 1 / (1 + np.exp((far - rng.uniform(0.3, 0.7)) * rng.choice([8, 40, 400])))
    veins = Image.new("L", (side, side))
    pen = ImageDraw.Draw(veins)
    for _ in range(rng.integers(0, 25)):
        turns = rng.random() * 2 * math.pi + np.cumsum(rng.normal(0, 0.25, 60))
        steps = np.stack([np.cos(turns), np.sin(turns)], -1) * side / 80
        path = np.array([x, y]) * side + np.cumsum(steps, 0)
        pen.line([(float(a), float(b)) for a, b in path], fill=255, width=int(rng.integers(1, 7)))
    soft = np.asarray(veins.filter(ImageFilter.GaussianBlur(rng.uniform(0.7, 2))), np.float64) / 255
    shade = 1 + 0.15 * _fractal(rng, side, rng.uniform(1.4, 2.2)) - rng.uniform(0.2, 0.5) * soft
    colour = np.array([1, rng.uniform(0.15, 0.7), rng.uniform(0.02, 0.35)]) * rng.uniform(90, 255)
    lit = (inside * shade)[..., None] * rng.permutation(colour)
    return lit + rng.random(3) * 6 + rng.normal(0, rng.uniform(0.3, 2.5), lit.shape)


_KINDS: tuple[Callable[[np.random.Generator, int], Array], ...] = (
    _gradient, _noise, _shapes, _text, _pattern, _mosaic, _landscape, _spheres, _foliage, _foliage, _night,
    _night, _night, _ember, _ember, _ember, _ember,
)  # fmt: skip
