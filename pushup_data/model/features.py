"""A rep in a few numbers: order statistics of its kinematic channels, and their values where it matters."""

import numpy as np
import torch
from torch import Tensor

from pushup_data.model.data import KINEMATIC, Floats, channels

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
STATISTICS = (*(f"q{round(100 * q):02}" for q in _QUANTILES), "range", "start", "bottom", "end")
_HEIGHT = channels(()).index("height")


def summary(x: Tensor) -> Tensor:
    """Return (N, KINEMATIC's channels * STATISTICS) of sequences (N, steps, channels).

    Per channel the quantiles over time, how far it goes, and its values where the sequence starts, where the
    shoulders are lowest and where it ends. NaN where a channel is unknown.
    """
    measured = x[..., KINEMATIC]  # (N, steps, kinematics)
    ordered = torch.nanquantile(measured, torch.tensor(_QUANTILES, dtype=x.dtype), dim=1)
    known = ~measured.isnan()
    most = torch.where(known, measured, -torch.inf).amax(dim=1)
    least = torch.where(known, measured, torch.inf).amin(dim=1)
    span = torch.where(known.any(dim=1), most - least, torch.nan)
    height = x[..., _HEIGHT]
    lowest = torch.where(height.isnan(), torch.inf, height).argmin(dim=1)
    bottom = measured[torch.arange(len(x)), lowest]
    bottom = torch.where(height.isnan().all(dim=1)[:, None], torch.nan, bottom)
    moments = torch.stack([span, measured[:, 0], bottom, measured[:, -1]])
    return torch.cat([ordered, moments]).permute(1, 2, 0).flatten(start_dim=1)


def features(x: Floats) -> Floats:
    """Return (N, features) of sequences (N, steps, channels), for models that do not read sequences.

    summary(), then the view, knees and the rules' log-odds. NaN where a channel is unknown.
    """
    rest = x[:, 0, KINEMATIC.stop :]
    if not len(x):
        return np.zeros((0, (KINEMATIC.stop - KINEMATIC.start) * len(STATISTICS) + rest.shape[1]), np.float32)
    return np.concatenate([summary(torch.from_numpy(x)).numpy(), rest], axis=1)
