"""What drawing needs to know about a mesh whose vertices move and whose faces stay."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]

_CUBE = 0.02  # metres: vertices this close are one to the mesh that casts shadows


def spread(faces: npt.NDArray[np.int64], vertices: int) -> sparse.csr_matrix:
    """(V, F) which faces meet at a vertex."""
    columns = np.repeat(np.arange(len(faces)), 3)
    ones = np.ones(faces.size, np.float32)
    return sparse.csr_matrix((ones, (faces.ravel(), columns)), (vertices, len(faces)))


def areas(places: Floats, faces: npt.NDArray[np.int64]) -> Floats:
    """(V,) square metres of skin that belong to each vertex."""
    a, b, c = (places[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(faces.ravel(), np.repeat(area, 3), len(places)).astype(np.float32)


def coarse(places: Floats, faces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return fewer faces between the same vertices: those in a small cube become one."""
    cells = np.floor(places / _CUBE).astype(np.int64)
    _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    merged = first[cell.ravel()][faces]
    a, b, c = merged.T
    kept = merged[(a != b) & (b != c) & (a != c)]
    # which way they face does not matter to a shadow
    return np.asarray(np.unique(np.sort(kept, axis=1), axis=0))
