"""Consensus: one label per (rep, error) from what several people said.

A label belongs to a rep by its id *and* its bounds: an annotation made for other frames than the rep has
today is an orphan, which is reported and never used.

Every person has one vote per (rep, error): present, absent or unknown. With n votes of which w are for the
value chosen,

    certainty = (w + 1) / (n + 2)

the posterior mean of a share under a uniform prior (Laplace's rule of succession): one vote alone gives 2/3,
two that agree 3/4, two against one 3/5, and one beside a "can't tell" 1/2.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import polars as pl

from pushup_data import frames, tables
from pushup_data.errors import BadInputError
from pushup_data.ledger import Entry
from pushup_data.taxonomy import Taxonomy, Value

MIN_OVERLAP = (
    0.5  # intersection over union of an annotation's frames and its rep's, below which it is an orphan
)


@dataclass(frozen=True)
class Orphan:
    """An annotation whose rep is gone or has moved."""

    entry: Entry
    why: str


@dataclass(frozen=True)
class Filed:
    """Standing annotations, sorted into those that count today and those that do not."""

    counted: list[Entry]  # one per (rep, annotator), in that order
    superseded: list[Entry]  # the same person judged the same rep again later
    orphans: list[Orphan]


def file(entries: Iterable[Entry], reps: pl.DataFrame) -> Filed:
    """Sort standing annotations by what they are worth for the tables.REPS of today.

    Where one person judged one rep several times (in two tasks, projects or servers) the newest counts.
    """
    entries = placed(entries, reps)
    bounds = bounds_of(reps)
    orphans = []
    newest: dict[tuple[str, str], Entry] = {}
    superseded = []
    for entry in sorted(entries, key=_age):
        why = misfit(entry, bounds)
        if why:
            orphans.append(Orphan(entry, why))
            continue
        key = (entry.rep_id, entry.annotator)
        if key in newest:
            superseded.append(newest[key])
        newest[key] = entry
    return Filed([newest[key] for key in sorted(newest)], superseded, orphans)


def placed(entries: Iterable[Entry], reps: pl.DataFrame) -> list[Entry]:
    """Return the entries, those made on a whole video under the rep of today that they overlap most.

    Such an annotation is about the frames that its region covers, whatever rep was there before. One that
    overlaps no rep by MIN_OVERLAP stays as it is.
    """
    entries = list(entries)
    by_video: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    if any(entry.region for entry in entries):
        for video, *rep in reps.select("video_id", "rep_id", "start", "end").iter_rows():
            by_video[video].append((rep[0], rep[1], rep[2]))
    result = []
    for entry in entries:
        if entry.region and by_video[entry.video_id]:
            fits = [
                (frames.overlap((entry.start, entry.end), (start, end)), rep_id)
                for rep_id, start, end in by_video[entry.video_id]
            ]
            best, rep_id = max(fits)
            if best >= MIN_OVERLAP:
                entry = entry.model_copy(update={"rep_id": rep_id})  # noqa: PLW2901
        result.append(entry)
    return result


def bounds_of(reps: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Return each rep's [start, end) in frames."""
    return {r: (start, end) for r, start, end in reps.select("rep_id", "start", "end").iter_rows()}


def misfit(entry: Entry, bounds: Mapping[str, tuple[int, int]]) -> str | None:
    """Say why an annotation does not belong to any rep of today; None where it does."""
    if entry.rep_id not in bounds:
        return "the rep is gone"
    overlap = frames.overlap(bounds[entry.rep_id], (entry.start, entry.end))
    return None if overlap >= MIN_OVERLAP else f"the rep moved: {overlap:.0%} overlap"


def consensus(counted: Sequence[Entry], taxonomy: Taxonomy, min_certainty: float) -> pl.DataFrame:
    """Return tables.LABELS: a row for every error of every rep that somebody annotated.

    - The value is what more people saw of present and absent. It is unknown where these tie, where more
      people can't tell, and where the certainty (see the top of this module; "can't tell" votes lower it) is
      below `min_certainty`. The certainty of an unknown is that of the "can't tell" votes.
    - A rep is unusable where more people say so than not; all its values are unknown then. Who calls a rep
      unusable cannot tell its errors.
    """
    by_rep: dict[str, list[Entry]] = defaultdict(list)
    for entry in counted:
        by_rep[entry.rep_id].append(entry)
    rows = []
    for rep_id, entries in by_rep.items():
        usable = 2 * sum(not e.usable for e in entries) <= len(entries)
        for error in taxonomy.ids:
            votes = Counter(vote(entry, error, taxonomy) for entry in entries)
            value, certainty = _decide(votes, min_certainty if usable else None)
            rows.append(
                {
                    "rep_id": rep_id,
                    "error": error,
                    "value": value,
                    "certainty": certainty,
                    "usable": usable,
                    "present": votes["present"],
                    "absent": votes["absent"],
                    "unknown": votes["unknown"],
                    "simulated": any(e.simulated for e in entries),
                }
            )
    return tables.LABELS.frame(rows)


