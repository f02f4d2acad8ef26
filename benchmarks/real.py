"""How well errors, and correct from wrong, are told on real people never trained on.

    python benchmarks/real.py --train DIR [DIR ...] [--test DIR] [--avatars DIR] [--seeds 3] [--sources real]

Folders as in PUSHUP_REAL_DATA: clips.csv, ratings.csv, videos. Without --test, five folds of scenes; with it,
all of --train but for scenes that --test has too. What learns from people alone comes first, in minutes.
Avatars are rendered into --avatars where they are missing, which takes hours; `--sources real` does without
them. After each source come the tables of all so far.

(a) correct or wrong by the source's label: accuracy of the errors that are found (a push-up is wrong with any
    of them, on the knees, on one arm, or where the hands leave the floor), and of the same contenders
    trained on that label; random folds beside, to show how they flatter; last what the raters' own judgement
    makes of it.
(b) error types against what both raters say: F1 and average precision per error over clips, a clip's
    probability being the largest of its reps'. A rep whose view or landmarks hide an error says nothing of
    it, which counts as "absent".

Each trained on real clips, on avatars, and on both; mean and spread of --seeds; last what models/released
holds, which saw avatars only. Intervals (95 %) draw scenes with replacement; differences are paired: the
same scenes for both. A clip's 1 is given to the one of its reps that the rules find worst, its 0 to all.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bodies import load as load_avatars
from bodies import name_sets
from collection import SETTINGS, Clip, load, parser
from contenders import Fit, Judge, apart, network, trees
from corpus import ERRORS, Corpus, join, of_clips
from sklearn.model_selection import GroupKFold

from pushup_data import metrics, quality
from pushup_data.model import data, predictor
from pushup_data.model.data import Dataset
from pushup_data.workspace import CHECKOUT

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Learn = Callable[[Corpus, Corpus, int], Judge]  # from train, val, seed
Said = list[tuple[Floats, Floats]]  # per seed: a clip's probability, and whether it is said (clips, columns)

SOURCES = ("real", "avatars", "both")
FITS: dict[str, Fit] = {
    "forest": trees("forest", SETTINGS.train),
    "CNN-LSTM": network(SETTINGS.model, SETTINGS.train),
}
FOLDS, DRAWS = 5, 2000
ANOTHER = {"knee", "one_arm", "clap", "ball_or_prop"}  # variants that are another exercise


class Task:
    """Clips to be judged, and avatars to learn from."""

    def __init__(self, train: list[Clip], test: list[Clip] | None, avatars: Callable[[], Corpus]) -> None:
        self.clips = test or train
        self._load = avatars
        scenes = {c.scene for c in test or ()}
        kept = [c for c in train if c.scene not in scenes]
        if len(kept) < len(train):
            print(f"{len(train) - len(kept)} clips of --train show scenes of --test: left out\n")
        self.train = told(of_clips(kept), kept)
        self.judged = told(of_clips(test), test) if test else self.train
        self.folds = test is None

    @cached_property
    def avatars(self) -> Corpus:
        """Rendered, where they have to be, when first asked for."""
        return self._load().for_people()

    def runs(self, source: str, seed: int, *, grouped: bool = True) -> Iterator[tuple[Corpus, Corpus, Bools]]:
        """Yield train, val, and which of `judged` are to be judged by what is learnt from them."""
        everything = np.ones(len(self.judged), dtype=bool)
        if source == "avatars":
            yield *self._avatars(seed), everything
            return
        for real, test in self._real(seed, grouped=grouped) if self.folds else [(self.train, everything)]:
            real = real if grouped else replace(real, groups=real.videos)  # noqa: PLW2901
            val = apart(real.groups, 0.25, seed)
            theirs = (real.take(~val), real.take(val))
            if source == "real":
                yield *theirs, test
            else:
                yield join(self._avatars(seed)[0], theirs[0]), theirs[1], test  # calibrated for people

    def _avatars(self, seed: int) -> tuple[Corpus, Corpus]:
        val = apart(self.avatars.groups, 0.2, seed)
        return self.avatars.take(~val), self.avatars.take(val)

    def _real(self, seed: int, *, grouped: bool) -> Iterator[tuple[Corpus, Bools]]:
        names = np.array(self.train.groups if grouped else self.train.videos)
        folds = GroupKFold(FOLDS, shuffle=True, random_state=seed).split(names, groups=names)
        for _, at in folds:
            test = np.zeros(len(names), dtype=bool)
            test[at] = True
            yield self.train.take(~test), test


def main() -> None:
    options = arguments()
    train = [clip for folder in options.train for clip in load(folder, options.cache)]
    test = load(options.test, options.cache) if options.test else None
    twice = [name for name, times in Counter(c.id for c in [*train, *(test or [])]).items() if times > 1]
    if twice:
        some = ", ".join(twice[:5]) + (", …" if len(twice) > 5 else "")
        sys.exit(f"{len(twice)} clips in two folders ({some}); give every clip an id of its own in clips.csv")
    task = Task(train, test, lambda: load_avatars(options.sets, options.front, options.avatars))
    print(
        f"{len(task.clips)} clips with {len(task.judged)} reps, {len({c.scene for c in task.clips})} scenes; "
        f"to learn from: {len(task.train)} reps of {len(train)} real clips"
        + (" (in folds)" if task.folds else "")
        + "\n"
    )
    said: dict[str, Said] = {
        "rules": [whole(task, task.judged.rules, task.judged.rules >= 0.5)],
        "CNN-LSTM, released": [whole(task, *released(task.judged))],
    }
    asked: dict[str, str] = {}
    for n, source in enumerate(options.sources):
        said |= opinions(task, source, options.seeds)
        print(f"# Learnt from {', '.join(options.sources[: n + 1])}\n")
        if "errors" in options.tables:
            errors(task, said)
        if "wrong" in options.tables:
            asked |= asked_for_it(task, source, options.seeds)
            correct_or_wrong(task, said, asked)


def arguments() -> argparse.Namespace:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--train", type=Path, nargs="+", help="default: PUSHUP_REAL_DATA")
    made.add_argument("--test", type=Path)
    name_sets(made, "--avatars")
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES)
    made.add_argument("--tables", nargs="+", choices=["errors", "wrong"], default=["errors", "wrong"])
    options = made.parse_args()
    options.train = options.train or [options.real]
    return options


def told(corpus: Corpus, clips: list[Clip]) -> Corpus:
    """Return the reps with what both raters say of their clips."""
    said = {c.id: c for c in clips}
    y = np.full(corpus.y.shape, np.nan, dtype=np.float32)
    videos, shown = np.array(corpus.videos), corpus.shown
    for video in set(corpus.videos):
        at = np.flatnonzero(videos == video)
        for e, error in enumerate(ERRORS):
            value = said[video].agreed(error)
            if value == "0":
                y[at, e] = 0
            elif value == "1" and shown[at, e].any():
                worst = np.where(shown[at, e], np.nan_to_num(corpus.rules[at, e], nan=-0.5), -1.0)
                y[at[np.argmax(worst)], e] = 1
    y[~shown] = np.nan
    right = np.array([said[v].source_label == "correct" for v in corpus.videos], dtype=bool)
    return replace(corpus, y=y, right=right)


def opinions(task: Task, source: str, seeds: int) -> dict[str, Said]:
    """Return what every contender that learns from the source says of the errors."""
    said: dict[str, Said] = {}
    for name, fit in FITS.items():
        for seed in range(seeds):
            run = judged(task, lambda t, v, s, fit=fit: fit(t.dataset(), v.dataset(), s), source, seed)  # type: ignore[misc]
            said.setdefault(f"{name}, {source}", []).append(run)
    return said


def ordered(said: Mapping[str, Said]) -> list[str]:
    """Return the contenders' names: the rules, forests, networks, and last the one released."""
    return sorted(said, key=lambda name: (name != "rules", "released" in name, not name.startswith("forest")))


