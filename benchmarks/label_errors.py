"""How many wrong labels the review queue finds: a tenth of all labels flipped, known which.

    python benchmarks/label_errors.py [--real DIR]

Simulated reps of 40 people, and the real clips in DIR with the labels on which both raters agree and the
kinematics of their landmarks. "Found" is the share of flipped labels among the first 15 % by doubt, by chance
15 %. "By reps" goes by whole reps, as the queue does: the share of what the best order of reps could have,
since a rep has several labels. AUC is that of the probabilities the labels are held against, on the true
labels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from collection import load, parser
from rules import TAXONOMY, judge
from simulated import ERRORS, Booleans, Floats, measured
from sklearn.metrics import roc_auc_score

from pushup_data import doubts, kinematics, quality, reviews, tables
from pushup_data.model import data, measures
from pushup_data.model.measures import Seen

World = tuple[Floats, Floats, Floats, list[str]]  # labels, features, rules, who is filmed
FLIPPED, FIRST, SEEDS = 0.1, 0.15, 10


def main() -> None:
    chosen = parser(__doc__.splitlines()[0]).parse_args()
    print("| reps | labels | AUC | found [least, most] | by the rules alone | by reps, of the best |")
    print("|---|---|---|---|---|---|")
    for name, noise, camera in (
        ("simulated, well measured", 0.5, 0.3),
        ("simulated", 0.8, 0.5),
        ("simulated, badly measured", 1.2, 0.8),
    ):
        worlds = [measured(seed, noise=noise, camera=camera) for seed in range(SEEDS)]
        row(name, ERRORS, [(t.astype(float), x, r, s) for t, x, r, s in worlds])
    if chosen.real:
        world = real(Path(chosen.real), chosen.cache)
        row("real clips", TAXONOMY.ids, [world] * SEEDS)
    else:
        print("\nno real clips: name their folder by --real or PUSHUP_REAL_DATA")


def row(name: str, errors: Sequence[str], worlds: Sequence[World]) -> None:
    results = np.array([trial(seed, errors, *world) for seed, world in enumerate(worlds)])
    auc, found, alone, by_reps = results.mean(axis=0)
    labels = int(np.isfinite(worlds[0][0]).sum())
    span = f"{found:.0%} [{results[:, 1].min():.0%}, {results[:, 1].max():.0%}]"
    print(f"| {name}, {len(worlds[0][0])} | {labels} | {auc:.2f} | {span} | {alone:.0%} | {by_reps:.0%} |")


def trial(
    seed: int, errors: Sequence[str], truth: Floats, x: Floats, rules: Floats, subjects: list[str]
) -> tuple[float, float, float, float]:
    known = np.isfinite(truth)
    flipped = (np.random.default_rng(seed + 100).random(truth.shape) < FLIPPED) & known
    y = np.where(flipped, 1 - truth, truth)
    probability = doubts.out_of_fold(x, y, rules, subjects, seed)
    areas = [
        roc_auc_score(truth[at, e], probability[at, e])
        for e in range(len(errors))
        for at in [known[:, e] & np.isfinite(probability[:, e])]
        if len(set(truth[at, e])) == 2
    ]
    rep_ids = [f"r{i:05d}" for i in range(len(y))]
    table = doubts.table(rep_ids, errors, y, probability)
    by_rules = doubts.table(rep_ids, errors, y, np.where(known, rules, np.nan))
    worth = reviews.worth(table, tables.LABELS.empty())
    first = int(FIRST * len(y))
    asked = [int(rep[1:]) for rep in sorted(worth, key=worth.__getitem__, reverse=True)[:first]]
    best = np.sort(flipped.sum(axis=1))[::-1][:first].sum()
    return (
        float(np.mean(areas)),
        front(table, errors, flipped),
        front(by_rules, errors, flipped),
        float(flipped[asked].sum() / best),
    )


def front(table: pl.DataFrame, errors: Sequence[str], flipped: Booleans) -> float:
    """Return the share of all flipped labels among the first by doubt."""
    order = table.sort("doubt", descending=True).head(int(FIRST * len(table)))
    places = [
        (int(rep[1:]), errors.index(error)) for rep, error in order.select("rep_id", "error").iter_rows()
    ]
    return float(sum(flipped[place] for place in places) / flipped.sum())


def real(folder: Path, cache: Path) -> World:
    """Return the labels on which both raters agree, the landmarks' statistics and the rules' opinion."""
    clips = load(folder, cache)
    truth, rules, x = [], [], []
    for clip in clips:
        opinion = judge(clip)
        rules.append([np.nan if opinion[e][0] is None else opinion[e][0] for e in TAXONOMY.ids])
        truth.append([{"0": 0.0, "1": 1.0}.get(clip.agreed(e) or "", np.nan) for e in TAXONOMY.ids])
        size = (clip.width, clip.height)
        signals = kinematics.measure(clip.pose, clip.fps, *size)
        rep = Seen(0, len(clip.table), quality.near_side(clip.pose), "side", "feet")
        whole = data.sequence(
            clip.pose,
            signals,
            rep,
            np.zeros(0, dtype=np.float32),
            measures.common(signals, [rep], rep, 32),
            size=size,
        )
        x.append(data.statistics(whole[None])[0])
    return np.array(truth), np.array(x, dtype=float), np.array(rules, dtype=float), [c.scene for c in clips]


if __name__ == "__main__":
    main()
