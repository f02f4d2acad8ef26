"""Acquisition: which reps to label next.

Of a round's budget b, a share f is drawn at random for measuring, and as many beside it for training:

    round(f * b)  reps of val and test subjects, in the order of hash(seed, rep_id): blind
    as many       reps of train subjects, drawn the same way: blind
    round(g * b)  reps of train subjects whose label is in doubt, for somebody else's opinion: blind
    the rest      reps of train subjects, by acquisition score: with the machine's opinion

Val and test are never chosen by what a model thinks of them, and nobody who annotates sees from a task's kind
or place whether it is one of theirs. The draw keeps no state: labelled reps drop out of a fixed order.

A stated share of all reps gets several people's opinions: those with the smallest hash(seed, rep_id), so it
is always the same ones. It is drawn without regard to split, blindness or score: so what it says of agreement
and reliability holds for all, it tells nobody what is val or test, and it is the random sample by which val
and test are rated again. To rate all of val and test twice would cost as many minutes as to measure on twice
the reps, and for comparing predictors more reps are worth more than better labels (Dorner and Hardt, Don't
label twice, 2024).

The score of a rep is, over the errors e that can be judged from its view, with p[e] the probability,

    mean over e of H(p[e])  +  max over e of |model[e] - rules[e]|

H the binary entropy in bits (each error is a question of its own, a rep may show several), the second part 0
without a model. At most MAX_PER_VIDEO reps of a video are taken by score while others are left.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from pushup_data import labels, ledger, tables
from pushup_data.curation import disagreement, uncertainty
from pushup_data.ledger import Entry
from pushup_data.params import LabelStudio, Select

MAX_PER_VIDEO = 3  # reps of one set are alike: the fourth teaches little
MAX_REVIEWS = 2  # more opinions than this on one label that is in doubt are better spent on others


@dataclass(frozen=True)
class History:
    """What people have done with the reps of today, from the ledger."""

    voters: dict[str, set[str]]  # people who annotated it
    skipped: set[str]  # reps that somebody skipped, as they are today
    blind: set[str]  # reps that were shown blind to whoever did either

    @property
    def votes(self) -> dict[str, int]:
        """How many people annotated each rep."""
        return {rep_id: len(people) for rep_id, people in self.voters.items()}

    @property
    def people(self) -> set[str]:
        """Everybody who ever annotated a rep of today."""
        return set().union(*self.voters.values())


def history(entries: Collection[Entry], reps: pl.DataFrame) -> History:
    """Return what the ledger says of today's reps; annotations and skips of moved reps say nothing."""
    counted = labels.file(ledger.standing(entries), reps).counted
    bounds = labels.bounds_of(reps)
    latest = ledger.latest(entries).values()
    voters: dict[str, set[str]] = {}
    for entry in counted:
        voters.setdefault(entry.rep_id, set()).add(entry.annotator)
    skips = [e for e in latest if e.event == "skip" and not labels.misfit(e, bounds)]
    return History(
        voters=voters,
        skipped={e.rep_id for e in skips},
        blind={e.rep_id for e in [*counted, *skips] if e.blind},
    )


def scores(predictions: pl.DataFrame) -> dict[str, float]:
    """Return the acquisition score of every rep of which at least one error can be judged."""
    both = uncertainty(predictions).join(disagreement(predictions), on="rep_id", how="left")
    score = pl.col("uncertainty") + pl.col("disagreement").fill_null(0.0)
    return dict(both.select("rep_id", score).iter_rows())


