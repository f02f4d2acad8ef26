"""Where the loop stands, and the next thing to do: `pushup-data status`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pushup_data import acquisition, files, ledger, reviews, tables, verdict
from pushup_data.labelstudio import server
from pushup_data.params import Params
from pushup_data.workspace import Workspace

_REMEDY = "run `dvc repro` to make it again"
NOT_VIDEOS = {"manifest.csv", ".gitkeep"}


@dataclass(frozen=True)
class Standing:
    """The counts behind the report."""

    raw: int  # files in data/raw
    new: int  # of them, not yet looked at
    videos: int
    subjects: int
    quarantined: int
    reps: int
    queued: int  # reps in the current queue
    waiting: int  # of them, not annotated yet as far as the last pull knows
    others: int  # of them, annotated, but somebody else's opinion is wanted too
    begun: int  # of them, those that were annotated before they were queued
    annotations: int  # standing annotations in the ledger
    labelled: int  # reps with a consensus on at least one error
    simulated: int  # of them, with a simulated vote


def survey(workspace: Workspace) -> Standing:
    """Count what is in the workspace; missing tables count as empty."""

    def table(schema: tables.Table, path: Path) -> pl.DataFrame:
        return tables.read(schema, path, default_empty=True)

    videos = table(tables.VIDEOS, workspace.videos)
    quarantine = table(tables.QUARANTINE, workspace.quarantine)
    labels = table(tables.LABELS, workspace.labels)
    queue = table(tables.QUEUE, workspace.queue)
    entries = ledger.read(workspace.annotations)
    raw = _raw_files(workspace.raw)
    known = {*videos["original_name"], *quarantine["original_name"]}
    reps = table(tables.REPS, workspace.reps)
    done = acquisition.history(entries, reps)
    people, seen = done.voters, {*done.voters, *done.skipped}
    wanted_opinions = queue.select("rep_id", pl.col("opinions").fill_null(1)).iter_rows()
    known_labels = labels.filter((pl.col("value") != "unknown") | ~pl.col("usable"))
    return Standing(
        raw=len(raw),
        new=len(raw - known),
        videos=len(videos),
        subjects=videos["subject"].n_unique(),
        quarantined=len(quarantine),
        reps=len(reps),
        queued=len(queue),
        waiting=len(set(queue["rep_id"]) - seen),
        others=sum(0 < len(people.get(r, ())) < wanted for r, wanted in wanted_opinions),
        begun=len(queue.filter(pl.col("reason").is_in(["overlap", "review"]))),
        annotations=len(ledger.standing(entries)),
        labelled=known_labels["rep_id"].n_unique(),
        simulated=known_labels.filter("simulated")["rep_id"].n_unique(),
    )


def next_step(now: Standing, address: str | None, locked: bool) -> str:
    """Say the one thing to do next. `locked`: dvc.lock is there, so a round has been run."""
    if now.raw == 0:
        return "put push-up videos into data/raw, then run `dvc repro`"
    if now.new or not locked:
        return f"run `dvc repro`: {now.new or now.raw} files in data/raw are new"
    if now.videos == 0:
        return "every file is in quarantine; see data/quarantine.csv for what to do about each"
    if now.reps == 0:
        return "no repetition was found in any video; see data/quality.parquet for how well people are seen"
    if now.waiting:
        where = f" at {address}" if address else "; start Label Studio with `pushup-data labelstudio start`"
        return f"annotate the {now.waiting} reps waiting in Label Studio{where}, then run `dvc repro`"
    if now.others and now.queued == now.begun:
        return f"{now.others} reps wait for somebody else's opinion: have another annotator look at them"
    if now.queued:
        return "run `dvc repro`: the whole queue is annotated"
    return "every rep is labelled; add videos, or look at the data with `pushup-data app`"


def report(workspace: Workspace, params: Params) -> str:
    """Return the whole report, a fact a line."""
    now = survey(workspace)
    address = server.address(workspace)
    known = files.read_json(workspace.metrics / "labels.json", _REMEDY) or {}
    simulated = f" ({now.simulated} with simulated votes)" if now.simulated else ""
    lines = [
        (
            "videos",
            f"{now.videos} of {now.subjects} subjects" + (f", {now.new} new in data/raw" if now.new else ""),
        ),
        ("quarantined", f"{now.quarantined}" + (" (data/quarantine.csv)" if now.quarantined else "")),
        ("reps", str(now.reps)),
        (
            "waiting",
            f"{now.waiting} of {now.queued} queued"
            + (f", {now.others} for somebody else's opinion" if now.others else ""),
        ),
        ("labelled", f"{now.labelled} reps by {now.annotations} annotations{simulated}"),
        ("agreement", _agreement(known)),
        ("preannotated", _preannotated(known)),
        ("reviews", _reviews(known)),
        ("model", _model(workspace)),
        ("metrics", _metrics(workspace)),
        ("annotate", address or "Label Studio is not running"),
        ("next", next_step(now, address, (workspace.root / "dvc.lock").exists())),
    ]
    return "\n".join(f"{name:<12} {text}" for name, text in lines)


def _raw_files(raw: Path) -> set[str]:
    return {
        p.relative_to(raw).as_posix()
        for p in raw.rglob("*")
        if p.is_file() and p.name not in NOT_VIDEOS and not p.name.startswith(".")
    }


def _agreement(found: dict[str, Any]) -> str:
    """Return alpha per error, where two people or more judged."""
    rows = found.get("agreement", {}).items()
    said = [f"{error} {row['alpha']:.2f}" for error, row in rows if row["alpha"] is not None]
    return f"alpha {', '.join(said)}" if said else "not known yet (metrics/labels.json says why)"


def _preannotated(found: dict[str, Any]) -> str:
    """Return what the machine's opinion does to people's answers."""
    effect = found.get("preannotation", {})
    said = []
    for name, text, factor in (
        ("ticked", "{:+.2f} errors ticked", 1),
        ("agreement", "{:+.0f} points of agreement", 100),
        ("seconds", "{:.2f} times as long", 1),
    ):
        row = effect.get(name, {})
        if row.get("difference") is not None:
            span = "" if row["low"] is None else f" [{row['low'] * factor:.2f}, {row['high'] * factor:.2f}]"
            said.append(text.format(row["difference"] * factor) + span)
    what = ", ".join(said)
    return f"with the machine's opinion {what}" if said else "not known yet (metrics/labels.json says why)"


def _reviews(found: dict[str, Any]) -> str:
    """Return how the second opinions on labels in doubt ended."""
    ended = found.get("reviews", {})
    said = [f"{ended[name]} {name}" for name in reviews.OUTCOMES if ended.get(name)]
    return ", ".join(said) or "none yet"


def _model(workspace: Workspace) -> str:
    found = verdict.read(workspace.metrics / "verdict.json")
    if found is None:
        return "none yet; rules speak"
    return f"{found['predictor']} speaks: {found['why']}"


def _metrics(workspace: Workspace) -> str:
    """Return the macro figures of the last evaluation, by split and predictor that may speak."""
    found = files.read_json(workspace.metrics / "evaluation.json", _REMEDY) or {}
    said = []
    for split in ("val", "test", "cross_validation"):
        by = found.get(split, {}).get("macro", {})
        for predictor in (name for name in verdict.SPEAKERS if name in by):
            macro = by[predictor]
            if macro.get("f1") is not None:
                figures = f"F1 {macro['f1']:.2f}, AP {macro['ap']:.2f}"
                said.append(f"{split} {predictor} {figures} over {macro['errors']} errors")
    return "; ".join(said) or "none yet: no labelled rep of a val or test subject shows an error"
