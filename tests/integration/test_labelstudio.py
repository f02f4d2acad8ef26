"""Push, pull and replay against a real Label Studio."""

import json
import os
import signal
import subprocess
import time

import httpx
import pytest

from pushup_data import ledger, locks, tables
from pushup_data.errors import BadInputError, LabelsAtRiskError, ServerError
from pushup_data.labelstudio import config, replay, server
from pushup_data.stages import pull, push
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 6


@pytest.fixture
def filled(served, project, default_taxonomy):
    labelling.fill(served, default_taxonomy, COUNT)
    return served


def receipt(workspace) -> dict[str, int]:
    return json.loads(workspace.receipt.read_text())["tasks"]


def number(client, project) -> int:
    return client.project(project.labelstudio.title)["id"]


def waiting(client, project) -> list[str]:
    """The reps of all tasks in the order in which annotators get them."""
    return [t["data"]["rep_id"] for t in client.tasks(number(client, project), "id,data")]


def requeue(workspace, order):
    tables.write(tables.QUEUE, labelling.queue(order), workspace.queue)


def entries(workspace) -> list[ledger.Entry]:
    return ledger.read(workspace.annotations)


def contents(workspace) -> dict[str, bytes]:
    paths = [*workspace.annotations.iterdir(), workspace.server, workspace.boundaries]
    return {p.name: p.read_bytes() for p in paths}


def raw(client, method, path, **body):
    answer = client._http.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def test_a_second_push_changes_nothing(filled, project, client):
    push.run(filled, project)
    first = receipt(filled), filled.receipt.read_bytes()
    assert waiting(client, project) == [f"v{n}-f10" for n in range(COUNT)]
    push.run(filled, project)
    assert (receipt(filled), filled.receipt.read_bytes()) == first
    assert len(waiting(client, project)) == COUNT


def test_another_order_is_followed_and_what_is_touched_stays(filled, project, client):
    push.run(filled, project)
    tasks = list(receipt(filled).values())
    client.annotate(tasks[1], {"result": config.ticked([], []), "lead_time": 3})
    client.annotate(tasks[2], {"result": [], "was_cancelled": True})
    raw(client, "POST", f"/api/tasks/{tasks[3]}/drafts", result=[], lead_time=1)
    requeue(filled, [5, 4, 3, 2, 1, 0])
    push.run(filled, project)
    now = receipt(filled)
    assert list(now) == [f"v{n}-f10-0-25" for n in (5, 4, 3, 2, 1, 0)]
    for n in (1, 2, 3):
        assert now[f"v{n}-f10-0-25"] == tasks[n]
    assert waiting(client, project) == [f"v{n}-f10" for n in (1, 2, 3, 5, 4, 0)]
    requeue(filled, [4])
    push.run(filled, project)
    assert waiting(client, project) == [f"v{n}-f10" for n in (1, 2, 3, 4)]


def test_an_open_task_stays(filled, project, client):
    push.run(filled, project)
    opened = raw(client, "GET", f"/api/projects/{number(client, project)}/next")["id"]
    assert opened == receipt(filled)["v0-f10-0-25"]
    requeue(filled, [1])
    push.run(filled, project)
    assert waiting(client, project) == ["v0-f10", "v1-f10"]


