"""How many real clips and reps are flagged because the landmarks cannot be right, and which.

    python benchmarks/pose_failures.py --real DIR [--pictures FILE]

A rep's flags are those of its frames, a clip's those of all its frames. The named clips are those in which
people saw that MediaPipe finds somebody but is wrong. --pictures draws ten flagged repetitions, each of
another scene, at the bottom, with the landmarks found: look at it, but do not hand it on.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from collection import SETTINGS, Clip, load, parser, picture

from pushup_data import kinematics, landmarks, quality, reps
from pushup_data.workspace import CHECKOUT

PICTURES = 10
# With the flip test nothing is wrong any more with c190's near arm, nor with the arms of c045, c135, c169 and
# c213, whose legs, which the front does not show, are invented.
NAMED = ("c116", "c190", "c147", "c091", "c045", "c135", "c169", "c213")
WRONG = (quality.ARMS_WRONG, quality.BODY_WRONG)


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--pictures", type=Path, help="a picture of ten flagged repetitions")
    chosen = options.parse_args()
    if chosen.pictures and chosen.pictures.resolve().is_relative_to(CHECKOUT):
        sys.exit("pictures of these people must not lie in the repository: choose another --pictures")
    clips = load(chosen.real, chosen.cache)
    by_rep = {clip.id: [assess(clip, r.start, r.end) for r in found(clip)] for clip in clips}
    whole = {clip.id: assess(clip, 0, len(clip.pose)) for clip in clips}
    standard = [clip for clip in clips if clip.standard]
    print("| clips | flag | clips with a flagged rep | flagged as a whole | reps flagged |")
    print("|---|---|---|---|---|")
    for name, some in (("standard variants", standard), ("all", clips)):
        for flag in (*WRONG, "either"):
            flags = WRONG if flag == "either" else (flag,)
            row(f"| {name} | {flag} |", [by_rep[c.id] for c in some], [whole[c.id] for c in some], flags)
    print("\nclips with a flagged rep (reps flagged for arms, for body, of all):")
    for clip in clips:
        counts = [sum(flag in flags for flags in by_rep[clip.id]) for flag in WRONG]
        if any(counts):
            print(
                f"  {clip.id} {clip.scene} {clip.variant}: {counts[0]}, {counts[1]} of {len(by_rep[clip.id])}"
            )
    print("\nnamed clips:")
    for name in NAMED:
        if name in by_rep:
            caught = sorted(
                {flag for flags in (*by_rep[name], whole[name]) for flag in flags if flag in WRONG}
            )
            print(f"  {name}: {', '.join(caught) or 'not flagged'}")
    if chosen.pictures:
        draw(clips, by_rep, chosen.pictures)


def draw(clips: Sequence[Clip], by_rep: dict[str, list[tuple[str, ...]]], target: Path) -> None:
    """Draw flagged repetitions, the first of a scene each, with their landmarks."""
    from matplotlib.figure import Figure

    firsts: dict[str, tuple[Clip, int, str]] = {}
    for clip in sorted(clips, key=lambda clip: clip.id not in NAMED):
        for rep, flags in zip(found(clip), by_rep[clip.id], strict=True):
            wrong = [flag.split(":")[0] for flag in flags if flag in WRONG]
            if wrong:
                firsts.setdefault(clip.scene, (clip, rep.bottom, ", ".join(wrong)))
    figure = Figure(figsize=(20, 7), layout="constrained")
    axes = figure.subplots(2, PICTURES // 2).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (clip, frame, what) in zip(axes, firsts.values(), strict=False):
        axis.imshow(picture(clip.video, frame))
        points = clip.pose.pixels(clip.width, clip.height)[frame]
        for edge in landmarks.SHOWN_EDGES:
            axis.plot(*points[list(edge)].T, color="tab:orange", linewidth=2)
        axis.set_xlim(0, clip.width)
        axis.set_ylim(clip.height, 0)
        axis.set_title(f"{clip.id}, {clip.variant}: {what}", fontsize=9)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=80)


def row(
    begin: str,
    reps_of: Sequence[list[tuple[str, ...]]],
    whole: Sequence[tuple[str, ...]],
    flags: Sequence[str],
) -> None:
    def hit(found: tuple[str, ...]) -> bool:
        return any(flag in found for flag in flags)

    clips = sum(any(hit(r) for r in one) for one in reps_of)
    videos = sum(hit(one) for one in whole)
    every = [r for one in reps_of for r in one]
    hits = sum(hit(r) for r in every)
    n, total = len(reps_of), len(every)
    print(f"{begin} {clips} of {n} ({clips / n:.0%}) | {videos} | {hits} of {total} ({hits / total:.0%}) |")


def found(clip: Clip) -> list[reps.Rep]:
    signals = kinematics.measure(clip.pose, clip.fps, clip.width, clip.height)
    return reps.in_signals(signals, clip.pose, clip.fps, SETTINGS.reps)


def assess(clip: Clip, start: int, end: int) -> tuple[str, ...]:
    luma, sharpness = clip.table["luma"].to_numpy(), clip.table["sharpness"].to_numpy()
    aspect = clip.width / clip.height
    return quality.assess(
        clip.pose, luma, sharpness, SETTINGS.quality, aspect=aspect, start=start, end=end
    ).flags


if __name__ == "__main__":
    main()
