"""Which requests open and close tasks; what they do on the server is in integration/test_opinions.py."""

from types import SimpleNamespace

import pytest

from pushup_data.labelstudio import opinions, push

TASK = {"id": 1, "draft_exists": False, "data": None}


class Tasks:
    """A server with these tasks, which refuses to delete those with an annotation."""

    access = SimpleNamespace(local=False)

    def __init__(self, *tasks):
        self.there = {task["id"]: task for task in tasks}
        self.changes = {}

    def project(self, title):
        return {"id": 5} if title == "push-ups, whole sets" else None

    def tasks(self, project, include):
        return list(self.there.values())

    def delete_untouched(self, project, tasks, locked):
        for task in tasks:
            if not self.there[task]["total_annotations"]:
                del self.there[task]

    def update_task(self, task, changes):
        self.changes[task] = changes


@pytest.mark.parametrize(
    ("overlap", "closed", "said", "wanted", "changes"),
    [
        (1, False, 0, 1, None),
        (1, False, 0, 2, {"overlap": 2, "is_labeled": False}),
        (1, True, 0, 1, {"overlap": 1, "is_labeled": False}),  # closed when it was skipped and not wanted
        (1, True, 1, 2, {"overlap": 2, "is_labeled": False}),
        (2, False, 1, 1, {"overlap": 1, "is_labeled": True}),
        (1, True, 1, 1, None),
        (2, False, 2, 2, None),  # twice by one person: the server knows, the counts do not
    ],
)
def test_a_task_is_opened_for_as_many_as_are_wanted(overlap, closed, said, wanted, changes):
    there = TASK | {"overlap": overlap, "is_labeled": closed, "total_annotations": said}
    client = Tasks(there)
    opinions.ask(client, [({"review": False, "opinions": wanted}, there)], lambda task: task)
    assert client.changes == ({1: changes} if changes else {})


def test_only_open_tasks_need_closing():
    client = Tasks()
    opinions.close(client, [{"id": 1, "is_labeled": True}, {"id": 2, "is_labeled": False}])
    assert client.changes == {2: {"overlap": 1, "is_labeled": True}}


def test_sets_without_consent_go_and_what_is_said_of_them_stays(workspace, default_params):
    settings = default_params.labelstudio.model_copy(update={"title": "push-ups"})
    tasks = [
        {"id": n, "data": {"video_id": video}, "is_labeled": False, "total_annotations": said}
        for n, (video, said) in enumerate([("a", 0), ("a", 1), ("b", 0)])
    ]
    client = Tasks(*tasks)
    push.withdraw(client, workspace, settings, {"a"})
    assert list(client.there) == [1, 2]
    assert client.changes == {1: {"overlap": 1, "is_labeled": True}}
    push.withdraw(client, workspace, default_params.labelstudio.model_copy(update={"title": "no"}), {"b"})
    assert list(client.there) == [1, 2]
