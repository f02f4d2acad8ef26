"""Several people's opinions on a real Label Studio: who gets which task, when, and what they see."""

import shutil

import polars as pl
import pytest

from pushup_data import ledger, tables
from pushup_data.labelstudio import config, server, users
from pushup_data.labelstudio.client import Client
from pushup_data.stages import pull, push
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 6


@pytest.fixture
def filled(served, project, default_taxonomy):
    labelling.fill(served, default_taxonomy, COUNT)
    return served


@pytest.fixture
def members(filled, project):
    """The owner and two members of the organisation."""
    access = server.access(filled, project.labelstudio)
    others = [
        users.member(access, mail, server.user_password(filled, mail))
        for mail in ("ann@simulated.invalid", "bob@simulated.invalid")
    ]
    clients = [Client(one) for one in (access, *others)]
    yield clients
    for client in clients:
        client.__exit__()


def queue(workspace, opinions, *, review=()):
    """All reps in order, for so many people each; those under review are blind, like every second one."""
    frame = labelling.queue(list(range(len(opinions)))).with_columns(opinions=pl.Series(opinions))
    under = pl.col("rep_id").is_in([f"v{n}-f10" for n in review])
    reason = pl.when(under).then(pl.lit("review")).otherwise("reason")
    tables.write(
        tables.QUEUE, frame.with_columns(reason=reason, blind=under | pl.col("blind")), workspace.queue
    )


def following(client, project):
    """The task that the label stream gives this person next, None at its end."""
    number = client.project(project.labelstudio.title)["id"]
    answer = client._http.get(f"/api/projects/{number}/next")
    return answer.json() if answer.is_success else None


def work(client, project, count=COUNT, errors=()):
    """Answer the next tasks; return the reps they were about."""
    reps = []
    while len(reps) < count and (task := following(client, project)):
        client.annotate(task["id"], {"result": config.ticked(errors, []), "lead_time": 2})
        reps.append(int(task["data"]["rep_id"][1]))
    return reps


def tasks(client, project):
    return list(client.tasks(client.project(project.labelstudio.title)["id"], "id,data,overlap,is_labeled"))


def states(client, project):
    listed = tasks(client, project)
    return {int(t["data"]["rep_id"][1]): (t["overlap"], t["is_labeled"]) for t in listed}


def test_a_task_is_for_as_many_people_as_the_queue_says_in_its_order(filled, project, members):
    owner, ann, bob = members
    queue(filled, [1, 2, 1, 3, 1, 2])
    push.run(filled, project)
    assert states(owner, project) == {n: (o, False) for n, o in enumerate([1, 2, 1, 3, 1, 2])}
    assert work(ann, project, 2) == [0, 1]
    assert work(bob, project, 2) == [1, 2]  # what ann has begun, then on in the order
    assert work(ann, project) == [3, 4, 5]
    assert work(bob, project) == [3, 5]
    assert work(owner, project) == [3]
    assert all(done for _, done in states(owner, project).values())


def test_a_change_of_opinions_reaches_tasks_that_are_there(filled, project, members):
    owner, ann, bob = members
    queue(filled, [2] * COUNT)
    push.run(filled, project)
    assert work(ann, project) == [0, 1, 2, 3, 4, 5]
    queue(filled, [1, 1, 2, 3, 1, 1])
    push.run(filled, project)
    assert states(owner, project)[0] == (1, True)
    assert work(bob, project) == [2, 3]
    assert work(owner, project) == [3]
    queue(filled, [1, 1, 2, 4, 1, 1])
    push.run(filled, project)
    assert states(owner, project)[3] == (4, False)


