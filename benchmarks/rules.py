"""How well the rules find each error on the real clips, against what both raters say, beside chance.

    python benchmarks/rules.py --real DIR

A clip's probability is the largest of its reps'. Clips on which the raters differ or say "?" are left out.
Chance is the average precision of a random order: the share of positives. Intervals: 95 %, bootstrap over
scenes. A probability from 0.5 on counts as found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from collection import SETTINGS, Clip, load, parser
from sklearn.metrics import average_precision_score

from pushup_data import kinematics, planted, quality, reps, rules, taxonomy
from pushup_data.kinematics import Signals
from pushup_data.reps import Rep
from pushup_data.workspace import TEMPLATE

Booleans = npt.NDArray[np.bool_]

TAXONOMY = taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")


@dataclass(frozen=True)
class Judged:
    """One clip and one error; `probability` None where the rules do not judge any of its reps."""

    clip: Clip
    present: bool
    probability: float | None
    reason: str

    @property
    def found(self) -> bool:
        return self.probability is not None and self.probability >= 0.5


def main() -> None:
    chosen = parser(__doc__.splitlines()[0]).parse_args()
    clips = load(chosen.real, chosen.cache)
    opinions = {clip.id: judge(clip) for clip in clips}
    for scope, some in (
        ("standard variants", [c for c in clips if c.standard]),
        ("all variants", clips),
    ):
        print(f"\n{scope}: {len(some)} clips\n")
        print("| error | present | absent | not judged (present) | P | R | F1 | AP | chance |")
        print("|---|---|---|---|---|---|---|---|---|")
        for error in TAXONOMY.ids:
            row(error, judged(error, some, opinions))
    print("\nwhere the rules are wrong, and where an error is, by scene:")
    for error in TAXONOMY.ids:
        by_scene(error, judged(error, clips, opinions))
    print()
    flags_by_variant(clips)


def judge(clip: Clip) -> dict[str, tuple[float | None, str]]:
    """Return error -> (largest probability over the clip's reps, its reason)."""
    signals = kinematics.measure(clip.pose, clip.fps, clip.width, clip.height)
    best: dict[str, tuple[float | None, str]] = dict.fromkeys(TAXONOMY.ids, (None, "no rep found"))
    for rep, flags in flagged(clip, signals):
        for o in rules.judge(rep, signals, clip.fps, flags, taxonomy=TAXONOMY, rules=SETTINGS.rules):
            before = best[o.error][0]
            if before is None or (o.probability is not None and o.probability > before):
                best[o.error] = (o.probability, o.reason)
    return best


def flagged(clip: Clip, signals: Signals) -> Iterator[tuple[Rep, tuple[str, ...]]]:
    """Yield a clip's reps and what is flagged of them."""
    luma, sharpness = clip.table["luma"].to_numpy(), clip.table["sharpness"].to_numpy()
    aspect = clip.width / clip.height
    for rep in reps.in_signals(signals, clip.pose, clip.fps, SETTINGS.reps):
        span, limits = {"start": rep.start, "end": rep.end}, SETTINGS.quality
        seen = quality.assess(clip.pose, luma, sharpness, limits, aspect=aspect, **span).flags
        moved = planted.flags(clip.pose, rep, clip.fps, seen, limits, aspect=aspect)
        yield rep, (*seen, *moved)


def flags_by_variant(clips: Sequence[Clip]) -> None:
    """Print how many reps of each variant are flagged for another exercise, or because nobody can tell."""
    columns = (quality.ONE_HAND, quality.HANDS_OFF, quality.DRIFT, quality.DARK)
    found: dict[str, list[tuple[str, ...]]] = {}
    for clip in clips:
        signals = kinematics.measure(clip.pose, clip.fps, clip.width, clip.height)
        found.setdefault(clip.variant, []).extend(flags for _, flags in flagged(clip, signals))
    print("| variant | reps | " + " | ".join(columns) + " |\n|---|---" + "|---" * len(columns) + "|")
    for variant, every in sorted(found.items()):
        cells = [str(sum(column in flags for flags in every)) for column in columns]
        print(f"| {variant} | {len(every)} | " + " | ".join(cells) + " |")


def judged(
    error: str, clips: Sequence[Clip], opinions: dict[str, dict[str, tuple[float | None, str]]]
) -> list[Judged]:
    return [
        Judged(clip, clip.agreed(error) == "1", *opinions[clip.id][error])
        for clip in clips
        if clip.agreed(error) in ("0", "1")
    ]


def row(error: str, all_judged: Sequence[Judged]) -> None:
    known = [j for j in all_judged if j.probability is not None]
    unjudged = [j for j in all_judged if j.probability is None]
    present = np.array([j.present for j in known], dtype=bool)
    found = np.array([j.found for j in known], dtype=bool)
    hidden = f"{len(unjudged)} ({sum(j.present for j in unjudged)})"
    counts = f"| {error} | {present.sum()} | {(~present).sum()} | {hidden} |"
    if not present.any():
        alarms = f"no positives; {found.sum()} false alarms" if known else "nothing judged"
        print(f"{counts} {alarms} | | | | |")
        return
    precision = present[found].mean() if found.any() else float("nan")
    low, high = interval(known)
    average = average_precision_score(present, [j.probability for j in known])
    both = f"{f1(present, found):.2f} [{low:.2f}, {high:.2f}]"
    recall, chance = found[present].mean(), present.mean()
    print(f"{counts} {precision:.2f} | {recall:.2f} | {both} | {average:.2f} | {chance:.2f} |")


def f1(present: Booleans, found: Booleans) -> float:
    total = present.sum() + found.sum()
    return float(2 * (present & found).sum() / total) if total else float("nan")


def interval(known: Sequence[Judged], draws: int = 2000) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    scenes = sorted({j.clip.scene for j in known})
    sums = np.array(
        [
            [sum(j.present and j.found for j in known if j.clip.scene == s) for s in scenes],
            [sum(j.present + j.found for j in known if j.clip.scene == s) for s in scenes],
        ],
        dtype=float,
    )
    both, either = sums[:, rng.integers(0, len(scenes), (draws, len(scenes)))].sum(axis=2)
    low, high = np.percentile(2 * both[either > 0] / either[either > 0], [2.5, 97.5])
    return float(low), float(high)


def by_scene(error: str, all_judged: Sequence[Judged]) -> None:
    print(f"\n{error}")
    fine = clips = 0
    for scene in sorted({j.clip.scene for j in all_judged}):
        here = [j for j in all_judged if j.clip.scene == scene]
        known = [j for j in here if j.probability is not None]
        wrong = [j for j in known if j.found != j.present]
        if any(j.present for j in here) or wrong:
            print(
                f"  {scene}: present {sum(j.present for j in here)} of {len(here)}, judged {len(known)}, "
                f"right {len(known) - len(wrong)}"
            )
            for j in wrong:
                kind = "missed" if j.present else "false alarm"
                print(f"    {j.clip.id} {j.clip.variant} {kind}: {j.probability:.2f}, {j.reason}")
        elif known:
            fine, clips = fine + 1, clips + len(known)
    print(f"  {fine} other scenes: absent in all {clips} clips judged, and rightly so judged")


if __name__ == "__main__":
    main()
