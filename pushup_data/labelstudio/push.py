"""Bring the project into step with the queue, without touching what anybody has touched."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from pushup_data.errors import BadInputError, ServerError
from pushup_data.labelstudio import config, opinions, player, server
from pushup_data.labelstudio.client import Client
from pushup_data.params import LabelStudio
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

Json = dict[str, Any]

_LISTED = "id,data,annotations,draft_exists,overlap,is_labeled,total_annotations,cancelled_annotations"
_PASSES = 4  # while tasks change under our hands


@dataclass(frozen=True)
class Pushed:
    """What a push did, and where every queued rep's task is."""

    project: int
    tasks: dict[str, int]  # clip's stem (rep and bounds) to task id, in the queue's order
    created: int
    deleted: int
    kept: int
    twice: list[str]  # reps of which several tasks were touched: all stay


def wanted(queued: pl.DataFrame, predictions: pl.DataFrame, known: Taxonomy) -> list[Json]:
    """Return the tasks of a queue, in order, with their predictions.

    `queued` is tables.QUEUE joined with REPS, without those that must not be shown. What a task is shown as
    (blind or not) is in its prediction only; nothing in it tells the split. Each carries `key`, a digest of
    all that it shows.
    """
    said: dict[str, dict[str, Json]] = {}
    for row in predictions.rows(named=True):
        said.setdefault(row["rep_id"], {})[row["error"]] = row
    return [
        _task(rep, said.get(rep["rep_id"], {}), known) for rep in queued.sort("position").rows(named=True)
    ]


def sync(
    client: Client,
    workspace: Workspace,
    settings: LabelStudio,
    tasks: Sequence[Json],
    known: Taxonomy,
    *,
    withheld: Collection[str] = (),
) -> Pushed:
    """Make the project hold these tasks, in this order, beside those that somebody has touched.

    A task with an annotation, a skip, a draft or a lock (somebody has it open) stays. Of the others, those
    that are as wanted and in order stay; the rest are deleted and created again, since the order of creation
    is the order of work.

    What stays and is not wanted is closed: nobody gets it any more. Work that is begun (a draft, a lock) can
    be finished, unless the video is one of those `withheld`, which nobody may see.
    """
    project = client.project(settings.title)
    if project is None:
        project = client.create_project(
            {
                "title": settings.title,
                "label_config": config.render(known),
                "sampling": "Sequential sampling",
                "show_collab_predictions": True,
                "show_skip_button": True,
                "maximum_annotations": opinions.OF_PROJECT,
            }
        )
    else:
        _keep_current(client, project, known)
    number = int(project["id"])
    if client.access.local:
        _serve(client, number, workspace)
    passes: list[Pushed] = []
    for _ in range(_PASSES):
        unanswered = client.unanswered
        done, complete = _once(client, workspace, number, tasks, withheld)
        passes.append(done)
        # Where an answer got lost, the same tasks may be there twice: look again.
        if complete and client.unanswered == unanswered:
            break
    else:
        raise ServerError(f"the tasks of {settings.title!r} go on changing; run the command again")
    if project["model_version"] != config.VERSION and tasks:
        client.update_project(number, {"model_version": config.VERSION})  # refused before a prediction has it
    created, deleted = sum(p.created for p in passes), sum(p.deleted for p in passes)
    return replace(done, created=created, deleted=deleted, kept=max(0, len(tasks) - created))


def withdraw(client: Client, workspace: Workspace, settings: LabelStudio, withheld: Collection[str]) -> None:
    """Delete the set tasks of these videos, which nobody may see; close those that somebody has touched."""
    project = client.project(f"{settings.title}{config.OF_SETS}") if withheld else None
    if project is None:
        return
    number = int(project["id"])

    def found() -> list[Json]:
        listed = client.tasks(number, "id,data,is_labeled")
        return [task for task in listed if task["data"].get("video_id") in withheld]

    client.delete_untouched(
        number, [task["id"] for task in found()], lambda: server.locked(workspace, client.access)
    )
    opinions.close(client, found())


def _once(
    client: Client, workspace: Workspace, project: int, tasks: Sequence[Json], withheld: Collection[str]
) -> tuple[Pushed, bool]:
    """Do it once; return what was done, and False where a task was touched meanwhile: then do it again."""
    existing = [t for t in client.tasks(project, _LISTED) if "ext_id" in t["data"]]  # others are not ours
    opened = server.locked(workspace, client.access)
    held = {t["id"] for t in existing if _touched(t)} | opened
    touched: dict[str, list[int]] = {}
    for task in existing:
        if task["id"] in held:
            touched.setdefault(task["data"]["ext_id"], []).append(task["id"])
    todo = [t for t in tasks if t["data"]["ext_id"] not in touched]
    keep, drop = _in_order(todo, [t for t in existing if t["id"] not in held])
    deleted = client.delete_untouched(
        project, [t["id"] for t in drop], lambda: server.locked(workspace, client.access)
    )
    twice = sorted(name for name, found in touched.items() if len(found) > 1)
    if deleted < len(drop):
        return Pushed(project, {}, 0, deleted, 0, twice), False
    uploaded = {t["data"]["ext_id"]: t["data"].get("videos", {}) for t in existing}
    new = [_with_video(client, project, workspace, task, uploaded) for task in todo[len(keep) :]]
    made = client.import_tasks(project, [{k: t[k] for k in ("data", "predictions")} for t in new])
    ids = dict(zip([t["data"]["ext_id"] for t in todo], [*keep, *made], strict=True))
    ids |= {name: found[0] for name, found in touched.items()}
    places = {t["data"]["ext_id"]: ids[t["data"]["ext_id"]] for t in tasks}
    there = {t["id"]: t for t in existing if t["id"] not in opened} | {n: opinions.fresh(n) for n in made}
    asked = [(t, there[places[t["data"]["ext_id"]]]) for t in tasks if places[t["data"]["ext_id"]] in there]
    opinions.ask(client, asked, lambda t: _with_video(client, project, workspace, t, uploaded)["data"])
    spare = [t for t in existing if t["id"] in held - set(places.values())]
    begun = {t["id"] for t in spare if t["draft_exists"]} | opened
    opinions.close(client, [t for t in spare if t["id"] not in begun or t["data"]["video_id"] in withheld])
    return Pushed(project, places, len(made), deleted, len(keep), twice), True


