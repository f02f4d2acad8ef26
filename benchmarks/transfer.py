"""Does what is learnt on avatars hold for people? Train on avatars only, test on the real clips.

    python benchmarks/transfer.py --real DIR [--sets 100] [--seed 1000] [--work DIR] [--seeds 3]

Renders avatars (kept in --work), tracks them, trains a random forest on kinematic statistics and the CNN-LSTM
on their landmarks, each with labels that are unknown where the camera cannot show an error, and says of the
real clips' standard variants, per error, F1 and average precision beside the rules and chance. A clip's
probability is the largest of its reps'. Thresholds are chosen on avatars' bodies held out (5 folds), never on
real clips. Then: how far apart right avatars and right people are, feature by feature (Kolmogorov-Smirnov),
and how well a forest tells one from the other.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from avatar import TAXONOMY, overlap, tracked
from collection import SETTINGS, load, parser
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from pushup_data import kinematics, quality, reps, rules
from pushup_data.avatar import sets
from pushup_data.avatar.sets import Recipe
from pushup_data.kinematics import Signals
from pushup_data.landmarks import Pose
from pushup_data.model import data, training
from pushup_data.model.data import Dataset
from pushup_data.reps import Rep

Floats = npt.NDArray[np.float64]

SERIES = ("height", "elbow", "trunk", "hip_ankle", "hip_knee", "neck", "spread", "tilt", "knee", "knee_drop")
STATISTICS = ("p5", "p25", "p50", "p75", "p95", "range", "bottom", "top")
FEATURES = [f"{series} {statistic}" for series in SERIES for statistic in STATISTICS]
ERRORS = TAXONOMY.ids


@dataclass(frozen=True)
class Sample:
    """One rep: what it is measured by, and what is known of it."""

    group: str  # body, or scene
    view: str
    features: Floats
    sequence: data.Floats
    rules: dict[str, float | None]
    y: Floats  # per error 1, 0, NaN
    right: bool  # nothing is wrong with it, seen or not


@dataclass(frozen=True)
class RealClip:
    scene: str
    said: dict[str, str | None]  # per error what both raters say
    samples: list[Sample]


def main() -> None:
    options = arguments()
    recipes = [Recipe(seed=options.seed, number=i, reps=(3, 6)) for i in range(options.sets)]
    truth = sets.render(recipes, options.work)
    avatars = [s for row, table in tracked(truth, options.work) for s in of_set(row, table)]
    clips = [c for c in load(options.real, options.cache) if c.standard]
    real = [RealClip(c.scene, {e: c.agreed(e) for e in ERRORS}, of_clip(c)) for c in clips]
    print(f"{len(avatars)} avatar reps of {len(truth)} sets; {len(real)} real clips, standard variants\n")
    transfer(avatars, real, options.seeds)
    distances(avatars, real)


def arguments() -> argparse.Namespace:
    made = parser(__doc__.splitlines()[0])
    made.add_argument("--sets", type=int, default=100)
    made.add_argument("--seed", type=int, default=1000)
    made.add_argument("--seeds", type=int, default=3, help="trainings per model")
    made.add_argument("--work", type=Path, default=Path("/tmp/pushup-avatar-transfer"))
    return made.parse_args()


def sample(
    pose: Pose,
    signals: Signals,
    rep: Rep,
    *,
    size: tuple[int, int],
    fps: float,
    group: str,
    y: Floats,
    right: bool,
) -> Sample:
    width, height = size
    light = np.full(len(pose), 120.0)
    flags = quality.assess(
        pose, light, light * 3, SETTINGS.quality, start=rep.start, end=rep.end, aspect=width / height
    ).flags
    said = rules.judge(rep, signals, fps, flags, taxonomy=TAXONOMY, rules=SETTINGS.rules)
    sequence = data.sequence(
        pose,
        start=rep.start,
        end=rep.end,
        near_side=rep.near_side,
        width=width,
        height=height,
        steps=SETTINGS.train.steps,
    )
    return Sample(
        group=group,
        view=rep.view,
        features=statistics(signals, rep),
        sequence=sequence,
        rules={o.error: o.probability for o in said},
        y=y,
        right=right,
    )


def statistics(signals: Signals, rep: Rep) -> Floats:
    """Return (FEATURES,) of one rep; NaN where nothing is known."""
    found: list[float] = []
    for name in SERIES:
        part = getattr(signals, name)[rep.start : rep.end]
        if not np.isfinite(part).any():
            found += [float("nan")] * len(STATISTICS)
            continue
        low = rep.bottom - rep.start
        edge = max(len(part) // 10, 1)
        p = np.nanpercentile(part, [5, 25, 50, 75, 95])
        ends = np.concatenate([part[:edge], part[-edge:]])
        top = float(np.nanmean(ends)) if np.isfinite(ends).any() else float("nan")
        found += [*p, p[4] - p[0], float(part[low]), top]
    return np.array(found)


def of_set(row: dict[str, Any], table: Any) -> list[Sample]:
    """Return the reps of an avatar that are found, with their truth; none of a flawed picture."""
    from pushup_data import landmarks

    if row["flaw"]:
        return []
    pose = landmarks.from_table(table)
    size = (row["width"], row["height"])
    signals = kinematics.measure(pose, row["fps"], *size)
    found = []
    for rep in reps.in_signals(signals, pose, row["fps"], SETTINGS.reps):
        for true in row["reps"]:
            if overlap(true, rep) > 0.5:
                value = {t["error"]: {"present": 1.0, "absent": 0.0}.get(t["value"]) for t in true["errors"]}
                y = np.array([np.nan if value[e] is None else value[e] for e in ERRORS], dtype=np.float64)
                found.append(
                    sample(
                        pose,
                        signals,
                        rep,
                        size=size,
                        fps=row["fps"],
                        group=row["subject"],
                        y=y,
                        right=not any(t["severity"] for t in true["errors"]),
                    )
                )
    return found


def of_clip(clip: Any) -> list[Sample]:
    right = all(clip.agreed(error) != "1" for error in ERRORS)
    signals = kinematics.measure(clip.pose, clip.fps, clip.width, clip.height)
    unknown = np.full(len(ERRORS), np.nan)
    size = (clip.width, clip.height)
    found = reps.in_signals(signals, clip.pose, clip.fps, SETTINGS.reps)
    of_all = {"size": size, "fps": clip.fps, "group": clip.scene, "y": unknown, "right": right}
    return [sample(clip.pose, signals, rep, **of_all) for rep in found]


def transfer(avatars: Sequence[Sample], real: Sequence[RealClip], seeds: int) -> None:
    print("| error | present | absent | chance | rules F1 | AP | forest F1 | AP | CNN-LSTM F1 | AP ", end="")
    print("| forest at home |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    networks = [network(avatars, real, seed) for seed in range(seeds)]
    for e, error in enumerate(TAXONOMY.errors):
        known = [s for s in avatars if np.isfinite(s.y[e])]
        y = np.array([s.y[e] for s in known])
        judged = [c for c in real if c.said[error.id] in ("0", "1") and any_view(c, error)]
        present = np.array([c.said[error.id] == "1" for c in judged])
        if not present.any():
            print(f"| {error.id} | 0 | {len(present)} | | no positives | | | | | | |")
            continue
        by_rules = np.array([highest([s.rules[error.id] for s in c.samples]) for c in judged])
        forests = [forest(known, y, judged, error, seed) for seed in range(seeds)]
        nets = [
            (
                np.array(
                    [highest(p[id(s)][e] for s in c.samples if error.judged_from(s.view)) for c in judged]
                ),
                t[e],
            )
            for p, t in networks
        ]
        cells = [f"{scores(present, by_rules, 0.5)}"]
        cells += [mean_scores(present, found) for found in ([(p, t) for p, t, _ in forests], nets)]
        inside = np.mean([f for _, _, f in forests])
        print(
            f"| {error.id} | {present.sum()} | {(~present).sum()} | {present.mean():.2f} | "
            + " | ".join(cells)
            + f" | {inside:.2f} |"
        )


def any_view(clip: RealClip, error: Any) -> bool:
    return any(error.judged_from(s.view) for s in clip.samples)


def highest(values: Any) -> float:
    known = [v for v in values if v is not None and np.isfinite(v)]
    return max(known, default=0.0)


def scores(present: npt.NDArray[np.bool_], p: Floats, threshold: float) -> str:
    said = p >= threshold
    f1 = 2 * (said & present).sum() / max(said.sum() + present.sum(), 1)
    return f"{f1:.2f} | {average_precision_score(present, p):.2f}"


def mean_scores(present: npt.NDArray[np.bool_], found: Sequence[tuple[Floats, float]]) -> str:
    each = np.array([[float(v) for v in scores(present, p, t).split(" | ")] for p, t in found])
    return " | ".join(f"{m:.2f} ± {s:.2f}" for m, s in zip(each.mean(axis=0), each.std(axis=0), strict=True))


def forest(
    known: Sequence[Sample], y: Floats, judged: Sequence[RealClip], error: Any, seed: int
) -> tuple[Floats, float, float]:
    """Return the judged clips' probabilities, the threshold chosen on avatars, and the F1 there."""
    x = np.nan_to_num(np.stack([s.features for s in known]), nan=-9.0)
    groups = [s.group for s in known]
    model = RandomForestClassifier(
        300, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=2
    )
    out = cross_val_predict(model, x, y, groups=groups, cv=GroupKFold(5), method="predict_proba")[:, 1]
    at = training.threshold(out.astype(np.float32), y.astype(np.float32))
    f1 = 2 * ((out >= at) & (y == 1)).sum() / max((out >= at).sum() + (y == 1).sum(), 1)
    model.fit(x, y)

    def of(clip: RealClip) -> float:
        seen = [s.features for s in clip.samples if error.judged_from(s.view)]
        return float(model.predict_proba(np.nan_to_num(np.stack(seen), nan=-9.0))[:, 1].max())

    return np.array([of(c) for c in judged]), at, float(f1)


