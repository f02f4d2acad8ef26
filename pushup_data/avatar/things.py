"""Things that stand in a room, drawn at random: furniture and gear along the wall, trees outdoors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Colour = tuple[float, float, float]  # sRGB, 0..1
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Thing:
    """Something that stands in the room: a box, a cylinder (upright unless `lying`) or a ball."""

    shape: str  # box, cylinder, ball
    centre: Point  # in the room: to the right, backwards, up, as the camera sees it
    size: Point  # whole extent along the same axes
    colour: Colour
    glow: float = 0.0  # 1: shines by itself, e.g. a window


def as_colour(values: Any) -> Colour:
    """Three numbers as a colour."""
    r, g, b = (float(v) for v in values)
    return r, g, b


def vary(rng: np.random.Generator, colours: list[Colour], by: float = 0.04) -> Colour:
    """Pick one of the colours and change it a little."""
    return as_colour(
        np.clip(np.array(colours[rng.integers(len(colours))]) + rng.normal(0, by, 3), 0.02, 0.98)
    )


def indoors(rng: np.random.Generator, back: float, left: float, right: float) -> tuple[Thing, ...]:
    """Furniture and gear along the back wall, and a window or picture on it."""
    greys: list[Colour] = [(0.2, 0.2, 0.22), (0.5, 0.5, 0.52), (0.85, 0.85, 0.83)]
    woods: list[Colour] = [(0.55, 0.38, 0.24), (0.72, 0.56, 0.38), (0.30, 0.20, 0.14)]
    brights: list[Colour] = [(0.75, 0.2, 0.2), (0.2, 0.4, 0.7), (0.85, 0.65, 0.2), (0.25, 0.55, 0.35)]
    made: list[Thing] = []
    x = -left + 0.4
    while x < right - 0.9:
        kind = rng.choice(["nothing", "shelf", "box", "ball", "dumbbells", "plant", "bench"])
        width = float(rng.uniform(0.5, 1.3))
        middle = x + width / 2
        near = back - 0.25
        if kind == "shelf":
            made += _shelf(rng, (middle, near), width, vary(rng, woods + greys), brights + greys)
        elif kind == "box":
            deep, high = float(rng.uniform(0.3, 0.45)), float(rng.uniform(0.3, 1.0))
            made.append(
                Thing("box", (middle, near, high / 2), (width * 0.7, deep, high), vary(rng, woods + greys))
            )
        elif kind == "ball":
            size = float(rng.uniform(0.45, 0.65))
            made.append(Thing("ball", (middle, back - size / 2, size / 2), (size,) * 3, vary(rng, brights)))
        elif kind == "dumbbells":
            for i in range(int(rng.integers(2, 4))):
                made += _dumbbell(middle + 0.25 * i - 0.25, near - float(rng.uniform(0, 0.1)))
        elif kind == "plant":
            made += _plant(rng, middle, near)
        elif kind == "bench":
            made.append(Thing("box", (middle, near, 0.42), (width, 0.32, 0.10), vary(rng, greys + brights)))
            for side in (-0.4, 0.4):
                made.append(
                    Thing("box", (middle + side * width, near, 0.19), (0.06, 0.28, 0.38), (0.2, 0.2, 0.2))
                )
        x += width + float(rng.uniform(0.2, 0.8))
    made += _on_the_wall(rng, float(rng.uniform(-1.2, 1.2)), back)
    return tuple(made)


def _on_the_wall(rng: np.random.Generator, x: float, back: float) -> list[Thing]:
    kind = rng.choice(["window", "picture", "nothing"])
    if kind == "nothing":
        return []
    wide, high = float(rng.uniform(0.9, 1.6)), float(rng.uniform(0.9, 1.3))
    if kind == "picture":
        frame, inside, glow = (
            vary(rng, [(0.15, 0.13, 0.12), (0.7, 0.6, 0.45)]),
            vary(rng, [(0.45, 0.5, 0.55), (0.7, 0.6, 0.5)], 0.08),
            0.0,
        )
        wide, high = wide * 0.6, high * 0.6
    else:
        frame, inside, glow = (0.92, 0.92, 0.90), (0.93, 0.96, 1.0), 1.0
    z = float(rng.uniform(1.45, 1.7))
    made = [
        Thing("box", (x, back - 0.02, z), (wide, 0.05, high), frame),
        Thing("box", (x, back - 0.03, z), (wide - 0.1, 0.05, high - 0.1), inside, glow),
    ]
    if kind == "window":
        made.append(Thing("box", (x, back - 0.04, z), (0.05, 0.06, high), frame))
    return made


def _shelf(
    rng: np.random.Generator, at: tuple[float, float], wide: float, colour: Colour, insides: list[Colour]
) -> list[Thing]:
    x, y = at
    boards = int(rng.integers(2, 5))
    made = [
        Thing("box", (x + s * wide / 2, y, boards * 0.19), (0.04, 0.35, boards * 0.38), colour)
        for s in (-1, 1)
    ]
    for i in range(boards + 1):
        made.append(Thing("box", (x, y, i * 0.38 + 0.015), (wide, 0.35, 0.03), colour))
        start = -wide / 2 + 0.08
        while i < boards and start < wide / 2 - 0.2:
            w, h = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.12, 0.3))
            made.append(
                Thing(
                    "box", (x + start + w / 2, y, i * 0.38 + 0.03 + h / 2), (w, 0.25, h), vary(rng, insides)
                )
            )
            start += w + float(rng.uniform(0.0, 0.15))
    return made


def _dumbbell(x: float, y: float) -> list[Thing]:
    black = (0.13, 0.13, 0.14)
    return [
        Thing("box", (x, y, 0.07), (0.04, 0.3, 0.04), (0.6, 0.6, 0.62)),
        Thing("ball", (x, y - 0.11, 0.07), (0.14, 0.11, 0.14), black),
        Thing("ball", (x, y + 0.11, 0.07), (0.14, 0.11, 0.14), black),
    ]


def _plant(rng: np.random.Generator, x: float, y: float) -> list[Thing]:
    made = [
        Thing("cylinder", (x, y, 0.15), (0.3, 0.3, 0.3), vary(rng, [(0.72, 0.4, 0.28), (0.8, 0.8, 0.78)]))
    ]
    for _ in range(9):
        dx, dy = (float(v) for v in rng.normal(0, 0.11, 2))
        z, w, h = (float(v) for v in rng.uniform((0.4, 0.12, 0.2), (1.0, 0.22, 0.4)))
        leaf = vary(rng, [(0.16, 0.38, 0.15), (0.25, 0.45, 0.2)])
        made.append(Thing("ball", (x + dx, min(y + dy, y + 0.1), z), (w, w, h), leaf))
    return made


def outdoors(rng: np.random.Generator, back: float) -> tuple[Thing, ...]:
    """Trees in front of the hedge and behind it."""
    made: list[Thing] = []
    for _ in range(int(rng.integers(3, 8))):
        x, y = float(rng.uniform(-8, 8)), back + float(rng.uniform(-1.5, 4))
        high, wide = float(rng.uniform(2.0, 3.5)), float(rng.uniform(0.2, 0.4))
        made.append(Thing("cylinder", (x, y, high / 2), (wide, wide, high), vary(rng, [(0.35, 0.26, 0.18)])))
        for _ in range(6):
            dx, dy, dz = (float(v) for v in rng.normal(0, 0.7, 3))
            size = float(rng.uniform(1.2, 2.2))
            leaf = vary(rng, [(0.22, 0.36, 0.14), (0.32, 0.42, 0.18)])
            made.append(Thing("ball", (x + dx, y + dy, high + 0.6 + dz * 0.5), (size, size, size), leaf))
    return tuple(made)