def test_annotations_changes_skips_and_deletions_reach_the_ledger(filled, project, client):
    push.run(filled, project)
    tasks = receipt(filled)
    pull.run(filled, project)
    assert entries(filled) == []
    client.annotate(tasks["v1-f10-0-25"], {"result": config.ticked(["hips_piked"], []), "lead_time": 4.5})
    client.annotate(tasks["v0-f10-0-25"], {"result": config.ticked([], ["shallow_depth"])})
    client.annotate(
        tasks["v2-f10-0-25"], {"result": config.ticked(["hips_piked"], []), "was_cancelled": True}
    )
    raw(client, "POST", f"/api/tasks/{tasks['v3-f10-0-25']}/drafts", result=[], lead_time=1)
    pull.run(filled, project)
    found = {e.rep_id: e for e in entries(filled)}
    assert {r: e.event for r, e in found.items()} == {
        "v1-f10": "annotation",
        "v0-f10": "annotation",
        "v2-f10": "skip",
    }
    open_, blind = found["v1-f10"], found["v0-f10"]
    assert (open_.answer["hips_piked"], open_.answer["hips_sagging"]) == ("present", "absent")
    assert (open_.answer["asymmetric"], blind.answer["shallow_depth"]) == ("unknown", "unknown")
    assert (open_.blind, open_.shown) == (
        False,
        {"predictor": "rules", "errors": ["hips_sagging"], "unsure": ["asymmetric"]},
    )
    assert (blind.blind, blind.shown) == (True, None)
    assert (open_.seconds, open_.start, open_.end, open_.simulated) == (4.5, 2, 20, False)

    before = contents(filled)
    pull.run(filled, project)
    assert contents(filled) == before

    raw(client, "PATCH", f"/api/annotations/{open_.annotation}", result=config.ticked([], []))
    pull.run(filled, project)
    assert len(entries(filled)) == 4
    assert {e.rep_id: e for e in ledger.standing(entries(filled))}["v1-f10"].answer["hips_piked"] == "absent"

    raw(client, "DELETE", f"/api/annotations/{open_.annotation}")
    pull.run(filled, project)
    assert [e.event for e in entries(filled)].count("deleted") == 1
    assert [e.rep_id for e in ledger.standing(entries(filled))] == ["v0-f10"]
    before = contents(filled)
    pull.run(filled, project)
    assert contents(filled) == before


def test_a_wiped_project_is_filled_again(filled, project, client):
    push.run(filled, project)
    pull.run(filled, project)
    state = filled.server.read_bytes()
    raw(client, "DELETE", f"/api/projects/{number(client, project)}")
    pull.run(filled, project)
    assert filled.server.read_bytes() != state  # push depends on it
    again = filled.server.read_bytes()
    pull.run(filled, project)
    assert filled.server.read_bytes() == again
    push.run(filled, project)
    assert len(waiting(client, project)) == COUNT
    pull.run(filled, project)
    assert filled.server.read_bytes() == again


def test_labels_that_lost_their_project_are_kept(filled, project, client):
    push.run(filled, project)
    client.annotate(receipt(filled)["v1-f10-0-25"], {"result": []})
    pull.run(filled, project)
    raw(client, "DELETE", f"/api/projects/{number(client, project)}")
    before = contents(filled)
    with pytest.raises(LabelsAtRiskError, match="--new-project"):
        pull.run(filled, project)
    assert contents(filled) == before
    pull.run(filled, project, new_project=True)
    pull.run(filled, project)
    assert [e.rep_id for e in ledger.standing(entries(filled))] == ["v1-f10"]
    push.run(filled, project)
    client.annotate(receipt(filled)["v2-f10-0-25"], {"result": []})
    pull.run(filled, project)
    assert [e.rep_id for e in ledger.standing(entries(filled))] == ["v1-f10", "v2-f10"]


def test_most_annotations_gone_at_once_is_a_question(filled, project, client):
    push.run(filled, project)
    for task in receipt(filled).values():
        client.annotate(task, {"result": []})
    pull.run(filled, project)
    for entry in entries(filled):
        raw(client, "DELETE", f"/api/annotations/{entry.annotation}")
    with pytest.raises(LabelsAtRiskError, match="6 of 6 annotations are gone"):
        pull.run(filled, project)
    assert len(ledger.standing(entries(filled))) == COUNT


def test_a_label_in_use_stays_when_the_taxonomy_drops_it(filled, project, client):
    push.run(filled, project)
    client.annotate(receipt(filled)["v1-f10-0-25"], {"result": config.ticked(["asymmetric"], [])})
    text = filled.taxonomy.read_text()
    filled.taxonomy.write_text(text[: text.index("  - id: asymmetric")])
    try:
        tables.write(tables.PREDICTIONS, tables.PREDICTIONS.empty(), filled.predictions)
        push.run(filled, project)
        shown = client.project(project.labelstudio.title)["label_config"]
        assert "asymmetric" in config.choices(shown)
        pull.run(filled, project)
        (entry,) = entries(filled)
        assert "asymmetric" not in entry.answer
        assert config.boxes(entry.result, "errors") == ["asymmetric"]
    finally:
        filled.taxonomy.write_text(text)


def test_without_consent_nothing_is_shown(filled, project, client):
    videos = labelling.videos(COUNT).with_columns(consent=tables.pl.lit("no"))
    tables.write(tables.VIDEOS, videos, filled.videos)
    push.run(filled, project)
    assert waiting(client, project) == []


