import pytest

from pushup_data import tables
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config, push
from tests.labelling import predictions, queued


def tasks(known, **changes):
    return push.wanted(queued(4), predictions(4, known, **changes), known)


def test_tasks_come_in_the_queues_order_and_fit_the_config(default_taxonomy):
    made = tasks(default_taxonomy)
    assert [t["data"]["rep_id"] for t in made] == [f"v{n}-f10" for n in range(4)]
    push.check(made, default_taxonomy)


def test_a_blind_task_shows_nothing_of_the_machine(default_taxonomy):
    made = tasks(default_taxonomy)
    blind, open_ = made[0], made[1]  # every second one is blind
    assert blind["predictions"][0]["result"] == []
    assert blind["data"]["reasons"] == []
    assert config.boxes(open_["predictions"][0]["result"], "errors") == ["hips_sagging"]
    assert config.boxes(open_["predictions"][0]["result"], "unsure") == ["asymmetric"]
    assert open_["data"]["reasons"] == ["Hips sagging: hips low"]


def test_nothing_in_a_task_tells_the_split_or_why_it_is_asked(default_taxonomy):
    for task in tasks(default_taxonomy):
        assert not {"split", "reason", "blind", "score", "subject"} & set(task["data"])


def test_the_key_changes_with_what_is_shown(default_taxonomy):
    keys = [t["data"]["key"] for t in tasks(default_taxonomy)]
    assert keys == [t["data"]["key"] for t in tasks(default_taxonomy)]
    changed = [t["data"]["key"] for t in tasks(default_taxonomy, reason="hips very low")]
    assert [a == b for a, b in zip(keys, changed, strict=True)] == [True, False, True, False]


def test_a_prediction_that_does_not_fit_is_named(default_taxonomy):
    made = tasks(default_taxonomy)
    made[1]["predictions"][0]["result"][0]["value"]["choices"] = ["hands_wide"]
    with pytest.raises(BadInputError, match="v1-f10"):
        push.check(made, default_taxonomy)


@pytest.mark.parametrize(
    ("there", "keep"),
    [
        ([], []),
        (["a", "b", "c"], [0, 1, 2]),
        (["a", "b"], [0, 1]),
        (["b", "a", "c"], [1]),  # b must come after a, and c after b
        (["x", "a", "y", "b"], [1, 3]),
        (["c"], []),
    ],
)
def test_what_stays_is_a_beginning_of_the_queue(there, keep):
    todo = [{"data": {"key": k}} for k in "abc"]
    existing = [{"id": n, "data": {"key": k}} for n, k in enumerate(there)]
    kept, dropped = push._in_order(todo, existing)
    assert kept == keep
    assert {t["id"] for t in dropped} == set(range(len(there))) - set(keep)


def test_an_empty_queue_gives_no_task(default_taxonomy):
    assert push.wanted(queued(0), tables.PREDICTIONS.empty(), default_taxonomy) == []
