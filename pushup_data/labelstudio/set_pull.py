"""What comes back of set tasks: an entry of the ledger per rep, and the bounds that people drew."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pushup_data import frames, ledger
from pushup_data.errors import LabelsAtRiskError
from pushup_data.labelstudio import config, set_config
from pushup_data.labelstudio.client import Client
from pushup_data.ledger import SIMULATED_DOMAIN, Entry, Key
from pushup_data.taxonomy import Taxonomy

Json = dict[str, Any]
Bounds = tuple[int, int]

WHOLE = "whole"  # the region of an entry about a set that says nothing of any rep
SAME_REP = 0.5  # overlap (intersection over union) from which a region drawn anew is the rep that was there
_FEW = 5  # so many annotations may vanish at once without a question


def news(client: Client, project: int, known: Mapping[Key, Entry], taxa: Taxonomy) -> list[Entry]:
    """Return what the ledger lacks of a project of sets, like pull.news: an entry per region.

    A new version of an annotation gives all its regions again. `known` is ledger.latest(). Raises
    LabelsAtRiskError where most annotations are gone at once.
    """
    live: dict[int, dict[str, Entry]] = defaultdict(dict)
    for entry in known.values():
        if (entry.server, entry.project) == (client.access.identity, project) and entry.event != "deleted":
            live[entry.annotation][entry.region] = entry
    found = {
        t["id"]: {a["id"]: a["updated_at"] for a in t["annotations"]}
        for t in client.tasks(project, "id,annotations,updated_at")
    }
    present = {number for held in found.values() for number in held}
    gone = [number for number in live if number not in present]
    if len(gone) > _FEW and 2 * len(gone) > len(live):
        raise LabelsAtRiskError(
            f"{len(gone)} of {len(live)} annotations are gone from project {project} at {client.access.url}; "
            f"restore them there: without them their reps would lose labels and bounds"
        )
    entries = [_deleted(entry) for number in gone for entry in live[number].values()]
    for number, held in found.items():
        changed = {a for a, when in held.items() if when not in {e.updated_at for e in live[a].values()}}
        if not changed:
            continue
        full = client.task(number)
        for annotation in full["annotations"]:
            if annotation["id"] in changed and "reps" in full["data"]:
                now = entries_of(annotation, full, client.access.identity, project, taxa)
                entries += now
                left = live[annotation["id"]].keys() - {e.region for e in now}
                entries += [_deleted(live[annotation["id"]][name]) for name in sorted(left)]
    return sorted(entries, key=lambda e: (e.updated_at, e.annotation, e.region))


def entries_of(annotation: Json, full: Json, server_name: str, project: int, taxa: Taxonomy) -> list[Entry]:
    """Return an annotation of a set in the ledger's terms, a rep each.

    A rep that was shown and whose region is gone is not usable: the annotator took it for none. A region
    drawn in the place of such a rep (SAME_REP) is that rep. Skipping, and a set without a rep, say nothing of
    any; who looked at the bounds only says nothing of what is wrong: such entries are skips, and may draw.
    """
    data, by = full["data"], annotation["completed_by"]
    mail = by["email"] if isinstance(by, dict) else str(by)
    common: Json = {
        "event": "skip" if annotation["was_cancelled"] else "annotation",
        "server": server_name,
        "project": project,
        "task": full["id"],
        "annotation": annotation["id"],
        "clip": f"{data['video_id']}.mp4",
        "video_id": data["video_id"],
        "annotator": mail,
        "simulated": mail.endswith(f"@{SIMULATED_DOMAIN}"),
        "created_at": annotation["created_at"],
        "updated_at": annotation["updated_at"],
        "blind": True,
        "shown": None,
        "taxonomy": data["taxonomy"],
    }
    seconds = annotation["lead_time"]
    shown = {rep["rep_id"]: rep for rep in data["reps"]}
    drawn = _regions(annotation["result"], data["frames"])
    whole: Json = {"rep_id": "", "region": WHOLE, "start": 0, "end": data["frames"], "view": data["view"]}
    nothing: Json = {"usable": True, "answer": {}, "note": "", "result": annotation["result"]}
    skip = Entry(**{**common, **whole, **nothing, "event": "skip"}, seconds=seconds)
    if annotation["was_cancelled"]:
        return [skip]
    names = {name: name for name in drawn if name in shown} | _redrawn(drawn, shown)
    share = None if seconds is None else round(seconds / max(len(drawn), 1), 3)
    only_bounds = set_config.BOUNDS_ONLY in config.boxes(annotation["result"], "bounds")
    made = []
    for name, bounds in drawn.items():
        rep = shown.get(names.get(name, ""))
        said = [r for r in annotation["result"] if r.get("id") == name]
        moved = rep is None or bounds != (rep["start"], rep["end"])
        if only_bounds and not moved:
            continue
        view = rep["view"] if rep else data["view"]
        usable, values = config.answer(said, view, taxa, config.boxed(data, taxa))
        made.append(
            Entry(
                **(common | ({"event": "skip"} if only_bounds else {})),
                rep_id="" if only_bounds else names.get(name, ""),
                region=name,
                start=bounds[0],
                end=bounds[1],
                drawn=moved,
                view=view,
                seconds=share,
                usable=usable,
                answer=values,
                note=config.note(said),
                result=said,
            )
        )
    for rep_id in shown.keys() - names.values():
        rep = shown[rep_id]
        values = dict.fromkeys(taxa.ids, "unknown")
        at: Json = {"rep_id": rep_id, "region": rep_id, "start": rep["start"], "end": rep["end"]}
        no: Json = {"view": rep["view"], "usable": False, "answer": values, "note": "", "result": []}
        made.append(Entry(**common, **at, **no, seconds=share))
    return sorted(made, key=lambda e: (e.start, e.region)) or [skip]


def _regions(result: config.Result, length: int) -> dict[str, Bounds]:
    """Return each region's frames; those outside the video are none."""
    found = {}
    for part in result:
        if part.get("type") == "timelinelabels":
            at = part["value"]["ranges"][0]
            bounds = frames.from_timeline(at["start"], at["end"], length)
            if bounds:
                found[str(part["id"])] = bounds
    return found


