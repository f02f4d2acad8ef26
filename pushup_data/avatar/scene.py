"""Where avatars train: cameras, and rooms drawn at random.

World: X towards the head of the person on the floor, Y to their left, Z up, metres; the floor is z = 0 and
the person lies around the origin.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pushup_data.avatar import things
from pushup_data.avatar.things import Colour, Point, Thing

Floats = npt.NDArray[np.float64]

FLOORS = ("planks", "tiles", "carpet", "rubber", "concrete", "grass")  # in the order the shader knows them
WALLS = ("plain", "bricks", "panels", "hedge")


@dataclass(frozen=True)
class Camera:
    """A pinhole camera, level, with its centre in the middle of the picture."""

    eye: Point
    target: Point
    fov: float  # degrees, vertical
    width: int  # pixels
    height: int

    @property
    def azimuth(self) -> float:
        """Where the camera stands, from its target: degrees from +Y (left side) towards +X (head)."""
        away = np.subtract(self.eye, self.target)
        return float(np.degrees(np.arctan2(away[0], away[1])))

    @property
    def axes(self) -> Floats:
        """(3, 3) rows: right, up and backwards of the camera in the world. Never straight down."""
        back = np.subtract(self.eye, self.target, dtype=np.float64)
        back /= np.linalg.norm(back)
        right = np.cross((0.0, 0.0, 1.0), back)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back])

    @property
    def matrix(self) -> Floats:
        """(4, 4) world to clip space, for the renderer."""
        near, far = 0.1, 80.0
        view = np.eye(4)
        view[:3, :3] = self.axes
        view[:3, 3] = -self.axes @ np.asarray(self.eye)
        f = 1 / np.tan(np.radians(self.fov) / 2)
        lens = np.zeros((4, 4))
        lens[0, 0], lens[1, 1] = f * self.height / self.width, f
        lens[2, 2], lens[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
        lens[3, 2] = -1
        return np.asarray(lens @ view)

    def depth(self, points: npt.ArrayLike) -> Floats:
        """Return (...) metres of (..., 3) points in front of the camera; negative behind it."""
        return np.asarray((np.asarray(self.eye) - np.asarray(points, dtype=np.float64)) @ self.axes[2])

    def project(self, points: npt.ArrayLike) -> Floats:
        """Return (..., 2) pixels of (..., 3) points; (0, 0) is the top left corner of the picture."""
        seen = (np.asarray(points, dtype=np.float64) - np.asarray(self.eye)) @ self.axes.T
        scale = self.height / 2 / np.tan(np.radians(self.fov) / 2) / -seen[..., 2]
        return np.stack(
            [self.width / 2 + seen[..., 0] * scale, self.height / 2 - seen[..., 1] * scale], axis=-1
        )


@dataclass(frozen=True)
class Mat:
    """A mat on the floor, under the person."""

    size: tuple[float, float]  # along X and Y
    centre: tuple[float, float]
    turn: float  # degrees
    colour: Colour


@dataclass(frozen=True)
class Room:
    """Floor, walls, things and light. `turn` says how the room stands to the world."""

    turn: float  # degrees: the room's back wall is this way from the person, as Camera.azimuth counts
    back: float  # metres from the person to the back wall; 0: none
    left: float  # and to the side walls; 0: none
    right: float
    floor: str  # one of FLOORS
    floor_colours: tuple[Colour, Colour]
    floor_turn: float  # degrees, of planks and tiles
    wall: str  # one of WALLS
    wall_colours: tuple[Colour, Colour]
    skirting: Colour | None
    mat: Mat | None
    things: tuple[Thing, ...]
    sky: Colour
    sun: Point  # towards the light, length 1
    sun_colour: Colour  # linear, with its strength
    ambient: Colour  # from above, linear
    bounce: Colour  # from below, linear
    softness: float  # metres over which a shadow's edge fades

    @property
    def axes(self) -> Floats:
        """(3, 3) rows: right, backwards, up of the room in the world."""
        a = np.radians(self.turn)
        back = np.array([np.sin(a), np.cos(a), 0.0])
        return np.stack([[back[1], -back[0], 0.0], back, [0.0, 0.0, 1.0]])


def draw_room(rng: np.random.Generator, camera_azimuth: float) -> Room:
    """Draw a room at random, open towards a camera at that Camera.azimuth (degrees)."""
    outdoors = rng.random() < 0.15
    turn = camera_azimuth + 180 + rng.normal(0, 12)
    floor = "grass" if outdoors else str(rng.choice(FLOORS[:5], p=[0.35, 0.15, 0.2, 0.2, 0.1]))
    back = float(rng.uniform(5, 9) if outdoors else rng.uniform(1.9, 4.0))
    left, right = (0.0, 0.0) if outdoors else (float(v) for v in rng.uniform(2.0, 5.0, 2))
    warm = float(rng.uniform(-1, 1))  # of the light: cold to warm
    tint = np.array([1 + 0.10 * warm, 1.0, 1 - 0.12 * warm])
    strength = float(rng.uniform(0.9, 1.6) if outdoors else rng.uniform(0.35, 1.0))
    ambient = float(rng.uniform(0.55, 0.8) if outdoors else rng.uniform(0.55, 0.95))
    up, around = np.radians(rng.uniform(40, 75)), np.radians(turn + 180 + rng.uniform(-75, 75))
    first, second = _floor_colours(rng, floor)
    wall = "hedge" if outdoors else str(rng.choice(WALLS[:3], p=[0.65, 0.15, 0.2]))
    wall_colours = _wall_colours(rng, wall)
    return Room(
        turn=float(turn),
        back=back,
        left=left,
        right=right,
        floor=floor,
        floor_colours=(first, second),
        floor_turn=float(turn + (0 if rng.random() < 0.6 else 90)),
        wall=wall,
        wall_colours=wall_colours,
        skirting=None if outdoors or rng.random() < 0.3 else (0.88, 0.87, 0.84),
        mat=_mat(rng) if rng.random() < 0.6 else None,
        things=things.outdoors(rng, back) if outdoors else things.indoors(rng, back, left, right),
        sky=(0.62, 0.76, 0.92) if outdoors else wall_colours[0],
        sun=(
            float(np.cos(up) * np.sin(around)),
            float(np.cos(up) * np.cos(around)),
            float(np.sin(up)),
        ),
        sun_colour=things.as_colour(strength * tint),
        ambient=things.as_colour(ambient * (np.array([0.9, 1.0, 1.15]) if outdoors else 0.5 + 0.5 * tint)),
        bounce=things.as_colour(0.45 * ambient * (0.4 + np.array(first))),
        softness=float(rng.uniform(0.01, 0.03) if outdoors else rng.uniform(0.025, 0.09)),
    )


def _floor_colours(rng: np.random.Generator, floor: str) -> tuple[Colour, Colour]:
    """Colours of a floor, and of its joints, specks or darker planks."""
    choices: dict[str, list[Colour]] = {
        "planks": [(0.66, 0.48, 0.32), (0.78, 0.63, 0.45), (0.45, 0.31, 0.21), (0.62, 0.58, 0.52)],
        "tiles": [(0.82, 0.80, 0.76), (0.58, 0.56, 0.54), (0.70, 0.55, 0.44)],
        "carpet": [(0.45, 0.46, 0.50), (0.58, 0.50, 0.42), (0.30, 0.36, 0.48), (0.50, 0.28, 0.26)],
        "rubber": [(0.16, 0.16, 0.17), (0.24, 0.25, 0.27), (0.15, 0.22, 0.32)],
        "concrete": [(0.58, 0.57, 0.55), (0.48, 0.48, 0.48)],
        "grass": [(0.30, 0.42, 0.16), (0.38, 0.47, 0.20)],
    }
    first = things.vary(rng, choices[floor], 0.03)
    scale = {"planks": 0.80, "tiles": 0.70, "carpet": 0.85, "rubber": 2.2, "concrete": 0.86, "grass": 0.65}
    return first, things.as_colour(np.clip(np.array(first) * scale[floor], 0, 0.9))


def _wall_colours(rng: np.random.Generator, wall: str) -> tuple[Colour, Colour]:
    choices: dict[str, list[Colour]] = {
        "plain": [(0.90, 0.88, 0.84), (0.74, 0.78, 0.80), (0.62, 0.70, 0.64), (0.80, 0.70, 0.60),
                  (0.42, 0.48, 0.56), (0.86, 0.82, 0.70)],
        "bricks": [(0.58, 0.34, 0.27), (0.82, 0.80, 0.77)],
        "panels": [(0.70, 0.55, 0.40), (0.80, 0.81, 0.82), (0.36, 0.37, 0.40)],
        "hedge": [(0.20, 0.32, 0.13), (0.26, 0.36, 0.16)],
    }  # fmt: skip
    first = things.vary(rng, choices[wall])
    return first, things.as_colour(np.array(first) * (0.75 if wall != "plain" else 0.94))


def _mat(rng: np.random.Generator) -> Mat:
    colours: list[Colour] = [
        (0.20, 0.30, 0.52), (0.14, 0.45, 0.42), (0.45, 0.24, 0.48), (0.18, 0.18, 0.20), (0.62, 0.25, 0.28),
        (0.42, 0.55, 0.32), (0.78, 0.50, 0.60),
    ]  # fmt: skip
    size = (float(rng.uniform(1.75, 2.2)), float(rng.uniform(0.6, 0.9)))
    centre = (float(rng.normal(0, 0.06)), float(rng.normal(0, 0.03)))
    return Mat(size, centre, float(rng.normal(0, 2.5)), things.vary(rng, colours))
