"""Where the camera stands, how its picture is, and what is wrong with it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pushup_data.avatar.scene import Camera
from pushup_data.avatar.turns import Series
from pushup_data.taxonomy import View

Flaw = Literal["", "dark", "blurred", "hidden", "cut off"]

# The camera's turn away from a side view, and its height above the body, in degrees. Front views only from
# low down: higher, MediaPipe loses a body whose face is down.
_AZIMUTHS = {"side": (0.0, 12.0), "oblique": (22.0, 50.0), "front": (80.0, 90.0)}
_ELEVATIONS = {"side": (2.0, 18.0), "oblique": (2.0, 18.0), "front": (1.0, 5.0)}
_FROM_BEHIND = 0.25  # share of oblique views from the feet's side: the body is seen as well
_FIELD = (34.0, 58.0)  # degrees, vertical, from a distant camera to a telephone
_FILLS = {"side": (0.6, 0.92), "oblique": (0.5, 0.88), "front": (0.3, 0.6)}  # of the picture, by the body
_FLAWS: tuple[Flaw, ...] = ("dark", "blurred", "hidden", "cut off")


@dataclass(frozen=True)
class Shot:
    """One camera position and its picture."""

    view: View
    azimuth: float  # degrees from a pure side view, + towards the head
    elevation: float
    near_side: Literal["left", "right"]
    camera: Camera
    flaw: Flaw
    shake: float  # of a hand-held camera, pixels; 0: it stands on something
    gain: float  # brightness
    contrast: float
    warmth: float  # red against blue
    noise: float  # standard deviation, of 255
    quality: int  # of the encoder: its constant rate factor
    seed: int


def draw(
    rng: np.random.Generator, points: Series, view: View, size: tuple[int, int], *, flaw_share: float
) -> Shot:
    """Draw a camera that sees all of `points` (T, 33, 3) from a view; `size` is width, height in pixels."""
    turn = float(rng.uniform(*_AZIMUTHS[view]))
    if (view == "side" and rng.random() < 0.5) or (view == "oblique" and rng.random() < _FROM_BEHIND):
        turn = -turn
    elevation = float(rng.uniform(*_ELEVATIONS[view]))
    side = 1.0 if rng.random() < 0.5 else -1.0
    flaw: Flaw = _FLAWS[rng.integers(len(_FLAWS))] if rng.random() < flaw_share else ""
    fill = float(rng.uniform(*_FILLS[view]))
    if flaw == "cut off":
        fill = float(rng.uniform(1.7, 2.2))
    camera = _framing(
        points.reshape(-1, 3),
        direction=_direction(turn, elevation, side),
        aim=rng.normal(0, 0.02, 3),
        field=float(rng.uniform(*_FIELD)),
        size=size,
        fill=fill,
    )
    return Shot(
        view=view,
        azimuth=turn,
        elevation=elevation,
        near_side="left" if side > 0 else "right",
        camera=camera,
        flaw=flaw,
        shake=float(rng.choice([0.0, rng.uniform(0.5, 3.0)])),
        gain=float(rng.uniform(0.06, 0.12) if flaw == "dark" else rng.uniform(0.75, 1.2)),
        contrast=float(rng.uniform(0.8, 1.15)),
        warmth=float(rng.normal(0, 0.04)),
        noise=float(rng.uniform(0.5, 4.0)),
        quality=int(rng.integers(20, 29)),
        seed=int(rng.integers(2**31)),
    )


def _direction(turn: float, elevation: float, side: float) -> Series:
    """Return the unit vector from the body to the camera."""
    a, e = np.radians(turn), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), side * np.cos(a) * np.cos(e), np.sin(e)])


def _framing(
    points: Series, *, direction: Series, aim: Series, field: float, size: tuple[int, int], fill: float
) -> Camera:
    """Return the camera at the distance from which the points take up the share `fill` of the picture.

    Where 1 or less, all of them are inside.
    """
    points = points[np.isfinite(points).all(axis=1)]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2 + aim * (fill <= 1)
    near, far = 0.8, 12.0
    for _ in range(30):
        distance = (near + far) / 2
        made = Camera(
            eye=middle + direction * distance, target=middle, fov=field, width=size[0], height=size[1]
        )
        spread = np.abs(made.project(points) / np.array(size) - 0.5).max() * 2
        near, far = (distance, far) if not np.isfinite(spread) or spread > fill else (near, distance)
    return made
