"""Labels out of one project and into an empty one, through Label Studio itself."""

import json

import pytest

from pushup_data import exchange, ledger, scaffold
from pushup_data.labelstudio import config, server, users
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.stages import pull, push
from pushup_data.workspace import Workspace
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 6


def answers(workspace: Workspace) -> set[tuple[str, ...]]:
    """What stands, without what a server gives anew (numbers, times)."""
    fields = "rep_id annotator answer usable note seconds result blind taxonomy start end view shown".split()
    found = ledger.standing(ledger.read(workspace.annotations))
    return {tuple(json.dumps(getattr(e, field)) for field in fields) for e in found}


@pytest.fixture
def annotated(served, project, default_taxonomy):
    """Two people's annotations, a skip, a change and a deletion in the ledger."""
    labelling.fill(served, default_taxonomy, COUNT)
    push.run(served, project)
    access = server.access(served, project.labelstudio)
    tasks = list(json.loads(served.receipt.read_text())["tasks"].values())
    for who in ("anna@example.org", "ben@example.org"):
        with Client(users.member(access, who, f"{who} and a secret")) as client:
            for n, task in enumerate(tasks[:4]):
                said = config.ticked(["hips_piked"] if n % 2 else [], ["shallow_depth"]) + config.written(who)
                client.annotate(task, {"result": said, "lead_time": 4.5})
            client.annotate(tasks[4], {"result": [], "was_cancelled": True})
            client.annotate(tasks[5], {"result": config.ticked([], [], usable=False)})
    pull.run(served, project)
    with Client(access) as client:
        first, second = client.task(tasks[0])["annotations"]
        client._send(
            "PATCH", f"/api/annotations/{first['id']}", {"result": config.ticked(["asymmetric"], [])}
        )
        client._send("DELETE", f"/api/annotations/{second['id']}")
    pull.run(served, project)
    return served


@pytest.fixture
def empty(served, project, tmp_path) -> tuple[Workspace, Params]:
    """Another workspace, with an empty project of its own on the same server."""
    scaffold.init(tmp_path / "other")
    settings = project.labelstudio.model_copy(update={"title": f"{project.labelstudio.title}, again"})
    return Workspace(tmp_path / "other"), project.model_copy(update={"labelstudio": settings})


def test_export_and_import_into_an_empty_project(annotated, empty, project, default_taxonomy, monkeypatch):
    other, settings = empty
    path = other.root / "labels.json"
    said = exchange.export(annotated, path)
    assert f"11 annotations of {COUNT} tasks" in said  # 2 x 6 less one deleted

    access = server.access(annotated, project.labelstudio)
    with Client(access) as client:
        new = {"title": settings.labelstudio.title, "label_config": config.render(default_taxonomy)}
        number = int(client.create_project(new)["id"])
        client.import_tasks(number, json.loads(path.read_text()))
    monkeypatch.setenv("LABEL_STUDIO_URL", access.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", access.token)
    pull.run(other, settings)
    assert answers(other) == answers(annotated)
    assert len(answers(other)) == 9
    skips = [e for e in ledger.read(other.annotations) if e.event == "skip"]
    assert {e.annotator for e in skips} == {"anna@example.org", "ben@example.org"}


def test_into_an_empty_ledger_by_csv_and_by_json(annotated, empty):
    other, _ = empty
    exchange.export(annotated, other.root / "labels.json")
    exchange.load(other, other.root / "labels.json", {})
    assert answers(other) == answers(annotated)
    exchange.export(annotated, other.root / "labels.csv")
    exchange.load(other, other.root / "labels.csv", {})
    assert answers(other) == answers(annotated)
    assert ledger.latest(ledger.read(other.annotations)) == ledger.latest(ledger.read(annotated.annotations))


def test_what_label_studio_itself_exports_is_read(annotated, empty, project):
    other, _ = empty
    with Client(server.access(annotated, project.labelstudio)) as client:
        number = client.project(project.labelstudio.title)["id"]
        exported = client._get(f"/api/projects/{number}/export", exportType="JSON")
        numbers = {u["id"]: u["email"] for u in client._get("/api/users")}
    path = other.root / "export.json"
    path.write_text(json.dumps(exported))
    exchange.load(other, path, numbers)
    # Label Studio does not export what was shown.
    assert {a[:-1] for a in answers(other)} == {a[:-1] for a in answers(annotated)}
