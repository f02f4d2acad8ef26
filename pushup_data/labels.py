"""Which annotations count: those that fit a rep of today, the newest of each person.

A label belongs to a rep by its id *and* its bounds: an annotation made for other frames than the rep has
today is an orphan, which is reported and never used.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pushup_data import frames, ledger
from pushup_data.ledger import Entry

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

    Where one person judged one rep several times (in two tasks, projects or servers) the newest counts; of
    several regions of one annotation the one that covers the rep best: who repairs a rep that was cut in two
    draws one bar over both, and what is left of the other says nothing of it.
    """
    entries = placed(entries, reps)
    bounds = bounds_of(reps)
    orphans = []
    newest: dict[tuple[str, str], Entry] = {}
    superseded = []
    for entry in sorted(entries, key=lambda entry: _age(entry, bounds)):
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


def _age(
    entry: Entry, bounds: Mapping[str, tuple[int, int]]
) -> tuple[datetime, datetime, str, int, int, float, str]:
    """Sort key, oldest first; the regions of one annotation by how well they cover their rep."""
    covered = frames.overlap(bounds.get(entry.rep_id, (0, 0)), (entry.start, entry.end))
    times = ledger.moment(entry.updated_at), ledger.moment(entry.created_at)
    return (*times, entry.server, entry.project, entry.annotation, covered, entry.region)