def test_replay_answers_once_per_rater_and_is_marked_for_ever(filled, project, client, tmp_path):
    push.run(filled, project)
    table = tmp_path / "ratings.csv"
    errors = "hips_sagging,hips_piked,shallow_depth,incomplete_lockout,elbows_flared,head_dropped,asymmetric"
    lines = [f"v{n},{rater},yes,1,0,0,0,?,0,?" for n in range(4) for rater in "AB"]
    table.write_text(f"clip_id,rater,usable,{errors}\n" + "\n".join(lines) + "\n")
    assert "8 annotations (4 by A, 4 by B)" in replay.run(filled, project, table)
    assert "0 annotations" in replay.run(filled, project, table)
    pull.run(filled, project)
    assert {e.annotator for e in entries(filled)} == {"a@simulated.invalid", "b@simulated.invalid"}
    assert all(e.simulated and e.answer["hips_sagging"] == "present" for e in entries(filled))


def test_another_server_by_url_gets_the_clips_uploaded(filled, project, client, monkeypatch):
    access = server.access(filled, project.labelstudio)
    monkeypatch.setenv("LABEL_STUDIO_URL", access.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", access.token)
    push.run(filled, project)
    task = next(iter(client.tasks(number(client, project), "id,data")))
    address = task["data"]["player"].split('src="')[1].split('"')[0]
    assert "/data/upload/" in address
    played = httpx.get(
        access.url + address, headers={"Authorization": f"Token {access.token}", "Range": "bytes=0-9"}
    )
    assert played.status_code == 206
    requeue(filled, [5, 4, 3, 2, 1, 0])
    push.run(filled, project)
    again = {t["data"]["ext_id"]: t for t in client.tasks(number(client, project), "id,data")}
    assert again[task["data"]["ext_id"]]["data"]["videos"]["clip"] == address  # moved, but not uploaded twice
    assert httpx.get(access.url + address, headers={"Authorization": f"Token {access.token}"}).is_success
    client.annotate(again[task["data"]["ext_id"]]["id"], {"result": []})
    pull.run(filled, project)
    assert entries(filled)[0].server == access.url
    assert "not ours to stop" in server.stop(filled)


def test_a_wrong_token_and_a_server_that_is_down(filled, project, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_URL", server.access(filled, project.labelstudio).url)
    with pytest.raises(BadInputError, match="belong together"):
        pull.run(filled, project)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    with pytest.raises(ServerError, match="refuses the token"):
        pull.run(filled, project)
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    with pytest.raises(ServerError, match="does not answer"):
        pull.run(filled, project)
    assert not filled.annotations.exists()


def test_the_server_survives_the_terminal_and_starts_once(served, project):
    pid = locks.holder(served.labelstudio / "running.lock")
    assert os.getsid(pid) == pid != os.getsid(0)
    assert f"process {pid}" in server.start(served, project.labelstudio)
    assert "log in as admin@pushup.local" in server.status(served)
    assert (served.labelstudio / "server.json").stat().st_mode & 0o077 == 0


def test_a_killed_server_starts_again_with_everything(filled, project, client):
    push.run(filled, project)
    client.annotate(receipt(filled)["v1-f10-0-25"], {"result": []})
    pull.run(filled, project)
    os.kill(locks.holder(filled.labelstudio / "running.lock"), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.address(filled) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "is not running" in server.status(filled)
    before = contents(filled)
    pull.run(filled, project)  # starts it
    assert contents(filled) == before
    assert server.address(filled) is not None


def test_outside_origins_are_not_served(served, project):
    """Only videos of this workspace: neither the ledger nor anything above the data folder."""
    access = server.access(served, project.labelstudio)
    header = {"Authorization": f"Token {access.token}"}
    for path in ("clips/../annotations", "../params.yaml", "reps.parquet"):
        assert httpx.get(f"{access.url}/data/local-files/?d={path}", headers=header).status_code >= 400
    anonymous = httpx.get(f"{access.url}/api/projects")
    assert anonymous.status_code == 401
    listening = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    port = f"{int(access.url.rsplit(':', 1)[1]):04X}"
    addresses = {line.split()[1] for line in listening.splitlines()[1:] if line.split()[3] == "0A"}
    assert f"0100007F:{port}" in addresses
    assert f"00000000:{port}" not in addresses
