"""How well pose, reps and rules do on avatars, whose truth is known to the pixel and the frame.

    python benchmarks/avatar.py [--sets 60] [--seed 1000] [--reps 3 6] [--work DIR]

Renders the sets (kept in --work, so that a second run only measures), tracks them, and compares:
- landmarks: PCK@a is the share of landmarks nearer to their true place than a times the trunk's length in the
  picture, as if it lay across it; over shoulders, elbows, wrists, hips, knees, ankles of both sides
- near elbow: mean absolute difference of the angle in the picture, degrees
- reps: sets whose count is exact; differences of start, bottom and end in frames over matched reps
- rules: F1 per error over matched reps where the view shows it; recall at mild, clear and strong thirds of
  severity, against the same right reps
Sets with a flaw (dark, blurred, hidden, cut off) are left out of all that; it is said how many are flagged.
Aims: PCK@0.2 >= .97 from side and obliquely, counts exact in 98 % of sets, 95 % of bottoms within 2 frames.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from collection import MADE_HOW, SETTINGS, extract

from pushup_data import (
    frames,
    geometry,
    kinematics,
    landmarks,
    quality,
    reps,
    rules,
    tables,
    taxonomy,
    workers,
)
from pushup_data.avatar import sets
from pushup_data.avatar.sets import Recipe
from pushup_data.landmarks import INDEX
from pushup_data.workspace import TEMPLATE

Floats = npt.NDArray[np.float64]

TAXONOMY = taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = [INDEX[f"{side}_{limb}"] for side in ("left", "right") for limb in LIMBS]
VIEWS = ("side", "oblique", "front")


@dataclass(frozen=True)
class Judged:
    """One error of one matched rep."""

    view: str
    error: str
    severity: float | None  # None: absent
    probability: float | None


@dataclass(frozen=True)
class Measured:
    """One set."""

    view: str
    flaw: str
    flagged: bool
    detected: float
    distances: Floats  # (T, joints) in trunk lengths; NaN where nobody is found
    elbow: Floats  # (T,) differences in degrees
    true_reps: int
    found_reps: float
    off: list[tuple[int, int, int]]  # start, bottom, end of matched reps
    judged: list[Judged]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--reps", type=int, nargs=2, default=(3, 6))
    parser.add_argument("--work", type=Path, default=Path("/tmp/pushup-avatar-benchmark"))
    options = parser.parse_args()
    recipes = [Recipe(seed=options.seed, number=i, reps=tuple(options.reps)) for i in range(options.sets)]
    truth = sets.render(recipes, options.work)
    measured = [measure(row, table) for row, table in tracked(truth, options.work)]
    fine = [m for m in measured if not m.flaw]
    flawed = [m for m in measured if m.flaw]
    print(
        f"{len(fine)} sets, {sum(m.true_reps for m in fine)} reps; with a flaw: {len(flawed)} sets, ", end=""
    )
    print(
        f"{sum(m.flagged for m in flawed)} of them flagged; without: {sum(m.flagged for m in fine)} flagged"
    )
    met = pose_table(fine)
    met &= rep_table(fine)
    rule_table(fine)
    sys.exit(0 if met else 1)


def tracked(truth: pl.DataFrame, folder: Path) -> list[tuple[dict[str, Any], pl.DataFrame]]:
    """Return each set's truth and tables.POSE, tracking those that are new."""
    rows = truth.rows(named=True)
    poses = {row["file"]: folder / MADE_HOW / f"{row['file']}-{row['recipe']}.parquet" for row in rows}
    jobs = [(folder / name, path) for name, path in poses.items() if not path.exists()]
    for outcome in workers.run(extract, jobs, label="pose", time_limit_s=900, name=lambda job: job[0].name):
        if outcome.error:
            sys.exit(str(outcome.error))
    return [(row, tables.read(tables.POSE, poses[row["file"]])) for row in rows]


def measure(row: dict[str, Any], table: pl.DataFrame) -> Measured:
    pose = landmarks.from_table(table)
    width, height, fps = row["width"], row["height"], row["fps"]
    seen = pose.pixels(width, height).astype(np.float64)
    true = np.array(row["joints_2d"], dtype=np.float64)
    space = np.array(row["joints_3d"], dtype=np.float64)
    frames = min(len(seen), len(true))
    seen, true, space = seen[:frames], true[:frames], space[:frames]
    side = row["near_side"]
    arm = [INDEX[f"{side}_{limb}"] for limb in ("shoulder", "elbow", "wrist")]
    elbow = geometry.angle(*(seen[:, i] for i in arm)) - geometry.angle(*(true[:, i] for i in arm))
    signals = kinematics.measure(pose, fps, width, height)
    found = reps.in_signals(signals, pose, fps, SETTINGS.reps)
    light, detail = table["luma"].to_numpy(), table["sharpness"].to_numpy()
    aspect = width / height
    whole = quality.assess(pose, light, detail, SETTINGS.quality, aspect=aspect)
    off, judged = [], []
    for rep in row["reps"]:
        match = max(found, key=lambda r, rep=rep: overlap(rep, r), default=None)  # type: ignore[misc]
        if match is None or overlap(rep, match) < 0.5:
            continue
        off.append((match.start - rep["start"], match.bottom - rep["bottom"], match.end - rep["end"]))
        limits = {"start": match.start, "end": match.end}
        flags = quality.assess(pose, light, detail, SETTINGS.quality, aspect=aspect, **limits).flags
        said = {
            o.error: o.probability
            for o in rules.judge(match, signals, fps, flags, taxonomy=TAXONOMY, rules=SETTINGS.rules)
        }
        for told in rep["errors"]:
            if told["value"] != "unknown":
                severity = told["severity"] if told["value"] == "present" else None
                judged.append(Judged(row["view"], told["error"], severity, said[told["error"]]))
    return Measured(
        view=row["view"],
        flaw=row["flaw"],
        flagged=bool(whole.flags),
        detected=float(pose.detected.mean()),
        distances=np.linalg.norm(seen - true, axis=2)[:, JOINTS] / trunk(true, space, width)[:, None],
        elbow=np.abs(elbow),
        true_reps=len(row["reps"]),
        found_reps=sum(0.5 if r.partial else 1.0 for r in found),
        off=off,
        judged=judged,
    )


