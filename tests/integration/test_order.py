"""Whether annotators get tasks in the queue's order, whoever else works on it."""

import pytest

from pushup_data import tables
from pushup_data.labelstudio import server, users
from pushup_data.labelstudio.client import Client
from pushup_data.stages import push
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 6


@pytest.fixture
def admin(served, project):
    with Client(server.access(served, project.labelstudio)) as connection:
        yield connection


@pytest.fixture(scope="module")
def member(served, default_params):
    """A second member of the organisation, who came by the invite link."""
    access = server.access(served, default_params.labelstudio)
    with Client(users.member(access, "second@example.org", "a long enough one")) as connection:
        yield connection


def pushed(workspace, settings, known, admin, opinions) -> int:
    """A project of COUNT reps whose queue is not in the order of their names."""
    labelling.fill(workspace, known, COUNT)
    tables.write(tables.QUEUE, labelling.queue([3, 5, 1, 0, 4, 2], opinions), workspace.queue)
    push.run(workspace, settings)
    return int(admin.project(settings.labelstudio.title)["id"])


ORDER = [f"v{n}-f10" for n in (3, 5, 1, 0, 4, 2)]


def served_next(client, project) -> str | None:
    """The rep that the label stream opens, None where there is no more; it is answered at once."""
    answer = client._http.get(f"/api/projects/{project}/next")
    if answer.status_code == 404:
        return None
    task = answer.json()
    client.annotate(task["id"], {"result": [], "lead_time": 1})
    return task["data"]["rep_id"]


def test_two_members_share_the_queue_in_its_order(served, project, default_taxonomy, admin, member):
    number = pushed(served, project, default_taxonomy, admin, 1)
    assert [served_next((admin, member)[n % 2], number) for n in range(COUNT)] == ORDER
    assert served_next(admin, number) is served_next(member, number) is None


def test_the_second_member_alone_gets_the_queues_order(served, project, default_taxonomy, admin, member):
    number = pushed(served, project, default_taxonomy, admin, 1)
    assert [served_next(member, number) for _ in range(COUNT)] == ORDER


def test_what_one_has_open_the_other_does_not_get(served, project, default_taxonomy, admin, member):
    number = pushed(served, project, default_taxonomy, admin, 1)
    opened = admin._http.get(f"/api/projects/{number}/next").json()["data"]["rep_id"]
    assert opened == ORDER[0]
    assert served_next(member, number) == ORDER[1]


def test_second_opinions_come_in_order_where_tasks_ask_for_them(
    served, project, default_taxonomy, admin, member
):
    """With the project's own overlap above 1 half-done tasks would come first, shuffled."""
    number = pushed(served, project, default_taxonomy, admin, 2)
    assert [served_next(admin, number) for _ in range(4)] == ORDER[:4]
    assert [served_next(member, number) for _ in range(COUNT)] == ORDER
    assert [served_next(admin, number) for _ in range(3)] == [*ORDER[4:], None]


def test_a_projects_own_overlap_brings_half_done_tasks_first(
    served, project, default_taxonomy, admin, member
):
    """Why push does not rely on it for the order; if this fails, Label Studio has changed."""
    number = pushed(served, project, default_taxonomy, admin, 1)
    admin.update_project(number, {"maximum_annotations": 2})
    assert [served_next(admin, number) for _ in range(3)] == ORDER[:3]
    assert sorted(str(served_next(member, number)) for _ in range(3)) == sorted(ORDER[:3])
    assert [served_next(member, number) for _ in range(3)] == ORDER[3:]