def _in_order(todo: Sequence[Json], untouched: Sequence[Json]) -> tuple[list[int], list[Json]]:
    """Return the ids of tasks that can stay as the beginning of the queue, and the tasks to delete."""
    free = sorted(untouched, key=lambda t: t["id"])
    keep: list[int] = []
    at = 0
    for task in todo:
        while at < len(free) and free[at]["data"].get("key") != task["data"]["key"]:
            at += 1
        if at == len(free):
            break
        keep.append(free[at]["id"])
        at += 1
    kept = set(keep)
    return keep, [t for t in free if t["id"] not in kept]


def _touched(task: Json) -> bool:
    counts = ("annotations", "draft_exists", "total_annotations", "cancelled_annotations")
    return any(task[c] for c in counts)


def _task(rep: Mapping[str, Any], said: Mapping[str, Json], known: Taxonomy) -> Json:
    reasons, errors, unsure = [], [], []
    shown, score = config.BLIND, 0.0
    told = [said[e.id] for e in known.errors if e.id in said]
    if not rep["blind"] and told:
        errors = [row["error"] for row in told if row["present"]]
        unsure = [row["error"] for row in told if row["probability"] is None]
        reasons = [f"{known[row['error']].title}: {row['reason']}" for row in told if row["present"]]
        reasons = reasons or ["The machine sees nothing wrong."]
        shown = "+".join(sorted({row["predictor"] for row in told}))
        sure = [abs(row["probability"] - 0.5) * 2 for row in told if row["probability"] is not None]
        score = round(min(sure, default=0.0), 4)
    data: Json = {
        "ext_id": rep["clip"].removesuffix(".mp4"),
        "rep_id": rep["rep_id"],
        "video_id": rep["video_id"],
        "start": rep["start"],
        "end": rep["end"],
        "fps": rep["fps"],
        "view": rep["view"],
        "number": rep["number"],
        "taxonomy": known.version,
        "boxes": list(known.ids),  # by it, a pull knows what an unticked box can have meant
        "reasons": reasons,
        "shown": shown,
    }
    prediction = {"model_version": config.VERSION, "score": score, "result": config.ticked(errors, unsure)}
    content = json.dumps([data, prediction], sort_keys=True)
    data["key"] = hashlib.sha256(content.encode()).hexdigest()[:16]
    return {
        "data": data,
        "predictions": [prediction],
        "clip": rep["clip"],
        "opinions": rep["opinions"],
        "review": rep["reason"] == "review",
    }


def check(tasks: Sequence[Json], known: Taxonomy) -> None:
    """Hold every prediction against the labeling config: the server would take any. Raises BadInputError."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(config.render(known))
    for task in tasks:
        for prediction in task["predictions"]:
            found = interface.validate_prediction(prediction, return_errors=True)
            if found:
                raise BadInputError(f"the prediction for {task['data']['rep_id']} does not fit: {found[0]}")


def _keep_current(client: Client, project: Json, known: Taxonomy) -> None:
    """Update labeling config and overlap; boxes that were ever there stay, for labels that use them."""
    current = config.render(known, kept=config.choices(project["label_config"]))
    changes: Json = {}
    if project["label_config"] != current:
        changes["label_config"] = current
    if project["maximum_annotations"] != opinions.OF_PROJECT:
        changes["maximum_annotations"] = opinions.OF_PROJECT
    if changes:
        client.update_project(int(project["id"]), changes)


def _serve(client: Client, project: int, workspace: Workspace) -> None:
    served = {s["path"] for s in client.storages(project)}
    for folder in (workspace.clips, workspace.renditions):
        if str(folder) not in served:
            folder.mkdir(parents=True, exist_ok=True)
            client.add_storage(project, str(folder))


def _with_video(
    client: Client, project: int, workspace: Workspace, task: Json, uploaded: Mapping[str, Mapping[str, str]]
) -> Json:
    """Return the task with the addresses of its clip and renditions."""
    data = task["data"]
    known = uploaded.get(data["ext_id"], {})
    videos = player.addresses(client, project, workspace, task["clip"], known)
    return {**task, "data": {**data, "videos": videos, "player": player.html(videos, data["reasons"])}}