def queue(
    reps: pl.DataFrame,
    predictions: pl.DataFrame,
    assignments: pl.DataFrame,
    seen: History,
    *,
    withheld: Collection[str],
    settings: Select,
    overlap: LabelStudio,
    seed: int,
    doubts: Mapping[str, float] | None = None,
    pending: Mapping[str, int] | None = None,
) -> pl.DataFrame:
    """Return tables.QUEUE, the next round's reps.

    - A rep is done when as many people as `opinions` says have annotated it, whatever they said: also that it
      is unusable.
    - One that fewer have annotated stays in the queue, behind the new ones and not counted in the budget: its
      task is in Label Studio already and is pushed again only where it got lost.
    - Of the reps that are done, train's with the largest `doubts` are asked for once more, of
      people who have not annotated them; val's and test's never are. `pending` are those asked for already,
      with how many people had annotated them: they stay in the queue like the begun ones. A rep gets at most
      MAX_REVIEWS opinions that way, and none while there is nobody else to ask.
    - Partial reps and those with a quality flag come after the others of their kind.
    - Reps that somebody skipped fill what room is left: none is lost, and none blocks the queue.
    - A subject that is in no split yet could become a test subject: its reps are drawn blind, like val's.
    - Reps of `withheld` videos (no consent) are never queued.
    - Positions are drawn at random too, from the seed.
    """
    split = dict(assignments.select("subject", "split").iter_rows())
    score = scores(predictions)
    last = dict(reps.select("rep_id", pl.col("partial") | (pl.col("flags").list.len() > 0)).iter_rows())
    video = dict(reps.select("rep_id", "video_id").iter_rows())
    train = {r for r, s in reps.select("rep_id", "subject").iter_rows() if split.get(s) == "train"}
    shown = {r for r, v in video.items() if v not in withheld}
    votes, people = seen.votes, seen.people
    needed = {r: opinions(r, overlap, seed) for r in shown}
    wanted = {r for r in shown if votes.get(r, 0) < needed[r]}
    begun = {r for r in wanted if votes.get(r)}
    skipped = (wanted - begun) & seen.skipped
    new = wanted - begun - skipped

    def drawn(rep_id: str) -> tuple[bool, str]:
        return last[rep_id], _hash(seed, "draw", rep_id)

    def by_score(rep_id: str) -> tuple[bool, float, str]:
        return last[rep_id], -score.get(rep_id, 0.0), _hash(seed, "draw", rep_id)

    held_out = sorted(new - train, key=drawn)
    share = int(settings.budget * settings.random_share + 0.5)
    measured = held_out[:share]
    beside = sorted(new & train, key=drawn)[: min(len(measured), settings.budget - len(measured))]
    ranked = sorted((new & train) - set(beside), key=by_score)
    doubts, done = doubts or {}, (shown & train) - wanted
    waiting = {r for r in done & set(pending or {}) if votes.get(r, 0) <= (pending or {})[r]}
    askable = [
        r
        for r in done - waiting
        if r in doubts and votes.get(r, 0) < needed[r] + MAX_REVIEWS and people - seen.voters.get(r, set())
    ]
    askable.sort(key=lambda r: (-doubts[r], _hash(seed, "draw", r)))
    room = settings.budget - len(measured) - len(beside)
    # Those that nobody has answered yet are part of the share: no run asks for more than it.
    reviews = max(int(settings.budget * settings.review_share + 0.5) - len(waiting), 0)
    reviewed = askable[: min(room, reviews)]
    room -= len(reviewed)
    chosen = _spread(ranked, video, Counter(video[r] for r in beside), room)
    # Train has run out: better to measure more exactly than to have people wait.
    measured += held_out[share : share + room - len(chosen)]
    picked = [*measured, *beside, *reviewed, *chosen]
    again = sorted(skipped, key=drawn)[: settings.budget - len(picked)]

    review = {*reviewed, *waiting}
    blind = {*measured, *beside, *review, *((begun | skipped) & ((wanted - train) | seen.blind))}
    order = sorted([*picked, *again], key=lambda r: _hash(seed, "place", r))
    order += sorted(begun | waiting, key=lambda r: _hash(seed, "place", r))

    def reason(rep_id: str) -> str:
        if rep_id in review:
            return "review"
        if rep_id in begun:
            return "overlap"
        return "random" if rep_id in blind else "uncertain"

    def worth(rep_id: str) -> float | None:
        if rep_id in review:
            return doubts.get(rep_id)
        return None if rep_id in blind else score.get(rep_id, 0.0)

    return tables.QUEUE.frame(
        [
            {
                "position": position,
                "rep_id": rep_id,
                "reason": reason(rep_id),
                "blind": rep_id in blind,
                "opinions": votes[rep_id] + 1 if rep_id in review else needed[rep_id],
                "score": worth(rep_id),
            }
            for position, rep_id in enumerate(order)
        ]
    )


def opinions(rep_id: str, settings: LabelStudio, seed: int) -> int:
    """Return how many people should annotate a rep."""
    place = int(_hash(seed, "overlap", rep_id)[:8], 16) / 16**8
    return settings.overlap if place < settings.overlap_share else 1


def _spread(ranked: list[str], video: dict[str, str], taken: Counter[str], room: int) -> list[str]:
    """Return the first `room` of `ranked`; a video has MAX_PER_VIDEO of them, unless no others remain."""
    chosen, passed = [], []
    for rep_id in ranked:
        if taken[video[rep_id]] < MAX_PER_VIDEO:
            chosen.append(rep_id)
            taken[video[rep_id]] += 1
        else:
            passed.append(rep_id)
    return (chosen + passed)[:room]


def _hash(seed: int, use: str, rep_id: str) -> str:
    return hashlib.sha256(f"{seed}:{use}:{rep_id}".encode()).hexdigest()
