"""Set tasks: whole videos with their reps on the timeline, in a project of their own beside the reps'.

Nothing of the machine's is ticked in them, only its bounds are drawn: they are blind.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pushup_data import frames, locks, tables, taxonomy
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config, player, server, set_config
from pushup_data.labelstudio.client import Client
from pushup_data.params import LabelStudio, Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

Json = dict[str, Any]


def run(workspace: Workspace, params: Params, names: Sequence[str]) -> str:
    """Push the videos named (by video_id or by their place below data/raw) as set tasks; say what was done.

    Raises BadInputError for a video that is not there, without consent, or of a val or test subject.
    """
    known = taxonomy.load(workspace.taxonomy)
    videos = {row["video_id"]: row for row in tables.read(tables.VIDEOS, workspace.videos).rows(named=True)}
    named = {row["original_name"]: video_id for video_id, row in videos.items()}
    split = dict(
        tables.read(tables.ASSIGNMENTS, workspace.assignments, default_empty=True)
        .select("subject", "split")
        .iter_rows()
    )
    views = dict(tables.read(tables.QUALITY, workspace.quality).select("video_id", "view").iter_rows())
    reps = tables.read(tables.REPS, workspace.reps).sort("start")
    tasks: dict[str, Json] = {}
    for name in names:
        video = videos.get(named.get(name, name))
        if video is None:
            raise BadInputError(
                f"no video {name!r}; name it as in data/raw, or by its video_id in data/videos.parquet"
            )
        side = split.get(video["subject"])
        if side in ("val", "test"):
            raise BadInputError(
                f"{name} is of a {side} subject, whose reps are drawn at random; take one of a train subject"
            )
        if video["consent"] == "no":
            raise BadInputError(f"{name} is without consent (data/raw/manifest.csv); nobody may see it")
        of_video = reps.filter(reps["video_id"] == video["video_id"]).rows(named=True)
        view = views.get(video["video_id"], "unknown")
        tasks[video["video_id"]] = task(video, view, of_video, known)
    access = server.access(workspace, params.labelstudio)
    with locks.held(workspace.locks / "push.lock", wait_s=600, doing="pushing"), Client(access) as client:
        made, kept = sync(client, workspace, params.labelstudio, [*tasks.values()], known)
    return (
        f"sets: {made} tasks created and {kept} kept in {set_config.title(params.labelstudio)!r} "
        f"at {access.url}; `dvc repro` fetches what people say"
    )


def task(video: Mapping[str, Any], view: str, reps: Sequence[Mapping[str, Any]], known: Taxonomy) -> Json:
    """Return the task of a video (a row of tables.VIDEOS, seen from `view`) with its rows of tables.REPS."""
    shown = [{name: rep[name] for name in ("rep_id", "start", "end", "view")} for rep in reps]
    data: Json = {
        "video_id": video["video_id"],
        "fps": video["fps"],
        "frames": video["frames"],
        "view": view,
        "reps": shown,
        "taxonomy": known.version,
        "boxes": list(known.ids),
    }
    data["key"] = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
    regions = [region(rep["rep_id"], (rep["start"], rep["end"])) for rep in shown]
    return {
        "data": data,
        "predictions": [{"model_version": config.VERSION, "score": 0.0, "result": regions}],
    }


def region(name: str, bounds: tuple[int, int]) -> Json:
    """Return Label Studio's JSON of a rep on the timeline."""
    value = {"ranges": [frames.to_timeline(*bounds)], "timelinelabels": [set_config.REP]}
    return {"id": name, "from_name": "reps", "to_name": "clip", "type": "timelinelabels", "value": value}


def sync(
    client: Client, workspace: Workspace, settings: LabelStudio, tasks: Sequence[Json], known: Taxonomy
) -> tuple[int, int]:
    """Make the project hold these tasks beside those that are there; return how many are new, how many kept.

    A video's task stays as it is where somebody has touched it, also meanwhile, and where its reps are still
    the same.
    """
    number = _project(client, settings, known)
    if client.access.local:
        _serve(client, number, workspace)
    opened = server.locked(workspace, client.access)
    listed = "id,data,annotations,drafts,total_annotations,cancelled_annotations"
    there = {t["data"].get("video_id"): t for t in client.tasks(number, listed)}
    ready: list[tuple[Json, int | None]] = []  # with the task in whose place it comes
    for wanted in tasks:
        data = wanted["data"]
        old = there.get(data["video_id"])
        if old and (_touched(old) or old["id"] in opened or old["data"]["key"] == data["key"]):
            continue
        path = workspace.video(data["video_id"])
        address = player.local(path) if client.access.local else old and old["data"]["video"]
        if not address:
            address = client.upload(number, path.name, path.read_bytes())
        ready.append(({**wanted, "data": {**data, "video": address}}, old["id"] if old else None))
    replaced = [old for _, old in ready if old is not None]
    client.delete_untouched(number, replaced, lambda: server.locked(workspace, client.access))
    left = {t["id"] for t in client.tasks(number, "id")}  # uploads take minutes, in which people annotate
    new = [task for task, old in ready if old not in left]
    if new:
        client.import_tasks(number, new)
        client.update_project(number, {"model_version": config.VERSION})
    return len(new), len(tasks) - len(new)


def _project(client: Client, settings: LabelStudio, known: Taxonomy) -> int:
    """Return the project of sets, made or with its labeling config brought up to date."""
    there = client.project(set_config.title(settings))
    if there is None:
        new = {
            "title": set_config.title(settings),
            "label_config": set_config.render(known),
            "sampling": "Sequential sampling",
            "show_collab_predictions": True,
            "show_skip_button": True,
            "maximum_annotations": 1,
        }
        return int(client.create_project(new)["id"])
    current = set_config.render(known, kept=config.choices(there["label_config"]))
    if there["label_config"] != current:
        client.update_project(int(there["id"]), {"label_config": current})
    return int(there["id"])


def _serve(client: Client, project: int, workspace: Workspace) -> None:
    folder = str(workspace.video("").parent)
    if not any(s["path"] == folder for s in client.storages(project)):
        client.add_storage(project, folder)


def _touched(there: Json) -> bool:
    counts = ("annotations", "drafts", "total_annotations", "cancelled_annotations")
    return any(there[c] for c in counts)
