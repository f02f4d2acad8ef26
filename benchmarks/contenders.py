"""What is compared on avatars and on people: the rules, trees on kinematic features, networks."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from collection import SETTINGS

from pushup_data.model import baselines, data, training
from pushup_data.model.calibration import Platt, sigmoid
from pushup_data.model.crops import Pixels
from pushup_data.model.data import Dataset
from pushup_data.model.network import infer
from pushup_data.params import Model, Train

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Tree = Literal["forest", "boosting"]
TREES: tuple[Tree, ...] = get_args(Tree)
# By their names: params' model.kind, what `evaluate` calls so, and with what else the latter can be compared.
NETWORKS: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in ("cnn-lstm", "cnn", "lstm", "transformer")},
    **baselines.NETWORKS,
    "cnn-lstm-only": {"bare": True},
}
KINDS = (*TREES, *NETWORKS)
STREAMS = ("pose", "rgb", "pose+rgb")


class Judge(NamedTuple):
    """A trained contender."""

    # (N, steps, channels) and, for the rgb stream, pixels to probabilities (N, errors), NaN: cannot tell
    of: Callable[..., Floats]
    thresholds: Floats  # (errors,), NaN: not learnt
    uncalibrated: Callable[[data.Floats], Floats]  # likewise, of landmarks alone


Fit = Callable[[Dataset, Dataset, int], Judge]  # of train, val, seed


def contenders(kinds: Sequence[str], streams: Sequence[str], settings: Train) -> dict[str, Fit]:
    """Return those of KINDS that are asked for; other streams than pose are read by the first network."""
    made: dict[str, Fit] = {name: trees(name, settings) for name in TREES if name in kinds}
    networks = [kind for kind in kinds if kind not in TREES]
    for which in streams:
        for kind in networks if which == "pose" else networks[:1]:
            changed = NETWORKS[kind] | {"streams": tuple(which.split("+"))}
            model = SETTINGS.model.model_copy(update=changed)
            made[kind if which == "pose" else which] = network(model, settings)
    return made


def network(model: Model, settings: Train) -> Fit:
    def fit(train: Dataset, val: Dataset, seed: int) -> Judge:
        fitted = training.fit(train, val, model, settings, seed)

        thresholds = np.array([np.nan if t is None else t for t in fitted.thresholds])

        def logits(x: data.Floats, pixels: Pixels | None = None) -> Floats:
            found = infer(fitted.network, x, pixels)[0].astype(np.float64)
            found[:, np.isnan(thresholds)] = np.nan
            return found

        return _judge(logits, fitted.calibration, thresholds)

    return fit


def trees(name: Tree, settings: Train) -> Fit:
    """The baseline of this name, as `evaluate` trains it."""

    def fit(train: Dataset, val: Dataset, seed: int) -> Judge:
        found = baselines.fit([name], train, val, Model(), settings, seed=seed)[name]
        if isinstance(found, str):
            raise ValueError(found)

        def logits(x: data.Floats, _: Pixels | None = None) -> Floats:
            said = np.full((len(x), len(found.thresholds)), np.nan)
            seen = data.seen(x)
            said[seen] = found.logits(x[seen])
            return said

        return _judge(logits, found.calibration or [], found.thresholds)

    return fit


def _judge(logits: Callable[..., Floats], calibration: Sequence[Platt], thresholds: Floats) -> Judge:
    def of(x: data.Floats, pixels: Pixels | None = None) -> Floats:
        said = logits(x, pixels)
        return np.stack([platt(said[:, e]) for e, platt in enumerate(calibration)], axis=1)

    return Judge(of, thresholds, lambda x: sigmoid(logits(x)))


def apart(groups: Sequence[str], share: float, seed: int) -> Bools:
    """Return (N,): whether a rep is of the `share` of people who are held out for validation."""
    names = sorted(set(groups))
    held = set(np.random.default_rng(seed).permutation(names)[: max(1, round(len(names) * share))])
    return np.array([g in held for g in groups], dtype=bool)
