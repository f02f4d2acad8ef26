"""What was tried beyond the model that is kept, each beside it in the same run, and what one part brings.

    python benchmarks/tried.py [--train DIR ...] [--avatars DIR] [--seeds 2]

People (as in real.py: five folds of scenes, learnt from people), F1 and AP per error:
- pseudo-labels: what the first training is sure of (below .05, above .95) joins the labels of a second one
- pretrained: convolutions and LSTM first learn to fill in hidden parts of the reps, without labels
- three averaged: of other seeds
- trees beside the rules: the prior is the mean of the rules' log-odds and those of trees, which are made for
  training reps by trees that did not see their scene
- without the usual rep: nothing is said of how far a rep is from the others of its video; also where
  avatars alone are learnt from

Avatars (as in bodies.py: five folds of bodies), AP and the best F1 of trees on kinematic features:
- without the usual rep: likewise; the network, too
- lifted: a convolutional network learns the true kinematic signals from MediaPipe's; its guess stands beside
- shown: an error counts only where the true joints show it, more than 95 of 100 right reps of its view do
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import comparison
import numpy as np
import numpy.typing as npt
import real
import torch
from bodies import FOLDS, chosen
from bodies import out_of_fold as out_of_fold_bodies
from collection import SETTINGS, load_all, parser
from contenders import Judge, network
from corpus import ERRORS, Corpus, films, join, labelled_avatar, with_joints
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.model_selection import GroupKFold
from torch import nn

from pushup_data import kinematics, landmarks
from pushup_data.model import data, measures, training
from pushup_data.model.calibration import log_odds
from pushup_data.model.data import KINEMATIC
from pushup_data.model.features import STATISTICS, features
from pushup_data.model.measures import KINEMATICS
from pushup_data.model.network import Network
from pushup_data.params import Model

Floats = npt.NDArray[np.float64]

FIT = network(SETTINGS.model, SETTINGS.train)
SURE = 0.05
SIGNALS = slice(KINEMATIC.start, KINEMATIC.start + len(KINEMATICS))  # without how far apart they are
EPOCHS = 40  # of a lifter


def main() -> None:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--train", type=Path, nargs="+", help="default: PUSHUP_REAL_DATA")
    made.add_argument("--avatars", type=Path, default=Path("/tmp/pushup-avatar-bodies"))
    made.add_argument("--sets", type=int, default=300)
    made.add_argument("--front", type=int, default=60)
    made.add_argument("--seeds", type=int, default=2)
    options = made.parse_args()
    avatars, true = with_truth(options.sets, options.front, options.avatars)
    [clips] = load_all([options.train or [options.real]], options.cache)
    task = real.Task(clips, None, lambda: avatars)
    on_people(task, options.seeds)
    from_avatars_to_people(task, options.seeds)
    on_avatars(avatars, true)


def on_people(task: real.Task, seeds: int) -> None:
    variants: dict[str, real.Learn] = {
        "as it is": lambda train, val, seed: FIT(train.dataset(), val.dataset(), seed),
        "pseudo-labels": pseudo_labels,
        "pretrained": pretrained,
        "three averaged": averaged,
        "trees beside the rules": with_trees,
        "without the usual rep": without_usual,
    }
    for i, (name, variant) in enumerate(variants.items()):
        runs = [real.judged(task, variant, "real", seed) for seed in range(seeds)]
        rows(task, name, runs, head=not i)


def rows(task: real.Task, name: str, runs: comparison.Said, *, head: bool) -> None:
    truth = comparison.consensus(task.clips)
    columns = [e for e in range(len(ERRORS)) if (truth[:, e] == 1).any()]
    if head:
        print("\n| F1, AP | clips | " + " | ".join(ERRORS[e] for e in columns) + " |")
        print("|---|---" + "|---" * len(columns) + "|")
    standard = np.array([c.standard for c in task.clips])
    for title, keep in (("standard", standard), ("all", np.ones(len(standard), dtype=bool))):
        cells = [comparison.figures(runs, truth, keep, e) for e in columns]
        print(f"| {name} | {title} | " + " | ".join(cells) + " |", flush=True)


def pseudo_labels(train: Corpus, val: Corpus, seed: int) -> Judge:
    said, _ = real.with_rules(FIT(train.dataset(), val.dataset(), seed), train)
    unknown = np.isnan(train.y) & train.shown
    y = np.where(unknown & (said > 1 - SURE), 1, np.where(unknown & (said < SURE), 0, train.y))
    return FIT(replace(train, y=y.astype(np.float32)).dataset(), val.dataset(), seed)


def pretrained(train: Corpus, val: Corpus, seed: int) -> Judge:
    """Hide two fifths of each rep's steps, in runs of four, and learn to fill them in; then as usual."""
    torch.manual_seed(seed)
    reps = np.concatenate([train.x, val.x])
    x = torch.from_numpy(reps[data.seen(reps)])
    net = Network(x.shape[2], len(ERRORS), SETTINGS.model)
    with torch.no_grad():
        net.standardise(x)
    inside = torch.nan_to_num(((x - net.mean) / net.spread)[..., : net.inside]).clamp(-5, 5)
    back = nn.ConvTranspose1d(2 * SETTINGS.model.width, net.inside, 4, stride=4)
    learning = [*net.convolutions.parameters(), *net.reader.parameters(), *back.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=0.002)
    for _ in range(20):
        for batch in torch.split(torch.randperm(len(inside)), 16):
            whole = inside[batch]
            hidden = (torch.rand(len(batch), whole.shape[1] // 4, 1) < 0.4).repeat_interleave(4, 1).float()
            states = net.reader(net.convolutions((whole * (1 - hidden)).transpose(1, 2)).transpose(1, 2))
            guess = back(states.transpose(1, 2)).transpose(1, 2)
            optimizer.zero_grad()
            ((guess - whole) ** 2 * hidden).mean().backward()
            optimizer.step()
    start = {k: v for k, v in net.state_dict().items() if k.startswith(("convolutions", "reader"))}

    def begun(channels: int, errors: int, model: Model) -> Network:
        made = Network(channels, errors, model)
        made.load_state_dict(start, strict=False)
        return made

    with mock.patch.object(training, "Network", begun):
        return FIT(train.dataset(), val.dataset(), seed)


def averaged(train: Corpus, val: Corpus, seed: int) -> Judge:
    judges = [FIT(train.dataset(), val.dataset(), 10 * seed + k) for k in range(3)]
    return Judge(
        lambda x, _=None: np.mean([j.of(x) for j in judges], axis=0),
        np.mean([j.thresholds for j in judges], axis=0),
        judges[0].uncalibrated,
    )


def with_trees(train: Corpus, val: Corpus, seed: int) -> Judge:
    trees = grown(features(train.x), train.y, seed)
    unseen = out_of_fold(train, lambda at: grown(features(train.x[at]), train.y[at], seed), seed)
    first = replace(train, x=beside_rules(train.x, unseen))
    second = replace(val, x=beside_rules(val.x, trees(features(val.x))))
    judge = FIT(first.dataset(), second.dataset(), seed)
    return prepared(judge, lambda x: beside_rules(x, trees(features(x))))


def without_usual(train: Corpus, val: Corpus, seed: int) -> Judge:
    first, second = (replace(side, x=unapart(side.x)).dataset() for side in (train, val))
    return prepared(FIT(first, second, seed), unapart)


def unapart(x: data.Floats) -> data.Floats:
    """Return sequences as if each rep were the only one of its video."""
    changed = x.copy()
    changed[..., KINEMATIC][..., len(KINEMATICS) :] = np.nan
    return changed


def prepared(judge: Judge, prepare: Callable[[data.Floats], data.Floats]) -> Judge:
    return Judge(
        lambda x, _=None: judge.of(prepare(x)), judge.thresholds, lambda x: judge.uncalibrated(prepare(x))
    )


def beside_rules(x: data.Floats, probability: Floats) -> data.Floats:
    """Return sequences whose prior is the mean of the rules' and these log-odds; NaN says nothing."""
    limit = 1 / (1 + np.exp(data.MAX_LOGIT))
    said = np.nan_to_num(log_odds(probability, limit))
    changed = x.copy()
    changed[..., -len(ERRORS) :] = (x[..., -len(ERRORS) :] + said[:, None]) / 2
    return changed


def grown(x: data.Floats, y: data.Floats, seed: int) -> Callable[[data.Floats], Floats]:
    """Return trees' (N, errors) probabilities, NaN where an error cannot be learnt."""
    models = {}
    for e in range(len(ERRORS)):
        known = np.isfinite(y[:, e])
        if len(np.unique(y[known, e])) > 1:
            model = ExtraTreesClassifier(
                300, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=1
            )
            models[e] = model.fit(np.nan_to_num(x[known], nan=-9.0), y[known, e])

    def judge(features: data.Floats) -> Floats:
        said = np.full((len(features), len(ERRORS)), np.nan)
        for e, model in models.items():
            if len(features):
                said[:, e] = model.predict_proba(np.nan_to_num(features, nan=-9.0))[:, 1]
        return said

    return judge


def out_of_fold(
    corpus: Corpus, fit: Callable[[npt.NDArray[np.intp]], Callable[[data.Floats], Floats]], seed: int
) -> Floats:
    """Return (N, errors) for reps whose person or body was not learnt from."""
    said = np.full(corpus.y.shape, np.nan)
    for rest, test in folds(corpus, seed):
        said[test] = fit(rest)(features(corpus.x[test]))
    return said


def with_truth(sets: int, front: int, folder: Path) -> tuple[Corpus, Floats]:
    """Return the avatars' reps, and (N, steps, signals): KINEMATICS as the bodies' own joints have them."""
    parts, true = [], []
    for row, table in (f for which in chosen(sets, front, folder) for f in films(*which).values()):
        part = labelled_avatar(row, table)
        signals = kinematics.measure(
            landmarks.from_table(with_joints(row, table)), row["fps"], row["width"], row["height"]
        )
        true += [measures.over_time(signals, rep, SETTINGS.model.steps) for rep in data.seen_as(part.reps)]
        parts.append(part)
    return join(*parts), np.array(true)


def on_avatars(avatars: Corpus, true: Floats) -> None:
    plain = features(avatars.x)
    lifted, before, after = lift(avatars, true)
    print("\n| signal | MediaPipe's mean difference from the truth | lifted |\n|---|---|---|")
    for (name, unit), one, other in zip(KINEMATICS.items(), before, after, strict=True):
        print(f"| {name} | {one * unit:.2f} | {other * unit:.2f} |")
    print("\n| AP, best F1 | " + " | ".join(ERRORS) + " | macro |\n|---" + "|---" * (len(ERRORS) + 1) + "|")
    hidden = unshown(avatars, true)
    shown = np.where(hidden, np.nan, avatars.y)
    for name, x, y in (
        ("trees", plain, avatars.y),
        ("trees, without the usual rep", features(unapart(avatars.x)), avatars.y),
        ("trees, lifted", np.concatenate([plain, lifted], axis=1), avatars.y),
        ("trees, shown", plain, shown),
    ):
        said = np.full(y.shape, np.nan)
        for rest, test in folds(avatars):
            said[test] = grown(x[rest], y[rest], 0)(x[test])
        scored(name, y, said)
    for name, part in (("", avatars), (", without the usual rep", replace(avatars, x=unapart(avatars.x)))):
        said = out_of_fold_bodies(part, FIT, 0)[0]
        scored(f"network{name}", avatars.y, said)
        scored(f"network{name}, shown", shown, said)
    print(f"not shown: {hidden.sum()} of {(avatars.y == 1).sum()} errors")


def scored(name: str, y: data.Floats, said: Floats) -> None:
    each = np.array([scores(y[:, e], said[:, e]) for e in range(len(ERRORS))])
    cells = [f"{ap:.2f}, {f1:.2f}" for ap, f1 in [*each, each.mean(axis=0)]]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def from_avatars_to_people(task: real.Task, seeds: int) -> None:
    as_it_is: real.Learn = lambda train, val, seed: FIT(train.dataset(), val.dataset(), seed)  # noqa: E731
    variants = {"from avatars, as it is": as_it_is, "from avatars, without the usual rep": without_usual}
    for name, variant in variants.items():
        rows(task, name, [real.judged(task, variant, "avatars", s) for s in range(seeds)], head=False)


def folds(corpus: Corpus, seed: int = 0) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Return (rest, test) per fold, nobody in both."""
    return list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(corpus.x, groups=corpus.groups))


def scores(y: data.Floats, said: Floats) -> tuple[float, float]:
    """Return AP, and F1 at the threshold that is best in hindsight."""
    known = np.isfinite(y) & np.isfinite(said)
    precision, recall, _ = precision_recall_curve(y[known], said[known])
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(average_precision_score(y[known], said[known])), float(f1.max())


def unshown(avatars: Corpus, true: Floats) -> npt.NDArray[np.bool_]:
    """Return (N, errors): present errors that in the picture of the true joints look like right reps."""
    inside = true[:, 6:-6]  # without what lies around the rep
    at = {name: i for i, name in enumerate(KINEMATICS)}
    height = inside[..., at["height"]]
    middle = (np.nanmin(height, axis=1) + np.nanmax(height, axis=1)) / 2
    lower = np.where((height <= middle[:, None])[..., None], inside, np.nan)
    strength = {
        "hips_sagging": -np.nanpercentile(inside[..., at["hip"]], 10, axis=1),
        "hips_piked": np.nanpercentile(inside[..., at["hip"]], 90, axis=1),
        "shallow_depth": np.nanmin(height, axis=1),
        "incomplete_lockout": -np.nanpercentile(inside[..., at["elbow"]], 98, axis=1),
        "elbows_flared": np.nanmedian(lower[..., at["spread"]], axis=1),
        "head_dropped": -np.nanmedian(inside[..., at["neck"]], axis=1),
        "asymmetric": np.abs(np.nanmedian(lower[..., at["tilt"]], axis=1)),
    }
    views, hidden = avatars.reps["view"].to_numpy(), np.zeros(avatars.y.shape, dtype=bool)
    for e, error in enumerate(ERRORS):
        for view in set(views):
            right = (views == view) & (avatars.y[:, e] == 0)
            if right.any():
                weak = strength[error] <= np.nanpercentile(strength[error][right], 95)
                hidden[:, e] |= (views == view) & (avatars.y[:, e] == 1) & weak
    return hidden


def lift(avatars: Corpus, true: Floats) -> tuple[data.Floats, Floats, Floats]:
    """Return features of lifted signals, by lifters that did not see the body; differences before, after.

    The lifters of a fold's training reps saw its test bodies, which flatters, and does not help all the same.
    """
    guess = np.zeros_like(true)
    for rest, test in folds(avatars):
        guess[test] = lifter(avatars.x[rest], true[rest])(avatars.x[test])
    x = avatars.x.copy()
    x[..., SIGNALS] = guess
    before, after = (np.nanmean(np.abs(s - true), axis=(0, 1)) for s in (avatars.x[..., SIGNALS], guess))
    return features(x)[:, : len(KINEMATICS) * len(STATISTICS)], before, after


def lifter(x: data.Floats, true: Floats) -> Callable[[data.Floats], Floats]:
    """Learn true signals (N, steps, signals) from x (N, steps, channels); return what guesses them."""
    torch.manual_seed(0)
    inputs = torch.from_numpy(x[..., : -len(ERRORS)])
    mean = torch.nan_to_num(inputs.nanmean(dim=(0, 1)))
    spread = torch.nan_to_num((inputs - mean).square().nanmean(dim=(0, 1)).sqrt(), nan=1.0).clamp(min=0.05)

    def standard(values: data.Floats) -> torch.Tensor:
        return torch.nan_to_num((torch.from_numpy(values[..., : -len(ERRORS)]) - mean) / spread).clamp(-6, 6)

    wanted = (torch.from_numpy(true.astype(np.float32)) - mean[SIGNALS]) / spread[SIGNALS]
    known, wanted, inputs = torch.isfinite(wanted), torch.nan_to_num(wanted), standard(x)
    net = nn.Sequential(
        nn.Conv1d(inputs.shape[2], 64, 5, padding=2),
        nn.GELU(),
        nn.Dropout(0.2),
        nn.Conv1d(64, 64, 5, padding=4, dilation=2),
        nn.GELU(),
        nn.Dropout(0.2),
        nn.Conv1d(64, 64, 5, padding=8, dilation=4),
        nn.GELU(),
        nn.Conv1d(64, len(KINEMATICS), 1),
    )

    def guess(values: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(values[..., SIGNALS] + net(values.transpose(1, 2)).transpose(1, 2))

    optimizer = torch.optim.AdamW(net.parameters(), lr=0.002, weight_decay=0.05)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(inputs)), 16):
            values = inputs[batch]
            values = values + 0.1 * torch.randn(len(batch), 1, values.shape[2])
            values = values * (torch.rand(len(batch), 1, values.shape[2]) > 0.1)
            off = nn.functional.smooth_l1_loss(guess(values), wanted[batch], reduction="none")
            optimizer.zero_grad()
            (off * known[batch]).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    net.eval()

    def lifted(values: data.Floats) -> Floats:
        with torch.no_grad():
            found = guess(standard(values)) * spread[SIGNALS] + mean[SIGNALS]
        return np.asarray(found.numpy(), dtype=np.float64)

    return lifted


if __name__ == "__main__":
    main()
