import polars as pl
import pytest

from pushup_data import reviews, tables
from tests.test_ledger import entry


def label(rep_id, value, present=0, absent=0, **changes):
    row = {"rep_id": rep_id, "error": "hips_sagging", "value": value, "certainty": 0.8, "usable": True}
    row |= {"present": present, "absent": absent, "unknown": 0, "simulated": False}
    return row | changes


def labels(*rows):
    return tables.LABELS.frame(rows)


def doubts(**by_rep):
    rows = [
        {"rep_id": r, "error": "hips_sagging", "value": "present", "probability": 1 - d, "doubt": d}
        for r, d in by_rep.items()
    ]
    return tables.DOUBTS.frame(rows)


def queue(*rep_ids):
    rows = [{"position": i, "rep_id": r, "reason": "review", "blind": True} for i, r in enumerate(rep_ids)]
    return tables.QUEUE.frame(rows)


NONE = tables.REVIEWS.empty()


def test_only_what_the_machine_contradicts_or_people_disagree_on_is_worth_a_second_opinion():
    worth = reviews.worth(doubts(a=0.9, b=0.4), labels(label("c", "unknown", 1, 1), label("d", "unknown")))
    assert worth == pytest.approx({"a": 0.8, "c": 1.0})
    two = pl.concat([doubts(a=0.9), doubts(a=0.7).with_columns(error=pl.lit("hips_piked"))])
    assert reviews.worth(two, labels()) == pytest.approx({"a": 1.2})


def test_a_review_is_written_down_once_and_for_ever():
    first = reviews.asked(NONE, queue("a"), doubts(a=0.9, b=0.9), labels(), {"a": 1})
    assert first.rows(named=True) == [
        {
            "rep_id": "a",
            "error": "hips_sagging",
            "votes": 1,
            "value": "present",
            "probability": pytest.approx(0.1),
        }
    ]
    # Another round before anybody has answered, with other doubts: nothing changes.
    again = reviews.asked(first, queue("a"), doubts(a=0.6), labels(), {"a": 1})
    assert again.equals(first)
    assert reviews.pending(first, {"a": 1}) == {"a": 1}
    assert reviews.pending(first, {"a": 2}) == {}
    # They contradict each other: a third opinion is another review.
    third = reviews.asked(first, queue("a"), doubts(), labels(label("a", "unknown", 1, 1)), {"a": 2})
    assert third.select("votes", "value").rows() == [(1, "present"), (2, "unknown")]


def test_a_label_that_was_in_doubt_before_people_contradicted_each_other_is_asked_for_once():
    asked = reviews.asked(NONE, queue("a"), doubts(a=0.9), labels(label("a", "unknown", 1, 1)), {"a": 2})
    assert asked.select("votes", "value").rows() == [(2, "unknown")]


@pytest.mark.parametrize(
    ("now", "votes", "outcome"),
    [
        (label("a", "present", 1), 1, "open"),
        (label("a", "present", 2), 2, "confirmed"),
        (label("a", "absent", 1, 2), 3, "overturned"),
        (label("a", "unknown", 1, 1), 2, "undecided"),
        (label("a", "unknown", 0, 0, usable=False), 3, "overturned"),
        (None, 2, "open"),
    ],
)
def test_how_a_review_ends(now, votes, outcome):
    asked = reviews.asked(NONE, queue("a"), doubts(a=0.9), labels(), {"a": 1})
    found = reviews.summary(asked, labels(*([now] if now else [])), {"a": votes})
    assert found[outcome] == 1
    assert sum(found[name] for name in reviews.OUTCOMES) == len(found["each"]) == 1
    assert found["each"][0]["now"] == (now["value"] if now else None)


def test_a_tie_is_settled_by_a_third():
    tie = labels(label("a", "unknown", 1, 1))
    asked = reviews.asked(NONE, queue("a"), doubts(), tie, {"a": 2})
    assert reviews.summary(asked, tie, {"a": 2})["open"] == 1
    assert reviews.summary(asked, labels(label("a", "absent", 1, 2)), {"a": 3})["settled"] == 1


def test_votes_that_reviews_asked_for_are_no_sample():
    def said(rep_id, annotation, when):
        return entry(annotation, rep_id=rep_id, annotator=f"p{annotation}@example.org", created_at=when)

    first, second = said("a", 1, "2026-03-01T10:00:00Z"), said("a", 2, "2026-03-01T10:00:00.5Z")
    other = said("b", 3, "2026-03-01T10:00:00Z"), said("b", 4, "2026-03-02T10:00:00Z")
    asked = reviews.asked(NONE, queue("a"), doubts(a=0.9), labels(), {"a": 1})
    assert reviews.unselected([second, first, *other], asked) == [first, *other]
    assert len(reviews.unselected([second, first, *other], NONE)) == 4
