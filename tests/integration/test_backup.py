"""A backup of a running Label Studio comes back: labels, people, tasks, uploads."""

import json
import os
import shutil
import tarfile

import pytest

from pushup_data import ledger, scaffold
from pushup_data.errors import BadInputError, LabelsAtRiskError, MissingInputError, ServerError
from pushup_data.labelstudio import backup, config, server, users
from pushup_data.labelstudio.client import Client
from pushup_data.stages import pull, push
from pushup_data.workspace import Workspace
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

MAIL, PASSWORD = "coach@backup.example", "correct horse battery"


def seen(client, title) -> list[tuple]:
    """Every task of the project, with who said what."""
    number = client.project(title)["id"]
    return [
        (t["id"], t["data"], [(a["completed_by"]["email"], a["result"]) for a in full["annotations"]])
        for t in client.tasks(number, "id,data")
        for full in [client.task(t["id"])]
    ]


def only(workspace, numbers):
    """What the ledger says of these annotations."""
    return [e for e in ledger.standing(ledger.read(workspace.annotations)) if e.annotation in numbers]


@pytest.fixture
def annotated(served, project, default_taxonomy):
    """Three tasks, one of them annotated by a coach, and an uploaded file."""
    labelling.fill(served, default_taxonomy, 3)
    push.run(served, project)
    tasks = list(json.loads(served.receipt.read_text())["tasks"].values())
    access = server.access(served, project.labelstudio)
    with Client(users.member(access, MAIL, PASSWORD)) as coach:
        coach.annotate(tasks[0], {"result": config.ticked(["hips_piked"], []), "lead_time": 3})
    with Client(access) as admin:
        clip = next(served.clips.iterdir())
        number = admin.project(project.labelstudio.title)["id"]
        address = admin.upload(number, clip.name, clip.read_bytes())
    pull.run(served, project)
    return served, tasks, address, clip.read_bytes()


def test_labels_people_tasks_and_uploads_come_back(annotated, project, tmp_path, monkeypatch):
    served, tasks, address, uploaded = annotated
    file = tmp_path / "backup.tar.gz"
    assert "annotations; it holds passwords" in backup.make(served, file)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInputError, match="File exists"):
        backup.make(served, file)
    access = server.access(served, project.labelstudio)
    with Client(access) as client:
        before = seen(client, project.labelstudio.title)
        # Nothing after the backup comes back.
        client.annotate(tasks[1], {"result": config.ticked(["asymmetric"], [])})
    with pytest.raises(ServerError, match="labelstudio stop"):
        backup.restore(served, file, overwrite=True)
    pull.run(served, project)

    scaffold.init(tmp_path / "elsewhere")
    other = Workspace(tmp_path / "elsewhere")
    shutil.copytree(served.clips, other.clips)
    shutil.copytree(served.annotations, other.annotations)  # the ledger is newer than the backup
    said = backup.restore(other, file)
    assert "1 annotations in the ledger are newer" in said
    with pytest.raises(LabelsAtRiskError, match="--overwrite"):
        backup.restore(other, file)
    settings = project.labelstudio.model_copy(update={"port": 18280})
    server.start(other, settings)
    try:
        again = server.access(other, settings)
        assert again.token == access.token
        assert again.identity != access.identity
        with users._Session(again.url) as session:
            assert session.log_in(MAIL, PASSWORD)
        with Client(again) as client:
            assert seen(client, settings.title) == before
            assert client._http.get(address).content == uploaded
            clip = f"/data/local-files/?d=clips/{next(other.clips.iterdir()).name}"
            assert client._http.get(clip).status_code == 200
            # A number that the ledger knows from the time after the backup is given to another annotation.
            client.annotate(tasks[2], {"result": config.ticked(["shallow_depth"], [])})
        monkeypatch.chdir(other.root)
        pull.run(other, project.model_copy(update={"labelstudio": settings}))
    finally:
        server.stop(other)
    rep_of = {e.rep_id: e for e in ledger.standing(ledger.read(other.annotations))}
    assert rep_of["v0-f10"].answer["hips_piked"] == "present"
    assert rep_of["v1-f10"].answer["hips_sagging"] == "absent"  # made after the backup, and not lost
    assert config.boxes(rep_of["v1-f10"].result, "errors") == ["asymmetric"]
    assert rep_of["v2-f10"].answer["shallow_depth"] == "present"
    assert rep_of["v1-f10"].annotation == rep_of["v2-f10"].annotation

    old = (other.labelstudio / "data" / "label_studio.sqlite3").read_bytes()
    said = backup.restore(other, file, overwrite=True)
    (kept,) = other.labelstudio.glob("replaced-*")
    assert str(kept) in said
    assert (kept / "data" / "label_studio.sqlite3").read_bytes() == old


def test_with_the_ledger_of_the_backups_time_the_identity_stays(annotated, tmp_path):
    served, *_ = annotated
    file = tmp_path / "backup.tar.gz"
    backup.make(served, file)
    other = Workspace(tmp_path / "elsewhere")
    shutil.copytree(served.annotations, other.annotations)
    assert "newer than the backup" not in backup.restore(other, file)
    state, before = (json.loads((w.labelstudio / "server.json").read_text()) for w in (other, served))
    assert state == before
    assert (other.labelstudio / "server.json").stat().st_mode & 0o777 == 0o600
    assert (other.labelstudio / "data" / ".env").read_bytes() == (
        served.labelstudio / "data" / ".env"
    ).read_bytes()


def test_a_damaged_backup_changes_nothing(annotated, tmp_path):
    served, *_ = annotated
    file = tmp_path / "backup.tar.gz"
    backup.make(served, file)
    other = Workspace(tmp_path / "elsewhere")
    other.root.mkdir()
    whole = file.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    for content in (whole[: len(whole) // 2], b"", b"not a backup", whole[:-2000]):
        cut.write_bytes(content)
        with pytest.raises(BadInputError, match="no whole backup"):
            backup.restore(other, cut)
    with tarfile.open(cut, "w:gz") as archive:  # a file that would land outside
        (tmp_path / "evil").write_text("x")
        archive.add(tmp_path / "evil", "../../evil")
    with pytest.raises(BadInputError, match="no whole backup"):
        backup.restore(other, cut)
    with pytest.raises(BadInputError, match="is not there"):
        backup.restore(other, tmp_path / "none.tar.gz")
    with pytest.raises(MissingInputError, match="labelstudio start"):
        backup.make(other, tmp_path / "empty.tar.gz")
    assert not (tmp_path / "empty.tar.gz").exists()
    assert [p.name for p in other.labelstudio.iterdir()] == []
    assert not os.path.lexists(tmp_path / "elsewhere" / "evil")