def _redrawn(drawn: Mapping[str, Bounds], shown: Mapping[str, Json]) -> dict[str, str]:
    """Return which new regions stand where a rep was whose own region is gone, the best match first."""
    pairs = sorted(
        (-frames.overlap(bounds, (rep["start"], rep["end"])), name, rep_id)
        for name, bounds in drawn.items()
        for rep_id, rep in shown.items()
        if name not in shown and rep_id not in drawn
    )
    names: dict[str, str] = {}
    for negative, name, rep_id in pairs:
        if -negative >= SAME_REP and name not in names and rep_id not in names.values():
            names[name] = rep_id
    return names


def _deleted(entry: Entry) -> Entry:
    return entry.model_copy(update={"event": "deleted"})


def boundaries(entries: Iterable[Entry]) -> list[Json]:
    """Return the rows of tables.BOUNDARIES that the newest entries (ledger.latest) draw.

    Of bounds drawn for the same rep by several people, or twice by one, the newest count.
    """
    rows: list[Json] = []
    for entry in sorted(entries, key=lambda e: (ledger.moment(e.updated_at), e.key), reverse=True):
        bounds = (entry.start, entry.end)
        taken = ((row["start"], row["end"]) for row in rows if row["video_id"] == entry.video_id)
        if (
            entry.drawn
            and entry.event != "deleted"
            and not any(bounds[0] == other[0] or frames.overlap(bounds, other) >= SAME_REP for other in taken)
        ):
            where = f"{entry.server} {entry.project} {entry.annotation} {entry.region}"
            at = {"start": entry.start, "bottom": None, "end": entry.end}
            rows.append({"video_id": entry.video_id, **at, "annotation": where})
    return rows
