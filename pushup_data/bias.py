"""What pre-annotation does to people: their answers with the machine's opinion beside their answers without.

Compared are train reps only, annotated blind or with the machine's opinion (val and test are always blind).
The blind ones are drawn at random and the others by uncertainty, so they are made alike first: annotations
are sorted into strata by the rep's view and by how sure the rules are of it (thirds of their mean entropy),
and the blind ones are weighed so that every stratum has the share that it has among the others. A stratum
that lacks either is left out. The rules are the yardstick for both since they judge every rep and learn from
nobody.

Intervals are percentile bootstraps over subjects, the weights computed anew in each resample.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import curation, votes
from pushup_data.agreement import MIN_SUBJECTS
from pushup_data.ledger import Entry
from pushup_data.metrics import RULES_THRESHOLD, interval, resample
from pushup_data.taxonomy import Taxonomy, Value

Floats = npt.NDArray[np.float64]

_THIRDS = (1 / 3, 2 / 3)  # bits
MEASURES = {
    "ticked": "errors ticked per annotation",
    "agreement": "share of pairs of people, on one error of one rep, that agree",
    "with_rules": "share of judgements that are the rules' own",
    "seconds": "geometric mean per annotation, since a coffee break must not count",
}


@dataclass(frozen=True)
class _Observed:
    """A sum of something over one annotation (or pair of people), and of how many."""

    subject: str
    stratum: tuple[str, int]
    shown: bool
    total: float
    of: float


def compare(
    counted: Sequence[Entry],
    reps: pl.DataFrame,
    rules: pl.DataFrame,
    train: Collection[str],
    taxonomy: Taxonomy,
    *,
    bootstrap: int,
    seed: int,
) -> dict[str, Any]:
    """Return every measure with and without the machine's opinion, and the difference with its interval.

    `counted` are annotations, one per (rep, person), without those that reviews asked for; `train` the rep
    ids of train subjects. Null, with a reason, where there is nothing to compare. Of seconds the difference
    is a ratio.
    """
    mine = [e for e in counted if e.rep_id in train]
    found: dict[str, Any] = {
        "shown": {"annotations": sum(not e.blind for e in mine), "reps": _reps(mine, blind=False)},
        "blind": {"annotations": sum(e.blind for e in mine), "reps": _reps(mine, blind=True)},
    }
    for name, observed in _observe(mine, reps, rules, taxonomy).items():
        found[name] = _measure(observed, bootstrap, seed, logarithmic=name == "seconds")
    return found


def _observe(
    mine: Sequence[Entry], reps: pl.DataFrame, rules: pl.DataFrame, taxonomy: Taxonomy
) -> dict[str, list[_Observed]]:
    judged_by_rules = rules.drop_nulls("probability").select("rep_id", "error", "probability")
    opinion = {(rep, error): p >= RULES_THRESHOLD for rep, error, p in judged_by_rules.iter_rows()}
    entropy = dict(curation.uncertainty(rules).iter_rows())
    place = {
        rep: (subject, (view, sum(entropy.get(rep, 0.0) >= third for third in _THIRDS)))
        for rep, subject, view in reps.select("rep_id", "subject", "view").iter_rows()
    }
    found: dict[str, list[_Observed]] = {name: [] for name in MEASURES}
    by_rep: dict[tuple[str, bool], list[dict[str, Value]]] = defaultdict(list)
    for entry in mine:
        said = {error: votes.vote(entry, error, taxonomy) for error in taxonomy.ids}
        judged: dict[str, Value] = {error: value for error, value in said.items() if value != "unknown"}
        by_rep[entry.rep_id, entry.blind].append(judged)
        where = (*place[entry.rep_id], not entry.blind)
        if entry.usable:
            found["ticked"].append(_Observed(*where, sum(v == "present" for v in judged.values()), 1))
            both = [e for e in judged if (entry.rep_id, e) in opinion]
            same = sum((judged[e] == "present") == opinion[entry.rep_id, e] for e in both)
            found["with_rules"].append(_Observed(*where, same, len(both)))
        if entry.seconds:
            found["seconds"].append(_Observed(*where, float(np.log(entry.seconds)), 1))
    for (rep_id, blind), several in by_rep.items():
        for one, other in combinations(several, 2):
            both = [e for e in one if e in other]
            same = sum(one[e] == other[e] for e in both)
            found["agreement"].append(_Observed(*place[rep_id], not blind, same, len(both)))
    return found


def _measure(
    observed: Sequence[_Observed], bootstrap: int, seed: int, *, logarithmic: bool
) -> dict[str, Any]:
    subjects = sorted({o.subject for o in observed})
    strata = sorted({o.stratum for o in observed})
    sums: Floats = np.zeros((len(subjects), 2, len(strata), 2))  # subject, shown, stratum, (total, of)
    for o in observed:
        sums[subjects.index(o.subject), int(o.shown), strata.index(o.stratum)] += (o.total, o.of)
    both = (sums[..., 1].sum(axis=0) > 0).all(axis=0) if strata else np.zeros(0, dtype=bool)
    row: dict[str, Any] = {"shown": None, "blind": None, "difference": None, "low": None, "high": None}
    for shown, name in ((1, "with the machine's opinion"), (0, "blind")):
        if not sums[:, shown, :, 1].sum():
            return row | {"reason": f"nothing was annotated {name}"}
    if not both.any():
        return row | {"reason": "no kind of rep was annotated both ways"}
    sums = sums[:, :, both]

    def means(weights: Floats) -> tuple[Floats, Floats]:
        totals = np.einsum("bs,sgkt->bgkt", weights, sums)  # (B, 2, strata, 2)
        of = totals[..., 1]
        usable = (of > 0).all(axis=1, keepdims=True)
        mean = np.divide(totals[..., 0], of, out=np.zeros_like(of), where=of > 0)
        share = np.where(usable[:, 0], of[:, 1], 0.0)
        whole = share.sum(axis=1, keepdims=True)
        share = np.divide(share, whole, out=np.full_like(share, np.nan), where=whole > 0)
        return (mean[:, 1] * share).sum(axis=1), (mean[:, 0] * share).sum(axis=1)

    shown_at, blind_at = (float(m[0]) for m in means(np.ones((1, len(subjects)))))
    change = np.exp if logarithmic else np.positive
    row |= {"shown": _round(change(shown_at)), "blind": _round(change(blind_at))}
    row["difference"] = _round(change(shown_at - blind_at))
    people = [len({o.subject for o in observed if o.shown == side}) for side in (True, False)]
    if min(people) < MIN_SUBJECTS:
        return row | {"reason": f"no interval: {min(people)} subjects on one side, {MIN_SUBJECTS} are needed"}
    with_, without = means(resample(subjects, bootstrap, seed))
    row["low"], row["high"] = interval(change(with_ - without))
    return row


def _reps(entries: Sequence[Entry], *, blind: bool) -> int:
    return len({e.rep_id for e in entries if e.blind == blind})


def _round(value: Any) -> float:
    return round(float(value), 4)