def pairs(said: Mapping[str, Said]) -> list[tuple[str, str]]:
    """Return whom to compare with whom: all with the rules, networks with forests, sources with people."""
    kinds = {name: name.split(", ") for name in ordered(said) if name != "rules"}
    found = [(name, "rules") for name in kinds]
    found += [(name, f"forest, {source}") for name, (kind, source) in kinds.items() if kind != "forest"]
    found += [(name, f"{kind}, real") for name, (kind, source) in kinds.items() if kind != "forest"]
    return [(one, other) for one, other in found if other in said and one != other]


def released(reps: Corpus) -> tuple[Floats, Bools]:
    """Return what the model that ships with the project says of reps, as with_rules()."""
    model = predictor.load(CHECKOUT / "models" / "released")
    assert model is not None
    assert model.errors == ERRORS
    thresholds = np.array([model.thresholds.get(error, np.nan) for error in ERRORS])
    of: Callable[[data.Floats], Floats] = lambda x: model.predict(x)[0].astype(np.float64)  # noqa: E731
    return with_rules(Judge(of, thresholds, of), reps)


def errors(task: Task, said: Mapping[str, Said]) -> None:
    truth = consensus(task.clips)
    standard = np.array([c.standard for c in task.clips])
    for title, keep in (
        ("standard variants", standard),
        ("all variants", np.ones(len(standard), dtype=bool)),
    ):
        print(f"## Error types, {title}: {keep.sum()} clips\n")
        columns = [e for e in range(len(ERRORS)) if (truth[keep, e] == 1).any()]
        heads = [f"{ERRORS[e]} ({counts(truth[keep, e])})" for e in columns]
        print("| F1, AP | " + " | ".join(heads) + " |\n|---" + "|---" * len(columns) + "|")
        print(
            "| one rater against the other | "
            + " | ".join(raters(task.clips, keep, e) for e in columns)
            + " |"
        )
        for name in ordered(said):
            cells = [figures(said[name], truth, keep, e) for e in columns]
            print(f"| {name} | " + " | ".join(cells) + " |")
        silent = [ERRORS[e] for e in range(len(ERRORS)) if e not in columns]
        print(f"\nno clip in which both raters see it: {', '.join(silent)}\n" if silent else "")
        scenes = [c.scene for c in task.clips]
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
    missed(task, said, truth)