def vote(entry: Entry, error: str, taxonomy: Taxonomy) -> Value:
    """Return what one annotation says of one error.

    "Absent" from a view that cannot show the error, by the taxonomy of today, is unknown.
    """
    if not entry.usable:
        return "unknown"
    said = entry.answer.get(error, "unknown")
    if said == "absent" and not taxonomy[error].judged_from(entry.view):
        return "unknown"
    return said


def _decide(votes: Mapping[Value, int], min_certainty: float | None) -> tuple[Value, float]:
    """Return value and certainty; `min_certainty` None: unknown, whatever the votes."""
    total = sum(votes.values())

    def certainty(value: Value) -> float:
        return (votes[value] + 1) / (total + 2)

    best: Value = "present" if votes["present"] > votes["absent"] else "absent"
    undecided = votes["present"] == votes["absent"] or votes["unknown"] > votes[best]
    if min_certainty is None or undecided or certainty(best) < min_certainty:
        return "unknown", certainty("unknown")
    return best, certainty(best)


def agreement(counted: Sequence[Entry], taxonomy: Taxonomy) -> dict[str, dict[str, Any]]:
    """Return per error how well people agree on reps that two or more of them judged.

    `pairs` counts pairs of people who both said present or absent of a rep; `percent` is the share of them
    that agree; `kappa` is chance-corrected, with both sides' marginals pooled (Scott's pi, which with many
    pairs is Krippendorff's alpha). Null, with a reason, where it cannot be computed.
    """
    from sklearn.metrics import cohen_kappa_score

    by_rep: dict[str, list[Entry]] = defaultdict(list)
    for entry in counted:
        by_rep[entry.rep_id].append(entry)
    result: dict[str, dict[str, Any]] = {}
    for error in taxonomy.ids:
        pairs = []
        for entries in by_rep.values():
            votes = [vote(entry, error, taxonomy) for entry in entries]
            pairs += list(combinations([v for v in votes if v != "unknown"], 2))
        if not pairs:
            why = "no rep was judged by two people"
            result[error] = {"pairs": 0, "percent": None, "kappa": None, "reason": why}
            continue
        found: dict[str, Any] = {"pairs": len(pairs)}
        found["percent"] = round(sum(a == b for a, b in pairs) / len(pairs), 4)
        if len({v for pair in pairs for v in pair}) == 1:
            found |= {"kappa": None, "reason": f"everybody said {pairs[0][0]}"}
        else:
            one, other = zip(*pairs, strict=True)
            # Each pair both ways round: who of the two is named first means nothing.
            found["kappa"] = round(float(cohen_kappa_score(one + other, other + one)), 4)
        result[error] = found
    return result


def summary(filed: Filed, labels: pl.DataFrame, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return metrics/labels.json."""
    standing = [*filed.counted, *filed.superseded, *(o.entry for o in filed.orphans)]
    errors = {}
    for error in taxonomy.ids:
        values = labels.filter((pl.col("error") == error) & pl.col("usable"))["value"].to_list()
        errors[error] = {value: values.count(value) for value in ("present", "absent", "unknown")}
    usable = labels.filter("usable")
    return {
        "annotations": len(standing),
        "annotators": len({e.annotator for e in standing}),
        "simulated": sum(e.simulated for e in standing),
        "superseded": len(filed.superseded),
        "annotated_reps": labels["rep_id"].n_unique(),
        "labelled_reps": usable.filter(pl.col("value") != "unknown")["rep_id"].n_unique(),
        "unusable_reps": labels.filter(~pl.col("usable"))["rep_id"].n_unique(),
        "errors": errors,
        "agreement": agreement(filed.counted, taxonomy),
        "orphans": len(filed.orphans),
        "orphaned": [
            {
                "rep_id": o.entry.rep_id,
                "project": o.entry.project,
                "annotation": o.entry.annotation,
                "why": o.why,
            }
            for o in sorted(filed.orphans, key=lambda o: o.entry.key)
        ],
    }


def _age(entry: Entry) -> tuple[datetime, datetime, str, int, int, str]:
    """Sort key, oldest first. Parsed, since `…:00Z` and `…:00.5Z` do not sort as text."""
    try:
        times = [datetime.fromisoformat(t) for t in (entry.updated_at, entry.created_at)]
    except ValueError as e:
        raise BadInputError(
            f"data/annotations: annotation {entry.annotation} of project {entry.project}: {e}; "
            f"restore the file from git, never edit it"
        ) from None
    updated, created = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in times)
    return (updated, created, *entry.key)
