"""From Label Studio to the ledger: what is new since the last pull, skips and deletions included."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pushup_data.errors import LabelsAtRiskError
from pushup_data.labelstudio import config
from pushup_data.labelstudio.client import Client
from pushup_data.ledger import SIMULATED_DOMAIN, Entry
from pushup_data.taxonomy import Taxonomy

Json = dict[str, Any]

_FEW = 5  # so many annotations may vanish at once without a question


@dataclass(frozen=True)
class Listing:
    """A project's annotations without their content."""

    tasks: dict[int, dict[int, str]]  # task id to annotation id to when it last changed

    @property
    def annotations(self) -> set[int]:
        """The ids of all annotations."""
        return {number for held in self.tasks.values() for number in held}


def listing(client: Client, project: int) -> Listing:
    """Ask which annotations there are and when each changed; one request per 500 tasks."""
    tasks = client.tasks(project, "id,annotations,updated_at")  # the last is of the annotations, too
    return Listing({t["id"]: {a["id"]: a["updated_at"] for a in t["annotations"]} for t in tasks})


def news(
    client: Client,
    project: int,
    found: Listing,
    known: Mapping[tuple[str, int, int], Entry],
    taxonomy: Taxonomy,
) -> list[Entry]:
    """Return what the ledger lacks: new and changed annotations and skips, and tombstones of deleted ones.

    `known` is ledger.latest(). Raises LabelsAtRiskError where most annotations are gone at once.
    """
    server = client.access.identity
    live = {
        entry.annotation: entry
        for (of_server, of_project, _), entry in known.items()
        if (of_server, of_project) == (server, project) and entry.event != "deleted"
    }
    gone = [entry for number, entry in live.items() if number not in found.annotations]
    if len(gone) > _FEW and 2 * len(gone) > len(live):
        raise LabelsAtRiskError(
            f"{len(gone)} of {len(live)} annotations are gone from project {project} at {client.access.url}; "
            f"restore them there, or run `pushup-data pull --new-project` to keep their labels and begin anew"
        )
    entries = [entry.model_copy(update={"event": "deleted"}) for entry in gone]
    for task, held in found.tasks.items():
        if all(n in live and live[n].updated_at == when for n, when in held.items()):
            continue
        full = client.task(task)
        for annotation in full["annotations"]:
            seen = live.get(annotation["id"])
            if seen is None or seen.updated_at != annotation["updated_at"]:
                entry = entry_of(annotation, full, server, project, taxonomy)
                if entry is not None and seen is not None:
                    # What somebody was shown first stays so, also when the task is turned blind for a review.
                    entry = entry.model_copy(update={"blind": seen.blind, "shown": seen.shown})
                if entry is not None:
                    entries.append(entry)
    return sorted(entries, key=lambda e: (e.updated_at, e.annotation))


def entry_of(annotation: Json, task: Json, server: str, project: int, taxonomy: Taxonomy) -> Entry | None:
    """Return an annotation in the ledger's terms; None of a task that is not one of ours."""
    data = task["data"]
    if "ext_id" not in data or "shown" not in data:
        return None
    result = annotation["result"]
    usable, values = config.answer(result, data["view"], taxonomy)
    by = annotation["completed_by"]
    mail = by["email"] if isinstance(by, dict) else str(by)
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