def judged(task: Task, learn: Learn, source: str, seed: int) -> tuple[Floats, Floats]:
    """Return (clips, errors): probability, and whether it is said, of what is learnt from the source."""
    probability, present = np.full(task.judged.y.shape, np.nan), np.zeros(task.judged.y.shape, dtype=bool)
    for train, val, test in task.runs(source, seed):
        judge = learn(train, val, seed)
        probability[test], present[test] = with_rules(judge, task.judged.take(test))
    return whole(task, probability, present)


def with_rules(judge: Judge, reps: Corpus) -> tuple[Floats, Bools]:
    """Return probabilities and what is said; where an error was not learnt the rules speak, as in predict."""
    probability = judge.of(reps.x)
    learnt = np.isfinite(judge.thresholds)
    probability = np.where(learnt, probability, reps.rules)
    return probability, probability >= np.where(learnt, judge.thresholds, 0.5)


def whole(task: Task, probability: Floats, present: Bools) -> tuple[Floats, Floats]:
    """Return (clips, errors): the largest of the reps that show the error, 0 where none does."""
    shown, videos = task.judged.shown & np.isfinite(probability), np.array(task.judged.videos)
    p, said = np.where(shown, probability, 0.0), np.where(shown, present, False)
    none = np.zeros((1, probability.shape[1]))
    rows = [
        (np.vstack([none, p[at]]).max(axis=0), np.vstack([none, said[at]]).max(axis=0))
        for at in (videos == c.id for c in task.clips)
    ]
    return np.stack([p for p, _ in rows]), np.stack([s for _, s in rows])


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


def missed(task: Task, said: Mapping[str, Said], truth: Floats) -> None:
    """Print which standard clips are judged wrongly by most trainings of the last source, and how."""
    name = ordered(said)[-2]
    print(f"Wrong in most trainings of {name}:\n")
    print("| clip | scene | error | raters | probability | rules |\n|---|---|---|---|---|---|")
    for e, error in enumerate(ERRORS):
        said_so = np.mean([s[:, e] for _, s in said[name]], axis=0) >= 0.5
        probability = np.mean([p[:, e] for p, _ in said[name]], axis=0)
        for i, clip in enumerate(task.clips):
            if clip.standard and np.isfinite(truth[i, e]) and said_so[i] != (truth[i, e] == 1):
                print(
                    f"| {clip.id} | {clip.scene} | {error} | {truth[i, e]:.0f} | {probability[i]:.2f} "
                    f"| {said['rules'][0][0][i, e]:.2f} |"
                )
    print()


