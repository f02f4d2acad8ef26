"""Tables of what is said of real clips beside what their raters say: figures, intervals, differences."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from collection import Clip
from contenders import TREES
from corpus import ERRORS

from pushup_data import metrics

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Said = list[tuple[Floats, Floats]]  # per seed: a clip's probability, and whether it is said (clips, columns)

RELEASED = "cnn-lstm, released"
DRAWS = 2000
ANOTHER = {"knee", "one_arm", "clap", "ball_or_prop"}  # variants that are another exercise


def ordered(said: Mapping[str, Said]) -> list[str]:
    """Return the contenders' names: the rules, trees, networks, and last the one released."""
    return sorted(said, key=lambda name: (name != "rules", name == RELEASED, not name.startswith(TREES)))


def pairs(said: Mapping[str, Said]) -> list[tuple[str, str]]:
    """Return whom to compare with whom.

    All with the rules, networks with forests, the CNN-LSTM with other networks, networks with those that
    learnt from people.
    """
    kinds = {name: name.split(", ") for name in ordered(said) if name != "rules"}
    found = [(name, "rules") for name in kinds]
    found += [(name, f"forest, {source}") for name, (kind, source) in kinds.items() if kind not in TREES]
    ours = [(name, source) for name, (kind, source) in kinds.items() if kind == "cnn-lstm"]
    others = [kind for kind in dict.fromkeys(kind for kind, _ in kinds.values()) if kind not in TREES]
    found += [(name, f"{kind}, {source}") for name, source in ours for kind in others]
    found += [(name, f"{kind}, real") for name, (kind, source) in kinds.items() if kind not in TREES]
    return [(one, other) for one, other in found if other in said and one != other]


def errors(clips: list[Clip], said: Mapping[str, Said]) -> None:
    """Print F1 and AP per error, their intervals, and who is better than whom."""
    truth = consensus(clips)
    standard = np.array([c.standard for c in clips])
    for title, keep in (
        ("standard variants", standard),
        ("all variants", np.ones(len(standard), dtype=bool)),
    ):
        print(f"## Error types, {title}: {keep.sum()} clips\n")
        columns = [e for e in range(len(ERRORS)) if (truth[keep, e] == 1).any()]
        heads = [f"{ERRORS[e]} ({counts(truth[keep, e])})" for e in columns]
        print("| F1, AP | " + " | ".join(heads) + " |\n|---" + "|---" * len(columns) + "|")
        print("| one rater against the other | " + " | ".join(raters(clips, keep, e) for e in columns) + " |")
        for name in ordered(said):
            cells = [figures(said[name], truth, keep, e) for e in columns]
            print(f"| {name} | " + " | ".join(cells) + " |")
        silent = [ERRORS[e] for e in range(len(ERRORS)) if e not in columns]
        print(f"\nno clip in which both raters see it: {', '.join(silent)}\n" if silent else "")
        scenes = [c.scene for c in clips]
        print("| intervals of F1, AP | " + " | ".join(ERRORS[e] for e in columns) + " |")
        print("|---" + "|---" * len(columns) + "|")
        for name in ordered(said):
            cells = [between(said[name], None, truth, keep, e, scenes) for e in columns]
            print(f"| {name} | " + " | ".join(cells) + " |")
        print("\n| difference in F1, AP | " + " | ".join(ERRORS[e] for e in columns) + " |")
        print("|---" + "|---" * len(columns) + "|")
        for one, other in pairs(said):
            cells = [between(said[one], said[other], truth, keep, e, scenes) for e in columns]
            print(f"| {one} - {other} | " + " | ".join(cells) + " |")
        print()
    missed(clips, said, truth)


def consensus(clips: list[Clip]) -> Floats:
    return np.array([[{"0": 0.0, "1": 1.0}.get(c.agreed(e) or "", np.nan) for e in ERRORS] for c in clips])


def counts(truth: Floats) -> str:
    return f"{(truth == 1).sum()}+ {(truth == 0).sum()}-"


def raters(clips: list[Clip], keep: Bools, e: int) -> str:
    pairs = [(c.a[ERRORS[e]], c.b[ERRORS[e]]) for c, k in zip(clips, keep, strict=True) if k]
    both = [(a == "1", b == "1") for a, b in pairs if a in "01" and b in "01" and a and b]
    hits, marks = sum(a and b for a, b in both), sum(a + b for a, b in both)
    return f"{2 * hits / marks:.2f}" if marks else ""


