"""From Label Studio to the ledger: what is new since the last pull, skips and deletions included."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pushup_data import ledger
from pushup_data.errors import LabelsAtRiskError
from pushup_data.labelstudio import config
from pushup_data.labelstudio.client import Client
from pushup_data.ledger import SIMULATED_DOMAIN, Entry, Key
from pushup_data.taxonomy import Taxonomy

Json = dict[str, Any]

# The listing filters nested fields by the same names: these are of annotations and predictions, too.
_CONTENT = (
    "id,data,annotations,predictions,created_at,updated_at,result,completed_by,was_cancelled,lead_time"
    ",parent_prediction"
)
_WINDOW = timedelta(minutes=15)  # a change may be written later than the time that it bears
_FEW = 5  # so many annotations may vanish at once without a question


def news(client: Client, project: int, known: Mapping[Key, Entry], taxonomy: Taxonomy) -> list[Entry]:
    """Return what the ledger lacks: new and changed annotations and skips, and tombstones of deleted ones.

    `known` is ledger.latest(). Asks about the tasks that changed since the newest annotation in the ledger,
    and about all where that cannot be everything. Raises LabelsAtRiskError where most annotations are gone.
    """
    server = client.access.identity
    of_project = [e for e in known.values() if (e.server, e.project) == (server, project)]
    live = {entry.annotation: entry for entry in of_project if entry.event != "deleted"}
    since = _since([entry.updated_at for entry in of_project])
    if since and client.there(project, {entry.task for entry in live.values()}):
        entries = _read(client, project, live, taxonomy, since)
        now = live | {entry.annotation: entry for entry in entries}
        standing = sum(entry.event == "annotation" for entry in now.values())
        if standing == client.annotations(project):
            return entries
    return _read(client, project, live, taxonomy)


def _since(times: Sequence[str]) -> str:
    """Return from when on to ask for changes; nothing where the newest is later than now: a wrong clock."""
    newest = max((ledger.moment(time) for time in times), default=None)
    if newest is None or newest > datetime.now(UTC):
        return ""
    return (newest - _WINDOW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read(
    client: Client, project: int, live: Mapping[int, Entry], taxonomy: Taxonomy, since: str = ""
) -> list[Entry]:
    """List the tasks that changed after `since`, all without; a request per 500. Return what is new."""
    mails = client.members()
    entries: list[Entry] = []
    present: set[int] = set()
    listed: set[int] = set()
    for task in client.tasks(project, _CONTENT, since=since):
        listed.add(task["id"])
        for annotation in task["annotations"]:
            present.add(annotation["id"])
            seen = live.get(annotation["id"])
            if seen is None or seen.updated_at != annotation["updated_at"]:
                by = mails.get(annotation["completed_by"]) or client.annotator(task["id"], annotation["id"])
                made = {**annotation, "completed_by": by}
                entry = entry_of(made, task, client.access.identity, project, taxonomy)
                if entry is not None and seen is not None:
                    # What somebody was shown first stays so, also when the task is turned blind for a review.
                    entry = entry.model_copy(update={"blind": seen.blind, "shown": seen.shown})
                if entry is not None:
                    entries.append(entry)
    gone = [
        entry
        for number, entry in live.items()
        if number not in present and (not since or entry.task in listed)
    ]
    if len(gone) > _FEW and 2 * len(gone) > len(live):
        raise LabelsAtRiskError(
            f"{len(gone)} of {len(live)} annotations are gone from project {project} at {client.access.url}; "
            f"restore them there, or run `pushup-data pull --new-project` to keep their labels and begin anew"
        )
    entries += [entry.model_copy(update={"event": "deleted"}) for entry in gone]
    return sorted(entries, key=lambda e: (e.updated_at, e.annotation))


def entry_of(annotation: Json, task: Json, server: str, project: int, taxonomy: Taxonomy) -> Entry | None:
    """Return an annotation in the ledger's terms; None of a task that is not one of ours."""
    data = task["data"]
    if "ext_id" not in data or "shown" not in data:
        return None
    result = annotation["result"]
    usable, values = config.answer(result, data["view"], taxonomy, config.boxed(data, taxonomy))
    by = annotation["completed_by"]
    mail = by["email"] if isinstance(by, dict) else by
    return Entry(
        event="skip" if annotation["was_cancelled"] else "annotation",
        server=server,
        project=project,
        task=task["id"],
        annotation=annotation["id"],
        rep_id=data["rep_id"],
        clip=f"{data['ext_id']}.mp4",
        video_id=data["video_id"],
        start=data["start"],
        end=data["end"],
        view=data["view"],
        annotator=mail,
        simulated=mail.endswith(f"@{SIMULATED_DOMAIN}"),
        created_at=annotation["created_at"],
        updated_at=annotation["updated_at"],
        seconds=annotation["lead_time"],
        usable=usable,
        answer=values,
        note=config.note(result),
        blind=data["shown"] == config.BLIND,
        shown=_shown(annotation, task),
        taxonomy=data["taxonomy"],
        result=result,
    )


def _shown(annotation: Json, task: Json) -> Json | None:
    """Return what the annotator began from; None for a blind task."""
    if task["data"]["shown"] == config.BLIND:
        return None
    predictions = {p["id"]: p for p in task["predictions"]}
    began = predictions.get(annotation["parent_prediction"]) or next(iter(predictions.values()), None)
    result = began["result"] if began else []
    return {
        "predictor": task["data"]["shown"],
        "errors": config.boxes(result, "errors"),
        "unsure": config.boxes(result, "unsure"),
    }
