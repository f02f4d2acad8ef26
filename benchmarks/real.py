"""How well errors, and correct from wrong, are told on real people never trained on.

    python benchmarks/real.py --train DIR [DIR ...] [--test DIR] [--avatars DIR] [--seeds 3] [--sources real]
        [--kinds forest cnn-lstm] [--streams pose rgb]

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from bodies import load as load_avatars
from bodies import name_sets
from collection import SETTINGS, Clip, load_all, parser
from comparison import RELEASED, Bools, Floats, Said, accuracy, correct_or_wrong, errors
from contenders import KINDS, STREAMS, Fit, Judge, apart, contenders
from corpus import ERRORS, Corpus, join, of_clips
from sklearn.model_selection import GroupKFold

from pushup_data import quality
from pushup_data.model import data, predictor
from pushup_data.model.data import Dataset
from pushup_data.workspace import CHECKOUT

Learn = Callable[[Corpus, Corpus, int], Judge]  # from train, val, seed

SOURCES = ("real", "avatars", "both")
FOLDS = 5


class Task:
    """Clips to be judged, and avatars to learn from."""

    def __init__(
        self,
        train: list[Clip],
        test: list[Clip] | None,
        avatars: Callable[[], Corpus],
        streams: Sequence[str] = ("pose",),
    ) -> None:
        self.clips = test or train
        self._load = avatars
        scenes = {c.scene for c in test or ()}
        kept = [c for c in train if c.scene not in scenes]
        if len(kept) < len(train):
            print(f"{len(train) - len(kept)} clips of --train show scenes of --test: left out\n")
        self.train = told(of_clips(kept, streams), kept)
        self.judged = told(of_clips(test, streams), test) if test else self.train
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
    train, test = load_all([options.train, [options.test] if options.test else []], options.cache)
    streams = "+".join(options.streams).split("+")
    avatars = lambda: load_avatars(options.sets, options.front, options.avatars)  # noqa: E731
    task = Task(train, test or None, avatars, streams)
    settings = SETTINGS.train.model_copy(update={"epochs": options.epochs})
    fits = contenders(options.kinds, options.streams, settings)
    print(
        f"{len(task.clips)} clips with {len(task.judged)} reps, {len({c.scene for c in task.clips})} scenes; "
        f"to learn from: {len(task.train)} reps of {len(train)} real clips"
        + (" (in folds)" if task.folds else "")
        + "\n"
    )
    said: dict[str, Said] = {
        "rules": [whole(task, task.judged.rules, task.judged.rules >= 0.5)],
        RELEASED: [whole(task, *released(task.judged))],
    }
    asked: dict[str, str] = {}
    for n, source in enumerate(options.sources):
        said |= opinions(task, source, fits, options.seeds)
        print(f"# Learnt from {', '.join(options.sources[: n + 1])}\n")
        if "errors" in options.tables:
            errors(task.clips, said)
        if "wrong" in options.tables:
            asked |= asked_for_it(task, source, fits, options.seeds)
            correct_or_wrong(task.clips, said, another_exercise(task), asked)


def arguments() -> argparse.Namespace:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--train", type=Path, nargs="+", help="default: PUSHUP_REAL_DATA")
    made.add_argument("--test", type=Path)
    name_sets(made, "--avatars")
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--kinds", nargs="+", choices=KINDS, default=["forest", "cnn-lstm"])
    made.add_argument("--streams", nargs="+", choices=STREAMS, default=["pose"])
    made.add_argument("--epochs", type=int, default=SETTINGS.train.epochs)
    made.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES)
    made.add_argument("--tables", nargs="+", choices=["errors", "wrong"], default=["errors", "wrong"])
    options = made.parse_args()
    if options.streams != ["pose"] and (list(options.sources) != ["real"] or options.tables != ["errors"]):
        made.error("pixels are compared on people alone and by errors: say --sources real --tables errors")
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


def opinions(task: Task, source: str, fits: Mapping[str, Fit], seeds: int) -> dict[str, Said]:
    """Return what every contender that learns from the source says of the errors."""
    said: dict[str, Said] = {}
    for name, fit in fits.items():
        for seed in range(seeds):
            run = judged(task, lambda t, v, s, fit=fit: fit(t.dataset(), v.dataset(), s), source, seed)  # type: ignore[misc]
            said.setdefault(f"{name}, {source}", []).append(run)
    return said


def released(reps: Corpus) -> tuple[Floats, Bools]:
    """Return what the model that ships with the project says of reps, as with_rules()."""
    model = predictor.load(CHECKOUT / "models" / "released")
    assert model is not None
    assert model.errors == ERRORS
    thresholds = np.array([model.thresholds.get(error, np.nan) for error in ERRORS])
    of: Callable[..., Floats] = lambda x, _=None: model.predict(x)[0].astype(np.float64)  # noqa: E731
    return with_rules(Judge(of, thresholds, of), reps)


def judged(task: Task, learn: Learn, source: str, seed: int) -> tuple[Floats, Floats]:
    """Return (clips, errors): probability, and whether it is said, of what is learnt from the source."""
    probability, present = np.full(task.judged.y.shape, np.nan), np.zeros(task.judged.y.shape, dtype=bool)
    for train, val, test in task.runs(source, seed):
        judge = learn(train, val, seed)
        probability[test], present[test] = with_rules(judge, task.judged.take(test))
    return whole(task, probability, present)


def with_rules(judge: Judge, reps: Corpus) -> tuple[Floats, Bools]:
    """Return probabilities and what is said; where an error was not learnt the rules speak, as in predict."""
    probability = judge.of(reps.x, reps.pixels)
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


def another_exercise(task: Task) -> Bools:
    """Return (clips,): whether most reps of a clip are seen to be of another exercise."""
    videos, unusual = np.array(task.judged.videos), _unusual(task.judged)
    return np.array([np.mean([False, *unusual[videos == c.id]]) >= 0.5 for c in task.clips], dtype=bool)


def asked_for_it(task: Task, source: str, fits: Mapping[str, Fit], seeds: int) -> dict[str, str]:
    """Train the contenders on the one question; return rows: accuracy on unseen scenes, on random folds."""
    wrong = np.array([c.source_label == "wrong" for c in task.clips])
    rows = {}
    for name, fit in fits.items():
        cells = []
        for grouped in (True, False):
            asked = grouped or (source == "real" and task.folds)
            tried = range(seeds if asked else 0)
            each = [(_wrong(task, fit, source, s, grouped=grouped) == wrong).mean() for s in tried]
            cells.append(accuracy(each))
        rows[f"{name}, {source}"] = " | ".join(cells)
    return rows


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