def figures(runs: Said, truth: Floats, keep: Bools, e: int) -> str:
    at = keep & np.isfinite(truth[:, e])
    each = np.array([measured(run, truth, at, e, np.ones((1, at.sum())))[:, 0] for run in runs])
    spread = f" ± {each[:, 1].std():.2f}" if len(each) > 1 else ""
    return f"{each[:, 1].mean():.2f}{spread}, {each[:, 0].mean():.2f}"


def measured(run: tuple[Floats, Floats], truth: Floats, at: Bools, e: int, weights: Floats) -> Floats:
    """Return (2, B): AP and F1 of the clips `at`, drawn by weights (B, clips)."""
    probability, said = run
    found = metrics.curves((truth[at, e] == 1).astype(np.float64), probability[at, e], said[at, e], weights)
    return np.stack([found["ap"], found["f1"]])


def between(runs: Said, less: Said | None, truth: Floats, keep: Bools, e: int, scenes: list[str]) -> str:
    """Return between what F1 and AP lie if scenes are drawn again; with `less`, how far above those."""
    at = keep & np.isfinite(truth[:, e])
    here = np.array(scenes)[at]
    if len(set(here[truth[at, e] == 1])) < 2:
        return "one scene"
    weights = np.vstack([np.ones((1, at.sum())), metrics.resample(here.tolist(), DRAWS, 0)])
    found = np.mean([measured(run, truth, at, e, weights) for run in runs], axis=0)
    if less is not None:
        found = found - np.mean([measured(run, truth, at, e, weights) for run in less], axis=0)
    cells = []
    for drawn in found[::-1]:
        # Rounded first, and 0 added: nothing is said to be -0.00.
        middle, *ends = (round(float(v or 0.0), 2) + 0.0 for v in (drawn[0], *metrics.interval(drawn[1:])))
        plus = "" if less is None else "+"
        between_them = ", ".join(f"{end:{plus}.2f}" for end in ends)
        cells.append(f"{middle:+.2f} [{between_them}]" if plus else f"[{between_them}]")
    return ", ".join(cells)


def missed(clips: list[Clip], said: Mapping[str, Said], truth: Floats) -> None:
    """Print which standard clips most CNN-LSTMs that learnt from the last source judge wrongly, and how."""
    ours = [name for name in ordered(said) if name.startswith("cnn-lstm") and name != RELEASED]
    if not ours:
        return
    name = ours[-1]
    print(f"Wrong in most trainings of {name}:\n")
    print("| clip | scene | error | raters | probability | rules |\n|---|---|---|---|---|---|")
    for e, error in enumerate(ERRORS):
        said_so = np.mean([s[:, e] for _, s in said[name]], axis=0) >= 0.5
        probability = np.mean([p[:, e] for p, _ in said[name]], axis=0)
        for i, clip in enumerate(clips):
            if clip.standard and np.isfinite(truth[i, e]) and said_so[i] != (truth[i, e] == 1):
                print(
                    f"| {clip.id} | {clip.scene} | {error} | {truth[i, e]:.0f} | {probability[i]:.2f} "
                    f"| {said['rules'][0][0][i, e]:.2f} |"
                )
    print()


def correct_or_wrong(
    clips: list[Clip], said: Mapping[str, Said], other: Bools, asked: Mapping[str, str]
) -> None:
    """Say it of a clip from the errors that are found, and beside what was asked for it.

    `other` (clips,): whether another exercise is seen. `asked` holds finished cells.
    """
    wrong = np.array([c.source_label == "wrong" for c in clips])
    print(f"## Correct or wrong: {len(wrong)} clips, {wrong.mean():.0%} wrong\n")
    print("| accuracy | unseen scenes | random folds |\n|---|---|---|")
    print(f"| always wrong | {wrong.mean():.2f} | |")
    for name in ordered(said):
        each = [(((present > 0).any(axis=1) | other) == wrong).mean() for _, present in said[name]]
        print(f"| any error, or another exercise: {name} | {accuracy(each)} | |")
    for name, cells in sorted(asked.items(), key=lambda row: not row[0].startswith(TREES)):
        print(f"| asked for it: {name} | {cells} |")
    truth = consensus(clips)
    seen = np.array([bool(ANOTHER & {c.a["variant"], c.b["variant"]}) for c in clips])
    right = (((truth == 1).any(axis=1) | seen) == wrong).mean()
    print(f"| raters: an error that both see, or another exercise | {right:.2f} | |\n", flush=True)


def accuracy(each: Sequence[float]) -> str:
    if not each:
        return ""
    return f"{np.mean(each):.2f}" + (f" ± {np.std(each):.2f}" if len(each) > 1 else "")
