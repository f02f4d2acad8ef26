"""A rep's labels from the first to today, in lines for people to read: `pushup-data labels log`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from pushup_data import labels, ledger, tables
from pushup_data.errors import BadInputError
from pushup_data.ledger import Entry
from pushup_data.workspace import Workspace


def of_rep(workspace: Workspace, name: str) -> list[str]:
    """Return the story of the rep of this id, or of the only one whose id begins so. Raises BadInputError."""
    reps = tables.read(tables.REPS, workspace.reps, default_empty=True)
    entries = labels.placed(ledger.read(workspace.annotations), reps)
    known = {*reps["rep_id"], *(entry.rep_id for entry in entries)} - {""}
    fitting = [name] if name in known else sorted(rep for rep in known if rep.startswith(name))
    if len(fitting) != 1:
        found = f"{len(fitting)} reps begin with" if fitting else "no rep begins with"
        raise BadInputError(f"{found} {name!r}; name one by its rep_id, e.g. {min(known, default='<none>')}")
    (rep_id,) = fitting
    consensus = tables.read(tables.LABELS, workspace.labels, default_empty=True)
    return story(rep_id, entries, reps, consensus.filter(pl.col("rep_id") == rep_id))


def story(rep_id: str, entries: Sequence[Entry], reps: pl.DataFrame, consensus: pl.DataFrame) -> list[str]:
    """Return the lines: what the rep is, every version of every annotation, what counts, and the consensus.

    `entries` is the whole ledger, labels.placed() on the reps,
    `reps` tables.REPS, `consensus` the rep's rows of tables.LABELS.
    """
    mine = [entry for entry in entries if entry.rep_id == rep_id]
    rows = reps.filter(pl.col("rep_id") == rep_id).rows(named=True)
    lines = [_head(rep_id, rows[0] if rows else None)]
    before: dict[Any, Entry] = {}
    for entry in mine:
        lines += _told(entry, before.get(entry.key))
        before[entry.key] = entry
    if not mine:
        lines += ["nobody has annotated it"]
    return [*lines, *_counting(mine, reps), *_agreed(consensus)]


def _head(rep_id: str, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return f"rep {rep_id}: not among the reps of today"
    bounds = f"frames {row['start']} to {row['end']} of video {row['video_id']}"
    return f"rep {rep_id}: {bounds}, number {row['number']}, {row['view']} view"


def _told(entry: Entry, before: Entry | None) -> list[str]:
    who = entry.annotator + (" (simulated)" if entry.simulated else "")
    spent = "" if entry.seconds is None else f", {entry.seconds:.0f} s"
    where = f"annotation {entry.annotation} of task {entry.task}, project {entry.project} at {entry.server}"
    when = _minute(entry.updated_at)
    if entry.event == "deleted":
        return [f"(later)           {who} or another deleted {where}; a pull noticed"]
    done = {"annotation": "said", "skip": "skipped"}[entry.event]
    if before is not None:
        done = "changed it" if entry.event == "annotation" else "took it back by skipping"
    pad = " " * 18
    lines = [f"{when}  {who} {done}{spent} ({where}; rules version {entry.taxonomy})"]
    if before is None or before.shown != entry.shown:
        lines += [f"{pad}shown first: {_shown(entry)}"]
    if entry.event == "annotation":
        lines += [f"{pad}{_said(entry)}"]
        if before is not None and before.event == "annotation":
            lines += [f"{pad}that is: {_difference(before, entry)}"]
    if entry.note and (before is None or before.note != entry.note):
        lines += [f"{pad}note: {entry.note}"]
    return lines


def _shown(entry: Entry) -> str:
    if entry.shown is None:
        return "nothing (blind)"
    ticked = ", ".join(entry.shown["errors"]) or "no error"
    unsure = ", ".join(entry.shown["unsure"])
    return f"{ticked} ticked by {entry.shown['predictor']}" + (f"; can't tell {unsure}" if unsure else "")


def _said(entry: Entry) -> str:
    if not entry.usable:
        return "not usable"
    parts = []
    for value, words in (("present", "present"), ("absent", "absent"), ("unknown", "can't tell")):
        errors = [error for error, said in entry.answer.items() if said == value]
        parts += [f"{words}: {', '.join(errors)}"] if errors else []
    return "; ".join(parts) or "nothing"


def _difference(before: Entry, after: Entry) -> str:
    parts = [
        f"{error} {before.answer.get(error, 'unknown')} → {after.answer.get(error, 'unknown')}"
        for error in dict.fromkeys([*before.answer, *after.answer])
        if before.answer.get(error, "unknown") != after.answer.get(error, "unknown")
    ]
    if before.usable != after.usable:
        parts += ["now usable" if after.usable else "now not usable"]
    return ", ".join(parts) or "the same answer"


def _counting(mine: Iterable[Entry], reps: pl.DataFrame) -> list[str]:
    filed = labels.file(ledger.standing(mine), reps)
    lines = [f"counts today: {', '.join(e.annotator for e in filed.counted) or 'nobody'}"]
    lines += [
        f"does not count: annotation {e.annotation}, {e.annotator} judged it again" for e in filed.superseded
    ]
    lines += [
        f"does not count: annotation {o.entry.annotation} by {o.entry.annotator}, {o.why}"
        for o in filed.orphans
    ]
    return lines


def _agreed(consensus: pl.DataFrame) -> list[str]:
    if consensus.is_empty():
        return ["consensus: none in data/labels.parquet; `dvc repro` makes it"]
    if not consensus["usable"].all():
        return ["consensus: not usable"]
    lines = ["consensus (as of the last `labels` stage):"]
    for row in consensus.rows(named=True):
        votes = f"{row['present']} present, {row['absent']} absent, {row['unknown']} can't tell"
        lines += [f"  {row['error']:<20}{row['value']:<9}certainty {row['certainty']:.2f}  ({votes})"]
    return lines


def _minute(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text
