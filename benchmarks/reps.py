"""How well repetitions are counted on the real clips whose two raters agree on the count.

    python benchmarks/reps.py --real DIR [--sensitivity] [--plots DIR]

Raters count complete repetitions and give .5 for a half. We count likewise: 1 for every rep, .5 for one that
the clip's beginning or end cuts (`partial`). "Exact" means that both numbers are equal; "within the half"
also admits a difference of exactly .5 if one of the two numbers counts a cut rep. MAE is the mean of
|ours - theirs| / theirs, OBO the share of clips with |ours - theirs| <= 1.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from collection import SETTINGS, Clip, by_scene_interval, load, parser

from pushup_data import kinematics, params, reps
from pushup_data.kinematics import Signals
from pushup_data.reps import Rep


@dataclass(frozen=True)
class Count:
    clip: Clip
    found: tuple[Rep, ...]

    @property
    def ours(self) -> float:
        return sum(0.5 if rep.partial else 1.0 for rep in self.found)

    @property
    def theirs(self) -> float:
        return float(self.clip.a["reps"])

    @property
    def exact(self) -> bool:
        return self.ours == self.theirs

    @property
    def within_half(self) -> bool:
        cut = any(rep.partial for rep in self.found) or self.theirs % 1 != 0
        return self.exact or (abs(self.ours - self.theirs) == 0.5 and cut)


def count(clip: Clip, signals: Signals, limits: params.Reps = SETTINGS.reps) -> Count:
    return Count(clip, tuple(reps.in_signals(signals, clip.pose, clip.fps, limits)))


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--sensitivity", action="store_true", help="also vary every parameter")
    options.add_argument("--plots", type=Path, help="draw the rep signal of failures and examples there")
    chosen = options.parse_args()
    clips = load(chosen.real, chosen.cache)
    agreed = [clip for clip in clips if clip.agreed("reps")]
    print(f"{len(clips)} clips, {len(agreed)} on whose count the raters agree\n")
    measured = {c.id: kinematics.measure(c.pose, c.fps, c.width, c.height) for c in agreed}
    counts = [count(clip, measured[clip.id]) for clip in agreed]
    report(counts)
    if chosen.sensitivity:
        sensitivity(agreed, measured)
    if chosen.plots:
        draw(counts, measured, chosen.plots)


def report(counts: Sequence[Count]) -> None:
    print("| clips | n | exact | exact or within the half | MAE | OBO |")
    print("|---|---|---|---|---|---|")
    standard = [c for c in counts if c.clip.standard]
    row("all", counts)
    row("standard variants", standard)
    for view in sorted({c.clip.view for c in standard}):
        row(f"standard, {view}", [c for c in standard if c.clip.view == view])
    other = [c for c in counts if not c.clip.standard]
    row("other variants", other)
    for variant in sorted({c.clip.variant for c in other}):
        row(variant.replace("_", " "), [c for c in other if c.clip.variant == variant])
    for name, some in (("all", counts), ("standard variants", standard)):
        low, high = by_scene_interval([c.within_half for c in some], [c.clip.scene for c in some])
        print(
            f"\n{name}: exact or within the half {low:.1%} to {high:.1%} (95 %, bootstrap over scenes)",
            end="",
        )
    print("\n\nnot within the half (clip, scene, variant, raters' view, raters, found):")
    for c in counts:
        if not c.within_half:
            about = f"{c.clip.id} {c.clip.scene} {c.clip.variant} {c.clip.view}"
            print(
                f"  {about} {c.theirs:g} {c.ours:g}, a person in {c.clip.pose.detected.mean():.0%} of frames"
            )


def row(name: str, counts: Sequence[Count]) -> None:
    if not counts:
        return
    exact = np.mean([c.exact for c in counts])
    within = np.mean([c.within_half for c in counts])
    mae = np.mean([abs(c.ours - c.theirs) / c.theirs for c in counts])
    obo = np.mean([abs(c.ours - c.theirs) <= 1 for c in counts])
    print(f"| {name} | {len(counts)} | {exact:.1%} | {within:.1%} | {mae:.2f} | {obo:.1%} |")


def sensitivity(agreed: Sequence[Clip], measured: dict[str, Signals]) -> None:
    """Vary one parameter at a time; then choose all of them on the other scenes, for each scene."""
    standard = [clip for clip in agreed if clip.standard]
    print("\n| parameter | value | standard: exact | within the half | all: within the half |")
    print("|---|---|---|---|---|")
    for name, values in {
        "min_travel": (0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.4),
        "min_flexion": (0, 10, 20, 30),
        "min_duration_s": (0.2, 0.4, 0.6),
        "_STANDSTILL": (0.01, 0.02, 0.05),
        "_REGAINED": (0.2, 0.3, 0.4, 0.5, 0.6),
        "_SEEN": (0.3, 0.4, 0.5, 0.6, 0.7),
        "_BEGUN": (0.3, 0.4, 0.5, 0.6, 0.7),
    }.items():
        for value in values:
            counts = {clip.id: counted(clip, measured[clip.id], {name: value}) for clip in agreed}
            exact = np.mean([counts[clip.id].exact for clip in standard])
            within = np.mean([counts[clip.id].within_half for clip in standard])
            every = np.mean([c.within_half for c in counts.values()])
            print(f"| {name} | {value:g} | {exact:.1%} | {within:.1%} | {every:.1%} |")

    grid = [
        {"min_travel": t, "min_flexion": f, "_REGAINED": r, "_SEEN": s}
        for t, f, r, s in itertools.product((0.08, 0.12, 0.2, 0.3), (0, 20), (0.3, 0.4, 0.5), (0.4, 0.5, 0.6))
    ]
    right = np.array(
        [[counted(clip, measured[clip.id], changed).within_half for clip in standard] for changed in grid]
    )
    scenes = np.array([clip.scene for clip in standard])
    held_out = [right[np.argmax(right[:, scenes != s].mean(axis=1))][scenes == s].sum() for s in set(scenes)]
    low, high = right.mean(axis=1).min(), right.mean(axis=1).max()
    print(f"\nstandard variants, {len(grid)} settings: worst {low:.1%}, best {high:.1%}", end="")
    print(f"; chosen on the other scenes: {sum(held_out) / len(standard):.1%}")


def counted(clip: Clip, signals: Signals, changed: dict[str, float]) -> Count:
    """Count with some of the settings and constants changed."""
    constants = {name: getattr(reps, name) for name in changed if name.startswith("_")}
    try:
        for name in constants:
            setattr(reps, name, changed[name])
        limits = {name: value for name, value in changed.items() if name not in constants}
        return count(clip, signals, SETTINGS.reps.model_copy(update=limits))
    finally:
        for name, value in constants.items():
            setattr(reps, name, value)


def draw(counts: Sequence[Count], measured: dict[str, Signals], folder: Path) -> None:
    """Draw the rep signal over time with the reps found: derived figures, no pictures and no landmarks."""
    failures = [c for c in counts if c.clip.standard and not c.within_half]
    examples = []
    for view in ("side", "oblique", "front"):
        fits = [c for c in counts if c.exact and c.clip.view == view and c.clip.standard]
        examples += sorted(fits, key=lambda c: -len(c.found))[:2]
    folder.mkdir(parents=True, exist_ok=True)
    curves(failures, measured, folder / "reps-failures.png")
    curves(examples, measured, folder / "reps-examples.png")


def curves(counts: Sequence[Count], measured: dict[str, Signals], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = (len(counts) + 2) // 3
    figure, axes = plt.subplots(rows, 3, figsize=(12, 2.3 * rows), squeeze=False)
    for axis in axes.flat[len(counts) :]:
        axis.axis("off")
    for axis, c in zip(axes.flat, counts, strict=False):
        height = measured[c.clip.id].height
        axis.plot(np.arange(len(height)) / c.clip.fps, height, color="black", linewidth=1)
        for rep in c.found:
            colour = "tab:orange" if rep.partial else "tab:green"
            axis.axvspan(
                rep.start / c.clip.fps, rep.end / c.clip.fps, alpha=0.25, facecolor=colour, edgecolor="white"
            )
            axis.plot(rep.bottom / c.clip.fps, height[rep.bottom], "v", color=colour)
        axis.set(xlim=(0, len(height) / c.clip.fps), ylim=(-0.8, 2.4))
        axis.set_title(f"{c.clip.id} ({c.clip.view}): raters {c.theirs:g}, found {c.ours:g}", fontsize=9)
    figure.supxlabel("seconds", fontsize=9)
    figure.supylabel("shoulders above hands, upper-arm lengths", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)
    print(f"drew {path}")


if __name__ == "__main__":
    main()
