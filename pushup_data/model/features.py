"""A rep in a few numbers, for models that do not read sequences: the baselines' kinematic features."""

import warnings

import numpy as np

from pushup_data.model.data import KINEMATIC, KINEMATICS, Floats, channels

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_HEIGHT = channels(()).index("height")
_MOMENTS = ("start", "bottom", "end")
_WHOLE = len(channels(())) - KINEMATIC.stop  # view and knees: the same at every step


def names(errors: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the columns of features() are, for sequences with the rules' opinions on `errors`."""
    per_channel = (*(f"q{round(100 * q):02d}" for q in _QUANTILES), "range", *_MOMENTS)
    measured = tuple(f"{channel}_{what}" for channel in KINEMATICS for what in per_channel)
    return (*measured, *channels(errors)[KINEMATIC.stop :])


def features(x: Floats) -> Floats:
    """Return (N, features) of sequences (N, steps, channels), as names() says.

    Per kinematic channel the order statistics over time, how far it goes, and its values where the sequence
    starts and ends and where the shoulders are lowest; then the view, knees and the rules' log-odds. NaN
    where a channel is unknown.
    """
    n = len(x)
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
