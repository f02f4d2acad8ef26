"""How well errors are told on bodies never trained on, against the truth: avatars, five folds of bodies.

    python benchmarks/bodies.py [--sets N] [--front N] [--retakes 2] [--work DIR] [--seeds 3]
        [--kinds forest cnn-lstm] [--streams pose rgb] [--pictures FILE] [--true-joints]

Renders the sets (kept in --work; --front more of them are seen from the front, where flaring and asymmetry
show), tracks them, and trains on four fifths of the bodies, a fifth of which are calibrated on. --retakes of
the sets that are trained on are learnt from as well (retakes.py); nothing is judged on them. F1 and AP per
error over all reps whose view shows it, mean and spread of --seeds, beside the rules, a forest and gradient
boosting on kinematic features, networks of other kinds, those of `evaluate`'s baselines, and a network of the
first kind per other --streams; then recall by severity, training time, and the time that a rep takes. --kinds
chooses among them: boosting is by far the slowest. With pixels, --epochs keeps it short: a rep's 16 pictures
cost far more than its landmarks.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from avatar import TAXONOMY
from collection import SETTINGS, picture
from contenders import KINDS, STREAMS, Fit, apart, contenders
from corpus import ERRORS, Corpus, join, of_avatars, of_retakes
from sklearn.model_selection import GroupKFold

from pushup_data import metrics

Floats = npt.NDArray[np.float64]
FOLDS = 5
Sets = tuple[int, int, Path, Mapping[str, float] | None]  # how many, seed, folder, shares of views


def main() -> None:
    options = arguments()
    start = time.process_time()
    streams = "+".join(options.streams).split("+")
    avatars = load(options.sets, options.front, options.work, streams, true_joints=options.true_joints)
    more = load_retakes(options.sets, options.front, options.work, options.retakes)
    print(f"{time.process_time() - start:.0f} CPU s to read them")
    print(f"{len(avatars)} reps of {len(set(avatars.videos))} sets by {len(set(avatars.groups))} bodies")
    print(f"{0 if more is None else len(more)} reps of retakes, to learn from only\n")
    said = {"rules": [(avatars.rules, np.nan_to_num(avatars.rules) >= 0.5)]}
    spent: dict[str, list[float]] = {}
    used: dict[str, list[float]] = {}
    settings = SETTINGS.train.model_copy(update={"epochs": options.epochs})
    for name, fit in contenders(options.kinds, options.streams, settings).items():
        for seed in range(options.seeds):
            start = time.process_time()
            probability, present, use = out_of_fold(avatars, fit, seed, more)
            said.setdefault(name, []).append((probability, present))
            spent.setdefault(name, []).append(time.process_time() - start - use)
            used.setdefault(name, []).append(use)
            print(f"{name}, seed {seed}: {spent[name][-1] + use:.0f} CPU s", file=sys.stderr, flush=True)
    table(avatars, said)
    by_severity(avatars, said)
    if options.pictures:
        pictures(avatars, *said["cnn-lstm"][0], options.work, options.pictures)
    print()
    for name, seconds in spent.items():
        use = 1000 * float(np.mean(used[name])) / len(avatars)
        print(f"{name}: {np.mean(seconds) / FOLDS:.0f} CPU s a training, {use:.2f} CPU ms a rep in use")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    name_sets(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--true-joints", action="store_true", help="the bodies' own joints instead of MediaPipe's landmarks"
    )
    parser.add_argument("--retakes", type=int, default=2, help="of every set, to learn from (retakes.py)")
    parser.add_argument("--pictures", type=Path, help="a picture of what the CNN-LSTM gets most wrong")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--streams", nargs="+", default=["pose"], choices=STREAMS)
    parser.add_argument("--epochs", type=int, default=SETTINGS.train.epochs)
    options = parser.parse_args()
    if options.pictures and not ("cnn-lstm" in options.kinds and "pose" in options.streams):
        parser.error("--pictures are of what cnn-lstm gets wrong by its pose stream: ask for both")
    if options.retakes and (options.true_joints or options.streams != ["pose"]):
        parser.error("retakes are landmarks alone: say --retakes 0")
    return options


def name_sets(parser: argparse.ArgumentParser, work: str = "--work") -> None:
    """Add the options by which load()'s sets are chosen and found."""
    parser.add_argument("--sets", type=int, default=220)
    parser.add_argument("--front", type=int, default=100)
    parser.add_argument(work, type=Path, default=Path("/tmp/pushup-avatar-bodies"))


def load(
    sets: int, front: int, folder: Path, streams: Sequence[str] = ("pose",), *, true_joints: bool = False
) -> Corpus:
    parts = chosen(sets, front, folder)
    return join(*(of_avatars(*which, streams, true_joints=true_joints) for which in parts))


def load_retakes(sets: int, front: int, folder: Path, each: int) -> Corpus | None:
    """Return the reps of `each` retakes of every set that load() has."""
    parts = [of_retakes(*which, each) for which in chosen(sets, front, folder)]
    found = [part for part in parts if part is not None]
    return join(*found) if found else None


def chosen(sets: int, front: int, folder: Path) -> list[Sets]:
    """Return what films() is to make: sets as they come, and `front` more of them seen from the front."""
    mixed, more = (sets, 1000, folder / "mixed", None), (front, 2000, folder / "front", {"front": 1.0})
    return [mixed, more] if front else [mixed]


