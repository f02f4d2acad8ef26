"""Labels in files for others: the whole ledger as CSV, or the JSON that Label Studio imports and exports.

A CSV holds every version of every annotation, a row each; importing it gives the same ledger. Label Studio's
JSON knows only what stands today (skips included) in rep tasks; what was said of whole sets is in CSV only.
"""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pushup_data import files, ledger, locks, tables, taxonomy
from pushup_data.documents import describe
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config, player, pull
from pushup_data.ledger import Entry, Key
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

Json = dict[str, Any]

_ANSWER = "answer."  # one column per error
_NESTED = ("shown", "result")  # as JSON within a cell
_SUFFIXES = (".csv", ".json")


@dataclass(frozen=True)
class Merged:
    """What a file has to add to the ledger."""

    new: list[Entry]
    known: int  # the ledger has them already
    older: int  # the ledger is further on with the same annotation, and what it ends with must stay the last


def export(workspace: Workspace, path: Path) -> str:
    """Write the ledger to a .csv or .json file; say what is in it."""
    _check_suffix(path)
    entries = ledger.read(workspace.annotations)
    if path.suffix == ".csv":
        _write(path, to_csv(entries))
        return f"{path}: {len(entries)} entries, every version of {len(ledger.latest(entries))} annotations"
    reps = tables.read(tables.REPS, workspace.reps, default_empty=True)
    tasks = to_tasks(entries, dict(reps.select("rep_id", "number").iter_rows()), workspace)
    _write(path, json.dumps(tasks, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    held = sum(len(task["annotations"]) for task in tasks)
    live = sum(e.event != "deleted" for e in ledger.latest(entries).values())
    more = f"; {live - held} of whole sets are left out, a CSV has them" if live > held else ""
    return f"{path}: {held} annotations of {len(tasks)} tasks, as Label Studio imports them{more}"


def load(workspace: Workspace, path: Path, people: Mapping[int, str]) -> str:
    """Add what a .csv or .json file has to the ledger; say how much that was.

    `people` are the mail addresses of annotators whom Label Studio's own export names by number only.
    """
    _check_suffix(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise BadInputError(f"{path} is not there; name a file that `labels export` made") from None
    except OSError as e:
        raise BadInputError(f"{path}: {e.strerror}; name a file that you may read") from None
    except UnicodeDecodeError as e:
        raise BadInputError(f"{path}: {e}; save it as UTF-8") from None
    strange = 0
    if path.suffix == ".csv":
        found = from_csv(text, str(path))
    else:
        found, strange = from_tasks(text, str(path), taxonomy.load(workspace.taxonomy), people)
    with locks.held(workspace.locks / "pull.lock", wait_s=600, doing="importing labels"):
        merged = merge(ledger.read(workspace.annotations), found)
        ledger.append(workspace.annotations, merged.new)
    lines = [f"{path}: {len(merged.new)} entries added to the ledger, {merged.known} were there already"]
    if merged.older:
        lines += [f"{merged.older} left out: the ledger has newer versions of the same annotations"]
    if strange:
        lines += [f"{strange} left out: their tasks are no rep tasks of ours"]
    if merged.new and not workspace.server.exists():
        lines += ["next: `pushup-data pull --new-project` (their project is elsewhere), then `dvc repro`"]
    return "\n".join(lines)


def merge(have: Sequence[Entry], found: Iterable[Entry]) -> Merged:
    """Return which entries to append so that the ledger says what both say, the newest version last.

    In whatever order they are found: of one version, the longer story counts.
    """
    ours, theirs = _versions(have), _versions(found)
    newest = {key: ledger.moment(entry.updated_at) for key, entry in ledger.latest(have).items()}
    new: list[Entry] = []
    known = older = 0
    for (key, when), given in sorted(theirs.items(), key=lambda version: version[0][1]):
        mine = ours.get((key, when), [])
        told = max(_story(mine), default=-1)
        more = [] if when < newest.get(key, when) else [e for at, e in _story(given).items() if at > told]
        there = sum(entry in mine for entry in given)
        known += min(there, len(given) - len(more))
        older += max(0, len(given) - len(more) - there)
        new += more
    return Merged(new, known, older)


def to_csv(entries: Sequence[Entry]) -> str:
    """Return the entries as CSV, a row each, oldest first."""
    errors = list(dict.fromkeys(error for entry in entries for error in entry.answer))
    text = io.StringIO()
    writer = csv.DictWriter(text, [c for f in Entry.model_fields for c in _columns(f, errors)], restval="")
    writer.writeheader()
    for entry in entries:
        row = {f: _cell(f, getattr(entry, f)) for f in Entry.model_fields if f != "answer"}
        writer.writerow(row | {_ANSWER + error: value for error, value in entry.answer.items()})
    return text.getvalue()


def from_csv(text: str, where: str) -> list[Entry]:
    """Read what to_csv wrote. Raises BadInputError naming line and column."""
    entries = []
    for number, row in _rows(text):
        line = f"{where}:{number}"
        if None in row or None in row.values():
            raise BadInputError(f"{line}: another number of cells than columns; export it again")
        fields: Json = {f: v for f, v in row.items() if not f.startswith(_ANSWER)}
        answer = {f.removeprefix(_ANSWER): v for f, v in row.items() if f.startswith(_ANSWER) and v}
        try:
            for name in (*_NESTED, "seconds"):
                fields[name] = json.loads(fields[name]) if fields.get(name) else None
            entries.append(Entry.model_validate(fields | {"answer": answer}))
        except (ValidationError, ValueError) as e:
            raise BadInputError(f"{line}: {describe(e)}; correct it or export it again") from None
    return entries


def to_tasks(entries: Sequence[Entry], numbers: Mapping[str, int], workspace: Workspace) -> list[Json]:
    """Return Label Studio's tasks with the annotations that stand, skips included.

    `numbers` are the reps' numbers within their videos; clips are played from the `workspace`'s own server.
    """
    tasks: dict[tuple[object, ...], Json] = {}
    for entry in ledger.latest(entries).values():
        if entry.event == "deleted" or entry.region:  # of a whole video
            continue
        # By the boxes too, which a task says for all its annotations: what had none must not become absent.
        at = (entry.server, entry.project, entry.task, frozenset(entry.answer))
        task = tasks.setdefault(at, _task(entry, numbers.get(entry.rep_id, 0), workspace))
        task["annotations"].append(
            {
                "id": entry.annotation,
                "completed_by": {"email": entry.annotator},
                "result": entry.result,
                "was_cancelled": entry.event == "skip",
                "ground_truth": False,
                "created_at": entry.created_at,
                "updated_at": entry.updated_at,
                "lead_time": entry.seconds,
                "parent_prediction": None,
            }
        )
    return list(tasks.values())


def from_tasks(text: str, where: str, known: Taxonomy, people: Mapping[int, str]) -> tuple[list[Entry], int]:
    """Read what to_tasks made, or what Label Studio exports as JSON from a project of ours.

    Returns the entries, and how many annotations are of tasks that are no rep tasks.

    What an unticked box means is decided by the taxonomy `known` and the task's boxes, as in a pull. Label
    Studio does not say which server a file is from: then the file stands for it. Raises BadInputError.
    """
    elsewhere = f"file:{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    entries: list[Entry] = []
    strange = 0
    try:
        for given in json.loads(text):
            # Of predictions, Label Studio exports only the numbers.
            begun_from = [p for p in given.get("predictions", []) if isinstance(p, dict)]
            task = {**given, "predictions": [{"id": n, **p} for n, p in enumerate(begun_from)]}
            for annotation in task["annotations"]:
                by = annotation["completed_by"]
                if not isinstance(by, dict):
                    if by not in people:
                        raise BadInputError(f"{where}: who is annotator {by}? Add --annotator {by}=MAIL")
                    by = {"email": people[by]}
                said = {"parent_prediction": None, **annotation, "completed_by": by}
                server = (task.get("meta") or {}).get("server", elsewhere)
                entry = pull.entry_of(said, task, server, task["project"], known)
                if entry is None:
                    strange += 1
                else:
                    entries.append(entry)
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise BadInputError(
            f"{where} is not what Label Studio exports from our project ({type(e).__name__}: {e})"
        ) from None
    return entries, strange


def _task(entry: Entry, number: int, workspace: Workspace) -> Json:
    shown = entry.shown or {"predictor": config.BLIND, "errors": [], "unsure": []}
    data = {
        "ext_id": entry.clip.removesuffix(".mp4"),
        "rep_id": entry.rep_id,
        "video_id": entry.video_id,
        "start": entry.start,
        "end": entry.end,
        "view": entry.view,
        "number": number,
        "taxonomy": entry.taxonomy,
        "boxes": list(entry.answer),
        "reasons": [],
        "shown": shown["predictor"],
        "player": player.html(player.locals_of(workspace, entry.clip), []),
    }
    result = config.ticked(shown["errors"], shown["unsure"])
    return {
        "id": entry.task,
        "project": entry.project,
        "meta": {"server": entry.server},
        "data": data,
        "predictions": [{"model_version": config.VERSION, "score": 0.0, "result": result}],
        "annotations": [],
    }


def _columns(field: str, errors: Sequence[str]) -> list[str]:
    return [_ANSWER + error for error in errors] if field == "answer" else [field]


def _rows(text: str) -> list[tuple[int, dict[Any, Any]]]:
    """Return a CSV's rows with their line numbers; cells may be longer than the csv module's 128 KiB."""
    usual = csv.field_size_limit(len(text) + 1)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        return [(reader.line_num, row) for row in reader]
    finally:
        csv.field_size_limit(usual)


def _cell(field: str, value: object) -> str:
    if field in _NESTED:
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _versions(entries: Iterable[Entry]) -> dict[tuple[Key, datetime], list[Entry]]:
    """Return the entries of each version: a tombstone carries the time of the version that it ends."""
    found: dict[tuple[Key, datetime], list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.key, ledger.moment(entry.updated_at)].append(entry)
    return found


def _story(version: Sequence[Entry]) -> dict[int, Entry]:
    """Return a version's entries by their place: there (0), deleted (1), there again from a backup (2) …

    Neither comes twice in a row: what a file repeats is left out.
    """
    there = [entry for entry in version if entry.event != "deleted"]
    gone = [entry for entry in version if entry.event == "deleted"]
    places = {2 * n: entry for n, entry in enumerate(there[: len(gone) + 1])}
    places |= {2 * n + 1: entry for n, entry in enumerate(gone[: max(1, len(there))])}
    return dict(sorted(places.items()))


def _write(path: Path, text: str) -> None:
    try:
        files.write_text(path, text)
    except OSError as e:
        raise BadInputError(f"{path}: {e.strerror}; name a file in a folder that you may write to") from None


def _check_suffix(path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise BadInputError(f"{path}: name it .csv or .json")
