"""Rooms as triangles: floor, walls and things, for the renderer."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pushup_data.avatar.scene import Room
from pushup_data.avatar.things import Thing

Floats = npt.NDArray[np.float32]

THING, _FLOOR, _WALL, _TRIM, _GLOW = 0.0, 1.0, 2.0, 3.0, 4.0  # kinds that the shader tells apart
_HEIGHT = 2.7  # of a room; a hedge is lower


def triangles(room: Room) -> Floats:
    """Return (3 T, 12) corners in the world: position, normal, colour, place in a wall, kind.

    Three rows make a triangle, counter-clockwise from outside. The floor comes first, in two triangles.
    """
    parts = [_quad((-40, -40, 0), (80, 0, 0), (0, 80, 0), (0, 0, 0), _FLOOR)]
    outdoors = room.wall == "hedge"
    high = 2.0 if outdoors else _HEIGHT
    right, left = room.right or 30.0, room.left or 30.0
    front = -9.0
    walls = []
    if room.back:
        walls.append(((-left, room.back), (right, room.back)))
    if room.left:
        walls.append(((-left, front), (-left, room.back)))
    if room.right:
        walls.append(((right, room.back), (right, front)))
    for (x, y), (x1, y1) in walls:
        parts.append(_quad((x, y, 0), (x1 - x, y1 - y, 0), (0, 0, high), (0, 0, 0), _WALL))
        if room.skirting:
            inward = np.array([-(y1 - y), x1 - x]) / np.hypot(x1 - x, y1 - y) * -0.015
            start = (x + inward[0], y + inward[1], 0)
            parts.append(_quad(start, (x1 - x, y1 - y, 0), (0, 0, 0.09), room.skirting, _TRIM))
    if not outdoors:
        size = (left + right, 0, 0), (0, front - room.back, 0)
        parts.append(_quad((-left, room.back, high), *size, (0.9, 0.9, 0.88), _TRIM))
    parts += [_thing(t) for t in room.things]
    made = np.concatenate(parts).astype(np.float32)
    floor = made[:6].copy()  # lies in the world whichever way the room turns
    made[:, :3] = made[:, :3] @ room.axes
    made[:, 3:6] = made[:, 3:6] @ room.axes
    made[:6] = floor
    return made


def _quad(corner: Any, along: Any, up: Any, colour: Any, kind: float) -> npt.NDArray[np.float64]:
    """Two triangles; the sides `along` and `up` turn so that their cross product faces outwards."""
    a, u, v = (np.asarray(p, dtype=np.float64) for p in (corner, along, up))
    points = np.array([a, a + u, a + u + v, a, a + u + v, a + v])
    normal = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
    w, h = np.linalg.norm(u), np.linalg.norm(v)
    places = np.array([(0, 0), (w, 0), (w, h), (0, 0), (w, h), (0, h)])
    return _rows(points, np.tile(normal, (6, 1)), colour, places, kind)


def _rows(points: Any, normals: Any, colour: Any, places: Any, kind: float) -> npt.NDArray[np.float64]:
    n = len(points)
    return np.hstack([points, normals, np.tile(colour, (n, 1)), places, np.full((n, 1), kind)])


def _thing(thing: Thing) -> npt.NDArray[np.float64]:
    centre, half = np.array(thing.centre), np.array(thing.size) / 2
    if thing.shape == "box":
        points, normals = _box()
    else:
        points, normals = _turned(thing.shape == "ball")
    normals = normals / half
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    kind = _GLOW if thing.glow else THING
    return _rows(centre + points * half, normals, thing.colour, np.zeros((len(points), 2)), kind)


def _box() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Corners and normals of the cube from -1 to 1."""
    points, normals = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            n, u, v = np.zeros(3), np.zeros(3), np.zeros(3)
            n[axis], u[(axis + 1) % 3], v[(axis + 2) % 3] = sign, sign, 1.0
            points += [n - u - v, n + u - v, n + u + v, n - u - v, n + u + v, n - u + v]
            normals += [n] * 6
    return np.array(points), np.array(normals)


def _turned(ball: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Corners and normals of the ball of radius 1, or of the upright cylinder with a lid."""
    around = np.linspace(0, 2 * np.pi, 21)
    ring = np.stack([np.cos(around), np.sin(around), np.zeros(21)], axis=1)
    if ball:
        rise = np.linspace(-np.pi / 2, np.pi / 2, 11)
        rows = [ring * np.cos(r) + (0, 0, np.sin(r)) for r in rise]
        facing = rows
    else:
        up = np.array([0.0, 0.0, 1.0])
        rows = [ring - up, ring + up, ring + up, ring * 0 + up]
        facing = [ring, ring, ring * 0 + up, ring * 0 + up]
    points, normals = [], []
    for i in range(len(rows) - 1):
        low, high, n0, n1 = rows[i], rows[i + 1], facing[i], facing[i + 1]
        points += [
            np.stack([low[:-1], low[1:], high[1:], low[:-1], high[1:], high[:-1]], axis=1).reshape(-1, 3)
        ]
        normals += [np.stack([n0[:-1], n0[1:], n1[1:], n0[:-1], n1[1:], n1[:-1]], axis=1).reshape(-1, 3)]
    return np.concatenate(points), np.concatenate(normals)
