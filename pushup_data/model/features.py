"""A rep in a few numbers, for models that do not read sequences: the baselines' kinematic features."""

import warnings

import numpy as np

from pushup_data.model.data import KINEMATIC, Floats, channels

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_HEIGHT = channels(()).index("height")


def features(x: Floats) -> Floats:
    """Return (N, features) of sequences (N, steps, channels).

    Per kinematic channel the order statistics over time, how far it goes, and its values where the sequence
    starts and ends and where the shoulders are lowest; then the view, knees and the rules' log-odds. NaN
    where a channel is unknown.
    """
    n, per_channel = len(x), len(_QUANTILES) + 4
    if not n:
        return np.zeros(
            (0, per_channel * (KINEMATIC.stop - KINEMATIC.start) + x.shape[2] - KINEMATIC.stop), np.float32
        )
    measured = x[..., KINEMATIC].astype(np.float64)  # (N, steps, kinematics)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: an unknown channel stays unknown
        ordered = np.nanquantile(measured, _QUANTILES, axis=1)
        span = np.nanmax(measured, axis=1) - np.nanmin(measured, axis=1)
    height = x[..., _HEIGHT]
    lowest = np.argmin(np.where(np.isnan(height), np.inf, height), axis=1)
    bottom = measured[np.arange(n), lowest]
    bottom[np.isnan(height).all(axis=1)] = np.nan
    moments = np.stack([measured[:, 0], bottom, measured[:, -1]])
    by_channel = np.concatenate([ordered, span[None], moments])  # (statistics, N, kinematics)
    flat = by_channel.transpose(1, 2, 0).reshape(n, -1)
    return np.asarray(np.concatenate([flat, x[:, 0, KINEMATIC.stop :]], axis=1), dtype=np.float32)