def network(
    avatars: Sequence[Sample], real: Sequence[RealClip], seed: int
) -> tuple[dict[int, data.Floats], list[float]]:
    """Train the CNN-LSTM, a fifth of the bodies held out; return real reps' probabilities, and thresholds."""
    bodies = sorted({s.group for s in avatars})
    held = set(np.random.default_rng(seed).permutation(bodies)[: len(bodies) // 5])
    sides = [[s for s in avatars if (s.group in held) == wanted] for wanted in (False, True)]
    train, val = (
        Dataset(
            [str(i) for i in range(len(side))],
            [s.group for s in side],
            np.stack([s.sequence for s in side]),
            np.stack([s.y for s in side]).astype(np.float32),
        )
        for side in sides
    )
    fitted = training.fit(train, val, SETTINGS.train, seed)
    samples = [s for c in real for s in c.samples]
    x = np.stack([s.sequence for s in samples])
    probability = np.full((len(x), len(ERRORS)), np.nan, dtype=np.float32)
    seen = data.seen(x)
    with torch.no_grad():
        probability[seen] = torch.sigmoid(fitted.network(torch.from_numpy(x[seen]))).numpy()
    thresholds = [0.5 if t is None else t for t in fitted.thresholds]
    return {id(s): p for s, p in zip(samples, probability, strict=True)}, thresholds


def distances(avatars: Sequence[Sample], real: Sequence[RealClip]) -> None:
    """Compare right reps from side and obliquely, where a feature is known on both sides."""
    beside = ("side", "oblique")
    ours = [s for s in avatars if s.view in beside and s.right]
    theirs = [s for c in real for s in c.samples if s.view in beside and s.right]
    a, b = (np.stack([s.features for s in side]) for side in (ours, theirs))
    print(f"\nright reps from side and obliquely: {len(a)} avatars', {len(b)} people's\n")
    print("| feature | KS | avatars 10, 50, 90 % | people 10, 50, 90 % |\n|---|---|---|---|")
    found = []
    for i, name in enumerate(FEATURES):
        one, other = (side[np.isfinite(side[:, i]), i] for side in (a, b))
        found.append(float(ks_2samp(one, other).statistic))
        if name in SHOWN:
            spread = [
                ", ".join(f"{v:.2f}" for v in np.percentile(side, [10, 50, 90])) for side in (one, other)
            ]
            print(f"| {name} | {found[-1]:.2f} | {spread[0]} | {spread[1]} |")
    x = np.nan_to_num(np.concatenate([a, b]), nan=-9.0)
    domain = np.repeat([0, 1], [len(a), len(b)])
    groups = [s.group for s in [*ours, *theirs]]
    model = RandomForestClassifier(300, min_samples_leaf=3, random_state=0, n_jobs=2)
    told = cross_val_predict(model, x, domain, groups=groups, cv=GroupKFold(5), method="predict_proba")[:, 1]
    print(f"\nmean KS over {len(FEATURES)} features {np.mean(found):.2f}; ", end="")
    print(
        f"a forest tells avatars from people with an area under the ROC of {roc_auc_score(domain, told):.3f}"
    )


SHOWN = (
    "height p5",
    "height p95",
    "elbow p5",
    "elbow p95",
    "hip_ankle p50",
    "hip_ankle range",
    "neck p50",
    "neck p5",
    "spread bottom",
    "trunk p5",
    "trunk p95",
    "knee p50",
)


if __name__ == "__main__":
    main()
