"""The baked bodies, and how bones move their skin: linear blend skinning in numpy.

At rest a body stands upright: x to its left, y to its back, z up, in metres, with the arms half lifted.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_FILE = Path(__file__).with_name("bodies.safetensors")


@dataclass(frozen=True, eq=False)
class Body:
    """One body at rest. V vertices, B bones, F triangles; all bodies share faces, bones and weights."""

    name: str
    man: bool
    vertices: Floats  # (V, 3)
    heads: Floats  # (B, 3) where each bone begins
    faces: npt.NDArray[np.int64]  # (F, 3), counter-clockwise from outside
    parents: tuple[int, ...]  # of each bone; -1 for the root; a parent comes before its children
    bones: dict[str, int]  # number of each bone, by name
    moved_by: npt.NDArray[np.int64]  # (V, K) bones that move a vertex
    weights: Floats  # (V, K) how much; rows add up to 1

    @functools.cached_property
    def part(self) -> npt.NDArray[np.int64]:
        """(V,) the bone that moves each vertex most."""
        most = self.weights.argmax(axis=1)
        return np.asarray(self.moved_by[np.arange(len(most)), most])

    def skin(self, rotations: Floats, heads: Floats, vertices: Floats | None = None) -> Floats:
        """Return (V, 3) vertices of a posed body.

        `rotations` (B, 3, 3) turn each bone from its rest, `heads` (B, 3) is where the bones begin now;
        `vertices` replaces those at rest, e.g. by clothes' outsides.
        """
        rest = self.vertices if vertices is None else vertices
        moves = np.concatenate(
            [rotations, (heads - np.einsum("bij,bj->bi", rotations, self.heads))[:, :, None]], axis=2
        )
        blended = np.einsum("vk,vkij->vij", self.weights, moves.astype(np.float32)[self.moved_by])
        posed: Floats = np.einsum("vij,vj->vi", blended[:, :, :3], rest) + blended[:, :, 3]
        return posed


@functools.cache
def load() -> tuple[Body, ...]:
    """Return all bodies."""
    from safetensors import safe_open

    with safe_open(str(_FILE), "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        notes = json.loads(file.metadata()["notes"])
    weights = arrays["weights"].astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    shared: dict[str, Any] = {
        "faces": arrays["faces"].astype(np.int64),
        "parents": tuple(int(p) for p in arrays["parents"]),
        "bones": {name: i for i, name in enumerate(notes["bones"])},
        "moved_by": arrays["bones"].astype(np.int64),
        "weights": weights,
    }
    named = zip(notes["names"], notes["men"], arrays["vertices"], arrays["heads"], strict=True)
    return tuple(Body(name, man, v.astype(np.float32), h, **shared) for name, man, v, h in named)