def trunk(true: Floats, space: Floats, width: int) -> Floats:
    """Return (T,) the trunk's length in pixels as if it lay across the picture.

    Its scale is taken from the widest spread of the body: pixels per metre of the line that is least
    foreshortened.
    """
    pairs = [(a, b) for i, a in enumerate(JOINTS) for b in JOINTS[i + 1 :]]
    one, two = (np.array(ends) for ends in zip(*pairs, strict=True))
    long = np.linalg.norm(space[:, one] - space[:, two], axis=2)
    drawn = np.linalg.norm(true[:, one] - true[:, two], axis=2)
    scale = np.max(np.where(long > 0.2, drawn / np.maximum(long, 1e-6), 0), axis=1)
    middle = [
        (space[:, INDEX[f"left_{limb}"]] + space[:, INDEX[f"right_{limb}"]]) / 2
        for limb in ("shoulder", "hip")
    ]
    return np.asarray(np.linalg.norm(middle[0] - middle[1], axis=1) * scale)


def overlap(rep: dict[str, Any], found: reps.Rep) -> float:
    return frames.overlap((rep["start"], rep["end"]), (found.start, found.end))


def pose_table(fine: Sequence[Measured]) -> bool:
    print("\n| view | sets | frames with a person | PCK@0.1 | PCK@0.2 | near elbow, degrees |")
    print("|---|---|---|---|---|---|")
    met = True
    for view in VIEWS:
        here = [m for m in fine if m.view == view]
        if not here:
            continue
        distances = np.concatenate([m.distances for m in here])
        close = [float((np.nan_to_num(distances, nan=np.inf) < a).mean()) for a in (0.1, 0.2)]
        elbow = float(np.nanmean(np.concatenate([m.elbow for m in here])))
        detected = float(np.mean([m.detected for m in here]))
        print(f"| {view} | {len(here)} | {detected:.1%} | {close[0]:.3f} | {close[1]:.3f} | {elbow:.1f} |")
        met &= view == "front" or close[1] >= 0.97
    return met


def rep_table(fine: Sequence[Measured]) -> bool:
    print("\n| view | sets | count exact | reps | matched | start | bottom | end | bottom within 2 |", end="")
    print("\n|---|---|---|---|---|---|---|---|---|")
    met = True
    for view in (*VIEWS, "all"):
        here = [m for m in fine if view in (m.view, "all")]
        if not here:
            continue
        exact = float(np.mean([m.true_reps == m.found_reps for m in here]))
        off = np.abs(np.array([o for m in here for o in m.off]).reshape(-1, 3))
        total = sum(m.true_reps for m in here)
        means = " | ".join(f"{v:.1f}" for v in off.mean(axis=0))
        within = float((off[:, 1] <= 2).sum() / total)
        print(f"| {view} | {len(here)} | {exact:.1%} | {total} | {len(off)} | {means} | {within:.1%} |")
        met &= view != "all" or (exact >= 0.98 and within >= 0.95)
    return met


def rule_table(fine: Sequence[Measured]) -> None:
    print("\n| error | view | present | absent | F1 | P | R | mild | clear | strong |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for error in TAXONOMY.errors:
        for view in (*(v for v in VIEWS if error.judged_from(v)), "all"):
            here = [j for m in fine for j in m.judged if j.error == error.id and view in (j.view, "all")]
            present = [j for j in here if j.severity is not None]
            hit = [j for j in present if found(j)]
            alarms = sum(found(j) for j in here if j.severity is None)
            if not present:
                continue
            recall = len(hit) / len(present)
            precision = len(hit) / (len(hit) + alarms) if hit or alarms else float("nan")
            f1 = 2 * len(hit) / (len(hit) + alarms + len(present))
            thirds = [[j for j in present if min(int((j.severity or 0) * 3), 2) == k] for k in range(3)]
            by = " | ".join(f"{np.mean([found(j) for j in third]):.2f}" if third else "" for third in thirds)
            print(
                f"| {error.id} | {view} | {len(present)} | {len(here) - len(present)} | {f1:.2f} "
                f"| {precision:.2f} | {recall:.2f} | {by} |"
            )


def found(judged: Judged) -> bool:
    return judged.probability is not None and judged.probability >= 0.5


if __name__ == "__main__":
    main()
