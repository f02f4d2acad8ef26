from pushup_data import labels
from tests.voting import REPS, said


def test_one_persons_newest_word_counts_even_from_another_project():
    old = said("present", annotation=1, project=2, updated_at="2026-03-01T10:00:00Z")
    new = said("absent", annotation=9, project=1, updated_at="2026-03-01T10:00:00.500Z")
    for order in ([old, new], [new, old]):
        filed = labels.file(order, REPS)
        assert filed.counted == [new]
        assert filed.superseded == [old]


def test_annotations_of_reps_that_moved_or_went_are_set_aside():
    gone = said("present", annotation=1, rep_id="abc-f99")
    moved = said("present", annotation=2, annotator="b@example.org", start=15, end=35)
    near = said("absent", annotation=3, annotator="c@example.org", start=3, end=23)
    filed = labels.file([gone, moved, near], REPS)
    assert filed.counted == [near]
    assert [o.why for o in filed.orphans] == ["the rep is gone", "the rep moved: 14% overlap"]


def test_an_orphan_does_not_supersede_an_annotation_that_fits():
    fits = said("present", annotation=1)
    newer = said("absent", annotation=2, start=15, end=35, updated_at="2026-05-01T00:00:00Z")
    assert labels.file([fits, newer], REPS).counted == [fits]


def test_who_draws_one_bar_over_a_rep_cut_in_two_is_not_outdone_by_the_bar_they_deleted():
    # Both are of one annotation: the same person, task and times.
    whole = said("present", region="vid-f28", drawn=True, start=0, end=20)
    deleted = said("present", region="vid-f77", rep_id="gone", usable=False, answer={}, start=9, end=20)
    for order in ([whole, deleted], [deleted, whole]):
        filed = labels.file(order, REPS)
        assert filed.counted == [whole.model_copy(update={"rep_id": "abc-f10"})]
        assert [e.region for e in filed.superseded] == ["vid-f77"]
