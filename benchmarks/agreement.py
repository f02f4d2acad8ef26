"""How well people agree, and whether what we say of annotators is true of annotators whose rates we know.

    python benchmarks/agreement.py --real DIR

Simulated: people with known rates vote; what reliability.py makes of their votes is put beside the rates, and
the consensus beside a plain majority of the same votes. Real: two raters of the clips in DIR, next to the
figures that its README.md gives for the whole collection, of which DIR holds the development part. "?" is no
judgement. Intervals: 95 %, bootstrap over scenes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from collection import parser
from simulated import Booleans, Floats, ballots

from pushup_data import agreement, reliability, taxonomy, votes
from pushup_data.votes import Votes
from pushup_data.workspace import TEMPLATE

TAXONOMY = taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")
SEEDS = 20

# alpha and F1 by the README of the collection; it says of asymmetric that nobody ever saw it.
COLLECTION = {
    "hips_sagging": (0.92, 0.94),
    "hips_piked": (0.86, 0.87),
    "incomplete_lockout": (0.85, 0.86),
    "elbows_flared": (0.64, 0.74),
    "shallow_depth": (0.57, 0.57),
    "head_dropped": (0.17, 0.24),
}


def main() -> None:
    chosen = parser(__doc__.splitlines()[0]).parse_args()
    print(f"simulated annotators: error of the rate that is furthest off, in points, over {SEEDS} seeds;")
    print("wrong labels by consensus and by majority, ties by coin\n")
    print("| sensitivity | specificity | reps | opinions | median | worst | consensus | majority |")
    print("|---|---|---|---|---|---|---|---|")
    four = ((0.95, 0.9, 0.8, 0.7), (0.99, 0.97, 0.92, 0.85))
    three = ((0.95, 0.8, 0.7), (0.98, 0.93, 0.88))
    two = ((0.9, 0.7), (0.97, 0.9))
    for rates, reps, asked in (
        (four, 1000, 3),
        (four, 1000, 2),
        (four, 300, 3),
        (three, 1000, 3),
        (two, 1000, 2),
    ):
        simulated(*rates, reps=reps, asked=asked)
    if chosen.real is None:
        sys.exit(
            "\nname the folder with the real clips by --real or PUSHUP_REAL_DATA for the two raters' table"
        )
    real(Path(chosen.real))


def simulated(sensitivity: Sequence[float], specificity: Sequence[float], *, reps: int, asked: int) -> None:
    true = np.stack([sensitivity, specificity], axis=1)
    off, ours, plain = [], [], []
    for seed in range(SEEDS):
        truth, said = ballots(seed, sensitivity, specificity, reps=reps, asked=asked)
        found = reliability.estimate(said)
        off.append(np.abs(found.overall - true).max() * 100)
        present, absent = ((said.said == v).astype(float) for v in (votes.PRESENT, votes.ABSENT))
        accuracy = found.accuracy(said.annotators)
        sides = present - absent
        ours.append(wrong((sides * np.log(accuracy / (1 - accuracy))).sum(axis=1), truth))
        plain.append(wrong(sides.sum(axis=1), truth))
    rates = " | ".join(", ".join(f"{rate:.2f}" for rate in row) for row in (sensitivity, specificity))
    labels = f"{np.mean(ours):.1%} | {np.mean(plain):.1%}"
    print(f"| {rates} | {reps} | {asked} | {np.median(off):.1f} | {max(off):.1f} | {labels} |")


def wrong(score: Floats, truth: Booleans) -> float:
    """Return the share of labels that are wrong; a tie is wrong half the time, as by coin."""
    return float(np.where(score == 0, 0.5, (score > 0) != truth).mean())


def real(folder: Path) -> None:
    ratings = pl.read_csv(folder / "ratings.csv", infer_schema=False)
    scene = dict(pl.read_csv(folder / "clips.csv", infer_schema=False).select("clip_id", "scene").iter_rows())
    clips = sorted(scene)
    raters = sorted(set(ratings["rater"]))
    codes = {"0": votes.ABSENT, "1": votes.PRESENT, "?": votes.UNKNOWN}
    values = np.full((len(clips), len(raters), len(TAXONOMY.ids)), votes.NONE, dtype=np.int8)
    for row in ratings.rows(named=True):
        unusable = row["usable"] != "yes"
        at = [votes.UNKNOWN if unusable else codes[row[error]] for error in TAXONOMY.ids]
        values[clips.index(row["clip_id"]), raters.index(row["rater"])] = at
    said = Votes(clips, raters, TAXONOMY.ids, values)
    found = agreement.agreement(said, scene, bootstrap=2000, seed=0)
    print(
        f"\ntwo raters of {len(clips)} real clips of {len(set(scene.values()))} scenes (development part)\n"
    )
    print("| error | judged by both | 1 by A, B, both | alpha | agree | F1 | collection: alpha, F1 |")
    print("|---|---|---|---|---|---|---|")
    for e, error in enumerate(TAXONOMY.ids):
        row = found[error]
        a, b = values[:, 0, e], values[:, 1, e]
        judged = (a < votes.UNKNOWN) & (b < votes.UNKNOWN)
        one, other = (a == votes.PRESENT) & judged, (b == votes.PRESENT) & judged
        ones = one.sum() + other.sum()
        f1 = f"{2 * (one & other).sum() / ones:.2f}" if ones else row["reason"]
        span = "" if row["alpha_low"] is None else f" [{row['alpha_low']:.2f}, {row['alpha_high']:.2f}]"
        alpha = row["reason"] if row["alpha"] is None else f"{row['alpha']:.2f}{span}"
        whole = "{:.2f}, {:.2f}".format(*COLLECTION[error]) if error in COLLECTION else "never marked"
        counts = f"{one.sum()}, {other.sum()}, {(one & other).sum()}"
        print(f"| {error} | {row['units']} | {counts} | {alpha} | {row['percent']:.0%} | {f1} | {whole} |")
    print("\nwhat reliability.py makes of the two (with two raters, rates lean on their common answers)\n")
    print("| rater | shared judgements | sensitivity | specificity |")
    print("|---|---|---|---|")
    for name, row in reliability.estimate(said).report().items():
        print(
            f"| {name} | {row['shared_judgements']} | {row['sensitivity']:.2f} | {row['specificity']:.2f} |"
        )


if __name__ == "__main__":
    main()