def asked_for_it(task: Task, source: str, seeds: int) -> dict[str, str]:
    """Train the contenders on the one question; return rows: accuracy on unseen scenes, on random folds."""
    wrong = np.array([c.source_label == "wrong" for c in task.clips])
    rows = {}
    for name, fit in FITS.items():
        cells = []
        for grouped in (True, False):
            asked = grouped or (source == "real" and task.folds)
            tried = range(seeds if asked else 0)
            each = [(_wrong(task, fit, source, s, grouped=grouped) == wrong).mean() for s in tried]
            cells.append(_accuracy(each))
        rows[f"{name}, {source}"] = " | ".join(cells)
    return rows


def correct_or_wrong(task: Task, said: Mapping[str, Said], asked: Mapping[str, str]) -> None:
    """Say it of a clip from the errors that are found, and beside what was asked for it."""
    wrong = np.array([c.source_label == "wrong" for c in task.clips])
    print(f"## Correct or wrong: {len(wrong)} clips, {wrong.mean():.0%} wrong\n")
    print("| accuracy | unseen scenes | random folds |\n|---|---|---|")
    print(f"| always wrong | {wrong.mean():.2f} | |")
    videos, unusual = np.array(task.judged.videos), _unusual(task.judged)
    other = np.array([np.mean([False, *unusual[videos == c.id]]) >= 0.5 for c in task.clips])
    for name in ordered(said):
        each = [(((present > 0).any(axis=1) | other) == wrong).mean() for _, present in said[name]]
        print(f"| any error, or another exercise: {name} | {_accuracy(each)} | |")
    for name, cells in sorted(asked.items(), key=lambda row: not row[0].startswith("forest")):
        print(f"| asked for it: {name} | {cells} |")
    truth = consensus(task.clips)
    seen = np.array([bool(ANOTHER & {c.a["variant"], c.b["variant"]}) for c in task.clips])
    right = (((truth == 1).any(axis=1) | seen) == wrong).mean()
    print(f"| raters: an error that both see, or another exercise | {right:.2f} | |\n", flush=True)


def _accuracy(each: Sequence[float]) -> str:
    if not each:
        return ""
    return f"{np.mean(each):.2f}" + (f" ± {np.std(each):.2f}" if len(each) > 1 else "")


def _wrong(task: Task, fit: Fit, source: str, seed: int, *, grouped: bool) -> Bools:
    """Return (clips,): whether a clip is said to be wrong, by the mean over its reps."""
    probability = np.full(len(task.judged), np.nan)
    for train, val, test in task.runs(source, seed, grouped=grouped):
        judge = fit(_one_question(train), _one_question(val), seed)
        # Calibrated on a few scenes, one half would mean something else.
        probability[test] = judge.uncalibrated(_one_question(task.judged.take(test)).x)[:, 0]
    videos = np.array(task.judged.videos)
    means = [np.nanmean([0.5, *probability[videos == c.id]]) for c in task.clips]
    return np.array(means) >= 0.5


def _one_question(reps: Corpus) -> Dataset:
    """Return the reps with one label, wrong, and the rules' worst opinion in the place of all.

    Other exercises are wrong, too, in the sources' eyes.
    """
    worst = reps.x[..., -len(ERRORS) :].max(axis=-1, keepdims=True)
    worst[_unusual(reps)] = data.MAX_LOGIT
    x = np.concatenate([reps.x[..., : -len(ERRORS)], worst], axis=-1)
    wrong = (~reps.right).astype(np.float32)[:, None]
    return Dataset(reps.rep_ids, reps.groups, x, wrong, worth=reps.worth)


def _unusual(reps: Corpus) -> Bools:
    """Return (N,): whether a rep is on the knees or on one arm, or its hands leave the floor, as seen."""
    seen = reps.reps.select("support", "flags").iter_rows()
    told = [
        bool({*flags} & {quality.ONE_HAND, quality.HANDS_OFF})
        or (on == "knees" and not {*flags} & {*quality.BLIND})
        for on, flags in seen
    ]
    return np.array(told, dtype=bool)


if __name__ == "__main__":
    main()
