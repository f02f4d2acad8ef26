"""Nobody sinks into the floor: poses are corrected until skin and floor agree."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from pushup_data.avatar import posing
from pushup_data.avatar.bodies import Body
from pushup_data.avatar.posing import Angles, Stance
from pushup_data.avatar.turns import Series

_CLEAR_M = 0.012  # skin stays this far above the floor: clothes need a little room
_ROUNDS = 8
_EVERY = 5  # of a part's vertices one in so many is looked at
# What lies too low, by the bones that move it, and which angle lifts it by how many degrees a metre.
_PARTS: dict[str, tuple[tuple[str, ...], str, float]] = {
    "head": (("neck", "head"), "neck", -220.0),
    "chest": (("spine01", "spine02", "spine03", "clavicle", "shoulder"), "flexion", -280.0),
    "hips": (("spine04", "spine05", "pelvis", "upperleg01", "root"), "hip", 150.0),
    "knees": (("upperleg02", "lowerleg"), "knee", -170.0),
}
_OVERREACH_DEG = 3.0  # elbows bend this much more where a hand would leave the floor
_STRAIGHT_DEG = 1.9  # no arm is straighter


def settle(body: Body, stance: Stance, angles: Angles) -> Angles:
    """Return the angles corrected so that no skin is below the floor and both hands reach it.

    A low chest straightens the elbows, a low head is lifted, low hips are raised and low knees stretched.
    """
    watched = {
        name: _vertices(body, bones)
        for name, (bones, _, _) in _PARTS.items()
        if not (name == "knees" and stance.on_knees)
    }
    for _ in range(_ROUNDS):
        posed = posing.pose(body, stance, angles)
        deepest = 0.0
        for name, vertices in watched.items():
            low = np.maximum(_CLEAR_M - lowest(body, posed, vertices), 0.0)
            deepest = max(deepest, float(low.max()))
            _, angle, effect = _PARTS[name]
            if name == "knees":  # straight knees cannot be stretched: then the hips must go up
                bent = angles.knee > 1.0
                angles = replace(angles, hip=angles.hip + _softened(np.where(bent, 0, low)) * 150.0)
                low = np.where(bent, low, 0)
            angles = replace(angles, **{angle: getattr(angles, angle) + effect * _softened(low)})
        angles = replace(angles, knee=np.maximum(angles.knee, 0.0), flexion=np.maximum(angles.flexion, 1.0))
        short = (posed.flexion < _STRAIGHT_DEG).any(axis=1)
        kneeling = _softened((short & (angles.knee > 20)).astype(float))
        angles = replace(angles, knee=angles.knee - 5 * kneeling, hip=angles.hip - 4 * kneeling)
        angles = replace(angles, flexion=angles.flexion + _OVERREACH_DEG * _softened(short.astype(float)))
        if deepest < _CLEAR_M / 2 and not short.any():
            break
    return angles


def lowest(body: Body, posed: posing.Posed, vertices: npt.NDArray[np.int64]) -> Series:
    """Return (T,) the height of the lowest of some vertices, metres."""
    heights = np.empty(len(posed.heads))
    rest = body.heads.astype(np.float64)
    for frame in range(len(heights)):
        turned = posed.rotations[frame, :, 2]  # only heights are needed
        moved = posed.heads[frame, :, 2] - (turned * rest).sum(axis=1)
        bones = body.moved_by[vertices]
        each = (turned[bones] * body.vertices[vertices][:, None]).sum(axis=2) + moved[bones]
        heights[frame] = (each * body.weights[vertices]).sum(axis=1).min()
    return heights


def _vertices(body: Body, bones: tuple[str, ...]) -> npt.NDArray[np.int64]:
    numbers = [i for name, i in body.bones.items() if name.startswith(bones)]
    return np.flatnonzero(np.isin(body.part, numbers))[::_EVERY]


def _softened(low: Series) -> Series:
    """Spread a correction over the frames around, so that nothing jerks."""
    return np.asarray(gaussian_filter1d(maximum_filter1d(low, 5), 2.0, mode="nearest"))