def test_what_is_touched_and_not_wanted_is_served_to_nobody_until_it_is_wanted_again(
    filled, project, members
):
    owner, ann, bob = members
    queue(filled, [2] * COUNT)
    push.run(filled, project)
    places = {t["data"]["rep_id"]: t["id"] for t in tasks(owner, project)}
    for n in (0, 1, 2):  # consent withdrawn, moved, more people than are wanted now
        ann.annotate(places[f"v{n}-f10"], {"result": [], "lead_time": 2})
    ann.annotate(places["v3-f10"], {"result": [], "was_cancelled": True})
    for n in (0, 4):  # begun
        answer = ann._http.post(
            f"/api/tasks/{places[f'v{n}-f10']}/drafts", json={"result": [], "lead_time": 1}
        )
        assert answer.is_success
    without = pl.when(pl.col("video_id") == "v0").then(pl.lit("no")).otherwise("consent").alias("consent")
    tables.write(tables.VIDEOS, labelling.videos(COUNT).with_columns(without), filled.videos)
    moved = (
        pl.when(pl.col("rep_id") == "v1-f10").then(pl.lit("v1-f10-1-26.mp4")).otherwise("clip").alias("clip")
    )
    tables.write(tables.REPS, labelling.reps(COUNT).with_columns(moved), filled.reps)
    shutil.copyfile(filled.clips / "v1-f10-0-25.mp4", filled.clips / "v1-f10-1-26.mp4")
    tables.write(tables.QUEUE, labelling.queue([5, 1], opinions=1), filled.queue)
    push.run(filled, project)
    assert {t["id"] for t in tasks(owner, project)} >= {places[f"v{n}-f10"] for n in range(5)}
    seen = []
    while task := following(bob, project):
        seen.append((task["data"]["rep_id"], task["data"]["ext_id"]))
        bob.annotate(task["id"], {"result": [], "lead_time": 2})
    assert seen == [("v4-f10", "v4-f10-0-25"), ("v5-f10", "v5-f10-0-25"), ("v1-f10", "v1-f10-1-26")]
    pull.run(filled, project)
    assert len(ledger.standing(ledger.read(filled.annotations))) == 6

    tables.write(tables.QUEUE, labelling.queue([3, 2], opinions=2), filled.queue)
    push.run(filled, project)
    assert work(bob, project) == [2, 3]


def test_a_review_is_blind_for_another_person_and_the_first_ones_stay_as_they_were(filled, project, members):
    owner, ann, bob = members
    queue(filled, [1] * COUNT)
    push.run(filled, project)
    assert len(work(ann, project, errors=["hips_sagging"])) == COUNT
    pull.run(filled, project)
    before = {e.rep_id: e for e in ledger.read(filled.annotations)}
    assert before["v1-f10"].shown["errors"] == ["hips_sagging"]
    queue(filled, [1, 2, 1, 2, 1, 1], review=[1, 3])
    push.run(filled, project)
    assert following(ann, project) is None
    task = following(bob, project)
    assert task["data"]["rep_id"] == "v1-f10"
    # Nothing is filled in, and nothing is said.
    assert [p["result"] for p in task["predictions"]] == [[]]
    assert task["data"]["shown"] == config.BLIND
    assert task["data"]["reasons"] == []
    assert "hips low" not in task["data"]["player"]
    assert task["annotations"] == []  # nor what ann said
    blind = next(t for t in owner.tasks(task["project"], "id,data") if t["data"]["rep_id"] == "v0-f10")
    assert set(task["data"]) == set(blind["data"])  # it looks as any blind task does
    push.run(filled, project)  # a second push changes nothing
    assert following(bob, project)["data"] == task["data"]
    assert work(bob, project) == [1, 3]
    pull.run(filled, project)
    new = [e for e in ledger.read(filled.annotations) if e.annotator.startswith("bob")]
    assert {(e.rep_id, e.blind, e.shown) for e in new} == {("v1-f10", True, None), ("v3-f10", True, None)}
    assert [e for e in ledger.read(filled.annotations) if e.annotator.startswith("ann")] == list(
        before.values()
    )
    # An edit of the first one's answer does not change what they were shown.
    changed = owner._http.patch(f"/api/annotations/{before['v1-f10'].annotation}", json={"result": []})
    assert changed.is_success
    pull.run(filled, project)
    newest = ledger.latest(ledger.read(filled.annotations))[before["v1-f10"].key]
    assert newest.answer["hips_sagging"] == "absent"
    assert (newest.blind, newest.shown) == (False, before["v1-f10"].shown)


def test_a_task_that_somebody_has_begun_is_not_turned(filled, project, members):
    owner, ann, _ = members
    queue(filled, [1] * COUNT)
    push.run(filled, project)
    assert len(work(ann, project)) == COUNT
    task = next(
        t
        for t in owner.tasks(owner.project(project.labelstudio.title)["id"], "id,data")
        if t["data"]["rep_id"] == "v1-f10"
    )
    assert owner._http.post(f"/api/tasks/{task['id']}/drafts", json={"result": [], "lead_time": 1}).is_success
    queue(filled, [1, 2, 1, 1, 1, 1], review=[1])
    push.run(filled, project)
    assert owner.task(task["id"])["data"]["shown"] == "rules"
    assert states(owner, project)[1] == (1, True)
