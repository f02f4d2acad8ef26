"""Annotate avatars by their truth, with a stated share of mistakes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from pushup_data import tables, taxonomy
from pushup_data.labelstudio import config, simulated
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy, Value
from pushup_data.workspace import Workspace

_SAME = 0.5  # intersection over union of a rep's frames with the true one's, above which it is that rep


def run(workspace: Workspace, params: Params, path: Path, error_rates: Sequence[float]) -> str:
    """Answer every waiting task as the truth has it, once per annotator; say how many.

    The annotator with error rate r says the opposite of what is true of a share r of all (rep, error). What
    the camera cannot show, all say they can't tell. Of a rep that is none, that it is not usable.
    """
    known = taxonomy.load(workspace.taxonomy)
    of_rep = truth_of_reps(
        tables.read(tables.TRUTH, path),
        tables.read(tables.REPS, workspace.reps),
        tables.read(tables.VIDEOS, workspace.videos),
    )
    names = {
        f"annotator-{i}-errs-{rate:.0%}".replace("%", "-percent"): rate
        for i, rate in enumerate(error_rates, 1)
    }

    def respond(name: str, data: simulated.Json) -> config.Result | None:
        return answer(of_rep.get(data["rep_id"]), data["rep_id"], known, name=name, error_rate=names[name])

    return simulated.answer(workspace, params.labelstudio, list(names), respond)


def truth_of_reps(
    truth: pl.DataFrame, reps: pl.DataFrame, videos: pl.DataFrame
) -> dict[str, dict[str, Value]]:
    """Return error -> value by rep_id, for the reps that are one in truth."""
    rows = {row["file"]: row for row in truth.drop("joints_2d", "joints_3d").rows(named=True)}
    names = dict(videos.select("video_id", "original_name").iter_rows())
    found: dict[str, dict[str, Value]] = {}
    for rep in reps.rows(named=True):
        row = rows.get(PurePosixPath(names[rep["video_id"]]).name)
        for true in row["reps"] if row else []:
            if _overlap(true, rep) > _SAME:  # at most one: true reps do not overlap
                found[rep["rep_id"]] = {told["error"]: told["value"] for told in true["errors"]}
    return found


def answer(
    true: Mapping[str, Value] | None, rep_id: str, known: Taxonomy, *, name: str, error_rate: float
) -> config.Result:
    """Return what an annotator says of a rep; the same each time they are asked."""
    if true is None:
        return config.ticked((), (), usable=False)
    said = {e: _mistaken(v) if _chance(name, rep_id, e) < error_rate else v for e, v in true.items()}
    return config.ticked(
        [e for e in known.ids if said.get(e) == "present"], [e for e in known.ids if said.get(e) == "unknown"]
    )


def _mistaken(value: Value) -> Value:
    mistakes: dict[Value, Value] = {"present": "absent", "absent": "present"}
    return mistakes.get(value, value)


def _chance(*key: str) -> float:
    """Return a number from 0 to 1 that depends on the key only."""
    return int.from_bytes(hashlib.sha256("/".join(key).encode()).digest()[:8], "big") / 2**64


def _overlap(true: Mapping[str, Any], rep: Mapping[str, Any]) -> float:
    shared = min(true["end"], rep["end"]) - max(true["start"], rep["start"])
    return float(max(shared, 0) / (max(true["end"], rep["end"]) - min(true["start"], rep["start"])))
