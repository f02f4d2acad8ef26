"""Measures of a body at rest that clothes, hair and faces are put on by."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from pushup_data.avatar import bodies
from pushup_data.avatar.bodies import Body

Floats = npt.NDArray[np.float32]

ARM = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")  # how the names of an arm's bones begin
LEG = ("upperleg", "lowerleg", "foot", "toe")


def along(body: Body, first: str, last: str) -> tuple[Floats, float]:
    """(V,) metres along the line between two bones' heads, and its length."""
    start, end = body.heads[body.bones[first]], body.heads[body.bones[last]]
    length = float(np.linalg.norm(end - start))
    return (body.vertices - start) @ ((end - start) / length), length


def parts(body: Body, *starts: str) -> npt.NDArray[np.bool_]:
    """(V,) whether a vertex belongs to one of the bones with these beginnings."""
    bones = [i for name, i in body.bones.items() if name.startswith(starts)]
    return np.asarray(np.isin(body.part, bones))


def arm(body: Body) -> Floats:
    """(V,) metres from the shoulder along the arm; negative on the trunk."""
    arm = parts(body, *ARM)
    down = np.full(len(body.vertices), -0.06, np.float32)
    for side in (".L", ".R"):
        upper, length = along(body, "upperarm01" + side, "lowerarm01" + side)
        lower, _ = along(body, "lowerarm01" + side, "wrist" + side)
        mine = arm & ((body.vertices[:, 0] > 0) == (side == ".L"))
        down[mine] = np.where(lower > 0, length + lower, upper)[mine]
    return down


def leg(body: Body) -> Floats:
    """(V,) metres from the hip down the leg; 0 on the trunk."""
    hip = body.heads[body.bones["upperleg01.L"]][2]
    return np.where(parts(body, *ARM), 0, np.maximum(hip - body.vertices[:, 2], 0)).astype(np.float32)


def face(body: Body) -> Floats:
    """(V, 3) places around the point between the eyes, in eye distances: x left, y back, z up."""
    left, right = body.heads[body.bones["eye.L"]], body.heads[body.bones["eye.R"]]
    return np.asarray((body.vertices - (left + right) / 2) / np.linalg.norm(left - right), dtype=np.float32)


def ears(body: Body) -> npt.NDArray[np.bool_]:
    """(V,) the ears."""
    x, y, z = face(body).T
    return np.asarray((np.abs(x) > 1.12) & (y > 0.85) & (y < 1.75) & (z < 0.22) & (z > -0.95))


def tongue(body: Body) -> npt.NDArray[np.bool_]:
    """(V,) the tongue: a closed surface of its own inside the mouth, never seen."""
    return np.asarray(_islands(len(body.vertices), body.faces.tobytes()) == 1)


@cache
def features() -> dict[str, Floats]:
    """How much each vertex belongs to a feature of the face; measured on one body, valid for all."""
    body = bodies.load()[0]
    x, y, z = face(body).T
    x = np.abs(x)
    eye = parts(body, "eye")
    front = (y < 0.9) & parts(body, "head") & ~eye
    out = np.hypot(x - 0.5, z)
    lid = np.hypot((x - 0.5) / 0.30, (z - 0.02) / 0.14)
    arch = 0.34 + 0.06 * np.cos((x - 0.55) * 4)
    lips = np.hypot(x / 0.42, (z + 1.06) / 0.19)
    return {
        "white": eye.astype(np.float32),
        "iris": (eye & (out < 0.125)).astype(np.float32),
        "lids": (front & (y < 0.1)) * np.clip((1.25 - lid) / 0.25, 0, 1),
        "brows": front * np.clip(1.6 - np.abs(z - arch) / 0.06, 0, 1) * ((x > 0.2) & (x < 0.85)),
        "lips": (front & (y < 0.1)) * np.clip((1.05 - lips) / 0.15, 0, 1),
        "cheeks": front * np.exp(-(((x - 0.65) / 0.35) ** 2) - ((z + 0.62) / 0.3) ** 2),
        "beard": (y < 1.0)
        * parts(body, "head")
        * np.clip((-0.72 - 0.35 * np.maximum(x - 0.3, 0) + 0.75 * np.clip(y, 0, 0.9) - z) / 0.12, 0, 1),
    }


@cache
def _ring(vertices: int, faces: bytes) -> sparse.csr_matrix:
    """(V, V) mean of every vertex's neighbours."""
    f = np.frombuffer(faces, np.int64).reshape(-1, 3)
    i, j = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]).T
    near = sparse.csr_matrix((np.ones(len(i), np.float32), (i, j)), (vertices, vertices))
    near = ((near + near.T) > 0).astype(np.float32)
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(near.sum(axis=1).A1, 1)) @ near)


@cache
def _islands(vertices: int, faces: bytes) -> npt.NDArray[np.int32]:
    """(V,) which connected surface a vertex belongs to: skin, tongue, left eye, right eye."""
    return np.asarray(connected_components(_ring(vertices, faces), directed=False)[1])


def even(body: Body, field: npt.NDArray[Any], times: int) -> Floats:
    """Smooth a hem's field over the skin, where it follows the borders of parts."""
    ring = _ring(len(field), body.faces.tobytes())
    field = np.maximum(field, -0.06)
    for _ in range(times):
        field = 0.4 * field + 0.6 * (ring @ field)
    return field.astype(np.float32)


def smooth(body: Body, vertices: Floats, where: npt.NDArray[np.bool_], times: int) -> Floats:
    """Move the chosen vertices towards the middle of their neighbours."""
    ring = _ring(len(vertices), body.faces.tobytes())
    for _ in range(times):
        vertices = np.where(where[:, None], 0.5 * vertices + 0.5 * (ring @ vertices), vertices)
    return vertices


def normals(vertices: Floats, faces: npt.NDArray[np.int64]) -> Floats:
    """(V, 3) outward, of length 1."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], cross)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))