def out_of_fold(
    avatars: Corpus, fit: Fit, seed: int, more: Corpus | None = None
) -> tuple[Floats, npt.NDArray[np.bool_], float]:
    """Return probability and whether an error is said to be present, (N, errors), for bodies held out.

    Of `more` what is of training's bodies is learnt from. Third the CPU seconds that use took.
    """
    probability = np.full(avatars.y.shape, np.nan)
    present = np.zeros(avatars.y.shape, dtype=bool)
    use = 0.0
    for _, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(avatars.x, groups=avatars.groups):
        mine = np.ones(len(avatars), dtype=bool)
        mine[test] = False
        rest = avatars.take(mine)
        val = apart(rest.groups, 0.2, seed)
        train = rest.take(~val)
        if more is not None:
            train = join(train, more.take(np.isin(more.groups, train.groups)))
        judge = fit(train.dataset(), rest.take(val).dataset(), seed)
        start = time.process_time()
        probability[test] = judge.of(
            avatars.x[test], None if avatars.pixels is None else avatars.pixels[test]
        )
        use += time.process_time() - start
        present[test] = probability[test] >= judge.thresholds
    return probability, present, use


def table(avatars: Corpus, said: dict[str, list[tuple[Floats, npt.NDArray[np.bool_]]]]) -> None:
    print("| error | present | absent | " + " | ".join(f"{name} F1, AP" for name in said) + " |")
    print("|---" * (3 + len(said)) + "|")
    macro: dict[str, list[Floats]] = {name: [] for name in said}
    for e, error in enumerate(ERRORS):
        known = np.isfinite(avatars.y[:, e])
        true = avatars.y[known, e] == 1
        cells = []
        for name, runs in said.items():
            each = np.array([measure(true, p[known, e], s[known, e]) for p, s in runs])
            macro[name].append(each)
            spread = f" ± {each[:, 0].std():.2f}" if len(each) > 1 else ""
            cells.append(f"{each[:, 0].mean():.2f}{spread}, {each[:, 1].mean():.2f}")
        print(f"| {error} | {true.sum()} | {(~true).sum()} | " + " | ".join(cells) + " |")
    cells = []
    for rows in macro.values():
        f1, ap = np.mean(rows, axis=0).T  # of every seed
        by_seed = f" ({', '.join(f'{one:.3f}' for one in f1)})" if len(f1) > 1 else ""
        cells.append(f"**{f1.mean():.3f}**{by_seed}, {ap.mean():.3f}")
    print("| macro | | | " + " | ".join(cells) + " |")


def measure(
    true: npt.NDArray[np.bool_], probability: Floats, said: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    found = metrics.curves(
        true.astype(np.float64), probability, said.astype(np.float64), np.ones((1, len(true)))
    )
    return float(found["f1"][0]), float(found["ap"][0])


def by_severity(avatars: Corpus, said: dict[str, list[tuple[Floats, npt.NDArray[np.bool_]]]]) -> None:
    shown = [name for name in ("rules", "cnn-lstm") if name in said]
    heads = " | ".join(f"{name}: mild, clear, strong, alarms" for name in shown)
    print(f"\n| error | view | present | absent | {heads} |")
    print("|---" * (4 + len(shown)) + "|")
    views = np.array(avatars.reps["view"].to_list())
    for e, error in enumerate(TAXONOMY.errors):
        for view in error.views:
            here = np.isfinite(avatars.y[:, e]) & (views == view)
            true, severity = avatars.y[here, e] == 1, avatars.severity[here, e]
            if not true.any():
                continue
            cells = []
            for name in shown:
                hit = np.mean([s[here, e] for _, s in said[name]], axis=0)
                thirds = [true & (np.minimum(severity * 3, 2.99).astype(int) == third) for third in range(3)]
                recall = [f"{hit[third].mean():.2f}" if third.any() else "" for third in thirds]
                cells.append(", ".join([*recall, f"{hit[~true].mean():.2f}"]))
            print(f"| {error.id} | {view} | {true.sum()} | {(~true).sum()} | " + " | ".join(cells) + " |")


def pictures(
    avatars: Corpus, probability: Floats, said: npt.NDArray[np.bool_], work: Path, target: Path
) -> None:
    """Draw, per error, two misses and two false alarms: the surest mistakes, each of another body."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 1.9 * len(ERRORS)), layout="constrained")
    axes = figure.subplots(len(ERRORS), 4)
    for e, error in enumerate(ERRORS):
        true, known = avatars.y[:, e] == 1, np.isfinite(avatars.y[:, e])
        missed = np.flatnonzero(known & true & ~said[:, e])
        alarms = np.flatnonzero(known & ~true & said[:, e])
        chosen = [
            *_one_per_body(avatars, missed[np.argsort(probability[missed, e])]),
            *_one_per_body(avatars, alarms[np.argsort(-probability[alarms, e])]),
        ]
        for axis, i in zip(axes[e], chosen, strict=True):
            axis.set_axis_off()
            if i is not None:
                rep = avatars.reps.row(i, named=True)
                frame = rep["start"] if error == "incomplete_lockout" else rep["bottom"]
                axis.imshow(picture(next(work.rglob(avatars.videos[i])), frame))
                what = f"missed, severity {avatars.severity[i, e]:.1f}" if true[i] else "false alarm"
                axis.set_title(f"{error}: {what}, said {probability[i, e]:.2f}", fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=90)


def _one_per_body(avatars: Corpus, order: npt.NDArray[np.intp]) -> list[int | None]:
    found: dict[str, int] = {}
    for i in order:
        found.setdefault(avatars.groups[i], int(i))
    return [*found.values(), None, None][:2]


if __name__ == "__main__":
    main()
