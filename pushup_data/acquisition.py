"""Acquisition: which reps to label next.

Of a round's budget b, a share f is drawn at random for measuring, and as many beside it for training:

    round(f * b)  reps of val and test subjects, in the order of hash(seed, rep_id): blind
    as many       reps of train subjects, drawn the same way: blind
    the rest      reps of train subjects, by acquisition score: with the machine's opinion

Val and test are never chosen by what a model thinks of them, and nobody who annotates sees from a task's kind
or place whether it is one of theirs. The draw keeps no state: labelled reps drop out of a fixed order.

The score of a rep is, over the errors e that can be judged from its view, with p[e] the probability,

    mean over e of H(p[e])  +  max over e of |model[e] - rules[e]|

H the binary entropy in bits (each error is a question of its own, a rep may show several), the second part 0
without a model. At most MAX_PER_VIDEO reps of a video are taken by score while others are left.
"""

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from pushup_data import labels, ledger, tables
from pushup_data.curation import disagreement, uncertainty
from pushup_data.ledger import Entry
from pushup_data.params import Select

MAX_PER_VIDEO = 3  # reps of one set are alike: the fourth teaches little


@dataclass(frozen=True)
class History:
    """What people have done with the reps of today, from the ledger."""

    votes: dict[str, int]  # people who annotated it
    skipped: set[str]  # reps that somebody skipped, as they are today
    blind: set[str]  # reps that were shown blind to whoever did either


def history(entries: Collection[Entry], reps: pl.DataFrame) -> History:
    """Return what the ledger says of today's reps; annotations and skips of moved reps say nothing."""
    counted = labels.file(ledger.standing(entries), reps).counted
    bounds = labels.bounds_of(reps)
    latest = ledger.latest(entries).values()
    skips = [e for e in latest if e.event == "skip" and not labels.misfit(e, bounds)]
    return History(
        votes=dict(Counter(e.rep_id for e in counted)),
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
    overlap: int,
    seed: int,
) -> pl.DataFrame:
    """Return tables.QUEUE, the next round's reps.

    - A rep is done when `overlap` people have annotated it, whatever they said: also that it is unusable.
    - One that fewer have annotated stays in the queue, behind the new ones and not counted in the budget: its
      task is in Label Studio already and is pushed again only where it got lost.
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
    wanted = {r for r, v in video.items() if v not in withheld and seen.votes.get(r, 0) < overlap}
    begun = {r for r in wanted if seen.votes.get(r)}
    skipped = (wanted - begun) & seen.skipped
    new = wanted - begun - skipped

    def drawn(rep_id: str) -> tuple[bool, str]:
        return last[rep_id], _hash(seed, "draw", rep_id)

    def by_score(rep_id: str) -> tuple[bool, float, str]:
        return last[rep_id], -score.get(rep_id, 0.0), _hash(seed, "draw", rep_id)

    held_out = sorted(new - train, key=drawn)
    share = int(settings.budget * settings.random_share + 0.5)
    measured = held_out[:share]
    beside = sorted(new & train, key=drawn)[: len(measured)]
    ranked = sorted((new & train) - set(beside), key=by_score)
    room = settings.budget - len(measured) - len(beside)
    chosen = _spread(ranked, video, Counter(video[r] for r in beside), room)
    # Train has run out: better to measure more exactly than to have people wait.
    measured += held_out[share : share + room - len(chosen)]
    picked = [*measured, *beside, *chosen]
    again = sorted(skipped, key=drawn)[: settings.budget - len(picked)]

    blind = {*measured, *beside, *((begun | skipped) & ((wanted - train) | seen.blind))}
    order = sorted([*picked, *again], key=lambda r: _hash(seed, "place", r))
    order += sorted(begun, key=lambda r: _hash(seed, "place", r))
    return tables.QUEUE.frame(
        [
            {
                "position": position,
                "rep_id": rep_id,
                "reason": "random" if rep_id in blind else "uncertain",
                "blind": rep_id in blind,
                "score": None if rep_id in blind else score.get(rep_id, 0.0),
            }
            for position, rep_id in enumerate(order)
        ]
    )


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
