"""What an annotation becomes in the ledger, and from when on a pull asks for changes."""

from datetime import UTC, datetime, timedelta

import pytest

from pushup_data.labelstudio import config, pull, push
from tests.labelling import predictions, queued


def pulled(known, *, data, result=()):
    """The entry of an annotation, pulled under this taxonomy, of a task with this data."""
    annotation = {"id": 7, "result": list(result), "was_cancelled": False, "completed_by": "a@example.org"}
    when = "2026-01-01T00:00:00Z"
    annotation |= {"created_at": when, "updated_at": when, "lead_time": 2.0, "parent_prediction": None}
    task = {"id": 3, "data": data, "predictions": []}
    return pull.entry_of(annotation, task, "local:x", 1, known)


@pytest.fixture
def before(default_taxonomy):
    """The taxonomy before its first error was added, without another version."""
    return default_taxonomy.model_copy(update={"errors": default_taxonomy.errors[1:]})


def test_nothing_is_said_of_an_error_that_had_no_box_when_the_task_was_made(default_taxonomy, before):
    new = default_taxonomy.ids[0]
    data = push.wanted(queued(1), predictions(1, before), before)[0]["data"]
    assert pulled(before, data=data).answer == pulled(default_taxonomy, data=data).answer
    assert new not in pulled(default_taxonomy, data=data).answer
    ticked = pulled(default_taxonomy, data=data, result=config.ticked([new], [])).answer
    assert ticked[new] == "present"  # by the second person, after its box came
    data = push.wanted(queued(1), predictions(1, default_taxonomy), default_taxonomy)[0]["data"]
    assert pulled(default_taxonomy, data=data).answer[new] == "absent"


def test_of_a_task_that_does_not_say_its_boxes_the_version_decides(default_taxonomy):
    data = push.wanted(queued(1), predictions(1, default_taxonomy), default_taxonomy)[0]["data"]
    del data["boxes"]
    assert pulled(default_taxonomy, data=data).answer.keys() == set(default_taxonomy.ids)
    newer = default_taxonomy.model_copy(update={"version": default_taxonomy.version + 1})
    ticked = config.ticked(["hips_piked"], ["asymmetric"])
    said = {"hips_piked": "present", "asymmetric": "unknown"}
    assert pulled(newer, data=data, result=ticked).answer == said


def test_changes_are_asked_for_from_before_the_newest_on():
    times = ["2026-01-01T10:00:00.000001Z", "2026-01-01T09:00:00Z"]
    assert pull._since(times) == "2026-01-01T09:45:00.000001Z"


def test_a_time_of_another_zone_is_asked_for_in_utc():
    assert pull._since(["2026-01-01T10:00:00+02:00"]) == "2026-01-01T07:45:00.000000Z"


def test_nothing_known_or_a_clock_that_was_wrong_means_all():
    assert pull._since([]) == ""
    assert pull._since([(datetime.now(UTC) + timedelta(days=1)).isoformat()]) == ""
