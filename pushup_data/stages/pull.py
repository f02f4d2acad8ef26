"""Fetch annotations from Label Studio into the ledger."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import click

from pushup_data import files, ledger, locks, taxonomy
from pushup_data.errors import LabelsAtRiskError
from pushup_data.labelstudio import pull, server, set_config, set_pull
from pushup_data.labelstudio.client import Client
from pushup_data.labelstudio.server import Access
from pushup_data.params import Params
from pushup_data.workspace import Workspace

State = dict[str, Any]


def run(workspace: Workspace, params: Params, *, new_project: bool = False) -> None:
    """Append what is new to the ledger; write server.json, and boundaries.parquet where that changes it.

    Twice in a row changes no byte. Raises LabelsAtRiskError where the ledger has labels of a project that is
    gone, unless `new_project`: then they stay valid, and push makes another project.
    """
    taxa = taxonomy.load(workspace.taxonomy)
    title = params.labelstudio.title
    access = server.access(workspace, params.labelstudio, start_if_down=True)
    with locks.held(workspace.locks / "pull.lock", wait_s=600, doing="pulling"), Client(access) as client:
        state = _state(workspace)
        known = ledger.latest(ledger.read(workspace.annotations))
        of_reps = {key[:3]: entry for key, entry in known.items() if not entry.region}
        project = client.project(title)
        entries: list[ledger.Entry] = []
        if project is None:
            _give_up(state, of_reps, access, title, accepted=new_project)
        else:
            entries = pull.news(client, int(project["id"]), known, taxa)
        whole = client.project(set_config.title(params.labelstudio))
        if whole is not None:
            entries += set_pull.news(client, int(whole["id"]), known, taxa)
        ledger.append(workspace.annotations, entries)
        workspace.annotations.mkdir(parents=True, exist_ok=True)
        lacking = _lacking(workspace, client, project)
        state |= {"server": access.identity, "title": title, "lacking": lacking or state["lacking"]}
        files.write_json(workspace.server, state)
        everything = [*known.values(), *entries]
        if any(e.region for e in everything) or not workspace.boundaries.exists():
            _draw(workspace, ledger.latest(everything).values())
    standing = ledger.standing(everything)
    lost = "; tasks that were pushed are gone and will be put back" if lacking else ""
    click.echo(f"pull: {len(entries)} new entries, {len(standing)} annotations in the ledger{lost}")


def _draw(workspace: Workspace, newest: Iterable[ledger.Entry]) -> None:
    """Write boundaries.parquet where it would change."""
    from pushup_data import tables  # loads polars, which no other part of a pull needs

    frame = tables.BOUNDARIES.frame(set_pull.boundaries(newest))
    before = tables.read(tables.BOUNDARIES, workspace.boundaries) if workspace.boundaries.exists() else None
    if before is None or not frame.equals(before):
        tables.write(tables.BOUNDARIES, frame, workspace.boundaries)


def _state(workspace: Workspace) -> State:
    """Return server.json: which server and title, the push whose tasks went missing, projects given up."""
    empty: State = {"server": "", "title": "", "lacking": "", "given_up": []}
    return empty | (
        files.read_json(workspace.server, "restore it from git, without marks of a conflict") or {}
    )


def _give_up(
    state: State,
    known: dict[tuple[str, int, int], ledger.Entry],
    access: Access,
    title: str,
    *,
    accepted: bool,
) -> None:
    """Decide what a missing project means: a first round, or labels that have lost their project."""
    lost = {f"{e.server} {e.project}" for e in known.values() if e.event != "deleted"} - {*state["given_up"]}
    if not lost:
        return
    if not accepted:
        raise LabelsAtRiskError(
            f"no project {title!r} at {access.url}, but the ledger has labels from one; bring it back, "
            f"or run `pushup-data pull --new-project` to keep these labels and begin another project"
        )
    state["given_up"] = sorted({*state["given_up"], *lost})


def _lacking(workspace: Workspace, client: Client, project: State | None) -> str:
    """Return a digest of the last push where its tasks are no longer there, else nothing.

    Push depends on server.json, which holds this digest: a wiped project is filled again. The receipt is
    read without being a dependency, since what push writes cannot be one of pull. A damaged one is none: dvc
    sees that push did not write it so, and has it written again.
    """
    if not workspace.receipt.exists():
        return ""
    content = workspace.receipt.read_bytes()
    try:
        receipt = json.loads(content)
        tasks, same = set(receipt["tasks"].values()), receipt["server"] == client.access.identity
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    if not tasks or (same and project is not None and client.there(int(project["id"]), tasks)):
        return ""
    return hashlib.sha256(content).hexdigest()[:12]
