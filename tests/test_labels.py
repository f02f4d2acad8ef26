import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pushup_data import labels, ledger, tables
from tests.test_ledger import entry

REPS = tables.REPS.frame(
    [
        {"rep_id": "abc-f10", "video_id": "abc", "subject": "ann", "start": 0, "bottom": 10, "end": 20},
        {"rep_id": "abc-f50", "video_id": "abc", "subject": "ann", "start": 40, "bottom": 50, "end": 60},
    ]
)


def said(value, annotator="a@example.org", annotation=1, **changes):
    changes.setdefault("answer", {"hips_sagging": value})
    return entry(annotation, annotator=annotator, **changes)


def sag(entries, taxonomy, min_certainty=0.5):
    counted = labels.file(entries, REPS).counted
    table = labels.consensus(counted, taxonomy, min_certainty)
    return table.row(by_predicate=pl.col("error") == "hips_sagging", named=True)


def people(*values):
    return [said(v, annotator=f"p{i}@example.org", annotation=i) for i, v in enumerate(values)]


def test_no_annotation_gives_an_empty_table(default_taxonomy):
    filed = labels.file([], REPS)
    table = labels.consensus(filed.counted, default_taxonomy, 0.5)
    assert table.equals(tables.LABELS.empty())
    found = labels.summary(filed, table, default_taxonomy)
    assert found["annotations"] == found["labelled_reps"] == found["orphans"] == 0
    assert found["agreement"]["asymmetric"]["percent"] is None
    assert found["agreement"]["asymmetric"]["reason"]


def consensus_of(values, taxonomy, min_certainty=0.5):
    row = sag(people(*values), taxonomy, min_certainty)
    return row["value"], round(row["certainty"], 4)


def test_majority_tie_and_cannot_tell(default_taxonomy):
    t = default_taxonomy
    assert consensus_of(["present"], t) == ("present", 0.6667)
    assert consensus_of(["absent", "absent"], t) == ("absent", 0.75)
    assert consensus_of(["present", "present", "absent"], t) == ("present", 0.6)
    assert consensus_of(["present", "absent"], t) == ("unknown", 0.25)
    assert consensus_of(["unknown"], t) == ("unknown", 0.6667)
    assert consensus_of(["present", "unknown"], t) == ("present", 0.5)
    assert consensus_of(["present", "unknown", "unknown"], t) == ("unknown", 0.6)
    # More people can't tell: unknown, however low the bar.
    assert consensus_of(["present", "unknown", "unknown"], t, 0.0) == ("unknown", 0.6)


def test_a_higher_bar_asks_for_a_second_opinion(default_taxonomy):
    assert consensus_of(["present"], default_taxonomy, 0.7) == ("unknown", 0.3333)
    assert consensus_of(["present"] * 2, default_taxonomy, 0.7) == ("present", 0.75)


def test_every_annotated_rep_has_a_row_per_error_and_votes_add_up(default_taxonomy):
    counted = labels.file(people("present", "absent", "unknown"), REPS).counted
    table = labels.consensus(counted, default_taxonomy, 0.5)
    assert set(table["error"]) == set(default_taxonomy.ids)
    assert (table["present"] + table["absent"] + table["unknown"]).to_list() == [3] * len(
        default_taxonomy.ids
    )
    assert not table["simulated"].any()


def test_what_the_view_cannot_show_is_unknown_not_absent(default_taxonomy):
    answer = dict.fromkeys(default_taxonomy.ids, "absent")
    counted = labels.file([entry(1, answer=answer, view="side")], REPS).counted
    table = labels.consensus(counted, default_taxonomy, 0.5)
    values = dict(table.select("error", "value").iter_rows())
    assert values["hips_sagging"] == "absent"
    assert values["elbows_flared"] == values["asymmetric"] == "unknown"


def test_one_persons_newest_word_counts_even_from_another_project(default_taxonomy):
    old = said("present", annotation=1, project=2, updated_at="2026-03-01T10:00:00Z")
    new = said("absent", annotation=9, project=1, updated_at="2026-03-01T10:00:00.500Z")
    for order in ([old, new], [new, old]):
        filed = labels.file(order, REPS)
        assert filed.counted == [new]
        assert filed.superseded == [old]
    assert sag([old, new], default_taxonomy)["absent"] == 1


def test_unusable_needs_more_than_half_and_then_nothing_is_known(default_taxonomy):
    bad = said("present", annotator="b@example.org", annotation=2, usable=False)
    tie = sag([said("present"), bad], default_taxonomy)
    assert (tie["usable"], tie["value"], tie["present"], tie["unknown"]) == (True, "present", 1, 1)
    worse = [said("present"), bad, said("present", annotator="c@example.org", annotation=3, usable=False)]
    row = sag(worse, default_taxonomy)
    assert (row["usable"], row["value"]) == (False, "unknown")


def test_annotations_of_reps_that_moved_or_went_are_listed_and_not_used(default_taxonomy):
    gone = said("present", annotation=1, rep_id="abc-f99")
    moved = said("present", annotation=2, annotator="b@example.org", start=15, end=35)
    near = said("absent", annotation=3, annotator="c@example.org", start=3, end=23)
    filed = labels.file([gone, moved, near], REPS)
    assert filed.counted == [near]
    found = labels.summary(filed, labels.consensus(filed.counted, default_taxonomy, 0.5), default_taxonomy)
    assert found["orphans"] == 2
    assert [o["why"] for o in found["orphaned"]] == ["the rep is gone", "the rep moved: 14% overlap"]
    assert found["annotations"] == 3


def test_an_orphan_does_not_supersede_an_annotation_that_fits():
    fits = said("present", annotation=1)
    newer = said("absent", annotation=2, start=15, end=35, updated_at="2026-05-01T00:00:00Z")
    assert labels.file([fits, newer], REPS).counted == [fits]


def test_agreement_is_per_pair_and_corrected_for_chance(default_taxonomy):
    votes = {"abc-f10": ("present", "present"), "abc-f50": ("absent", "present")}
    bounds = {"abc-f10": (0, 20), "abc-f50": (40, 60)}
    entries = [
        said(v, annotator=f"p{i}@example.org", rep_id=rep, start=bounds[rep][0], end=bounds[rep][1])
        for rep, pair in votes.items()
        for i, v in enumerate(pair)
    ]
    found = labels.agreement(labels.file(entries, REPS).counted, default_taxonomy)["hips_sagging"]
    # Pooled marginals: 3/4 present; chance (9 + 1)/16; kappa (1/2 - 5/8) / (1 - 5/8).
    assert found == {"pairs": 2, "percent": 0.5, "kappa": -0.3333}
    same = labels.agreement(labels.file(people("absent", "absent"), REPS).counted, default_taxonomy)
    assert same["hips_sagging"]["percent"] == 1.0
    assert same["hips_sagging"]["kappa"] is None
    assert "absent" in same["hips_sagging"]["reason"]


VALUES = st.sampled_from(["present", "absent", "unknown"])


@given(st.lists(st.tuples(st.integers(0, 4), VALUES, st.booleans()), min_size=1, max_size=8), st.randoms())
def test_order_of_the_ledger_does_not_matter(default_taxonomy, votes, random):
    entries = [
        said(v, annotator=f"p{who}@example.org", annotation=i, usable=usable)
        for i, (who, v, usable) in enumerate(votes)
    ]
    first = labels.consensus(labels.file(entries, REPS).counted, default_taxonomy, 0.5)
    random.shuffle(entries)
    assert labels.consensus(labels.file(entries, REPS).counted, default_taxonomy, 0.5).equals(first)
    row = first.row(by_predicate=pl.col("error") == "hips_sagging", named=True)
    assert row["present"] + row["absent"] + row["unknown"] == len({who for who, _, _ in votes})
    assert 0 < row["certainty"] < 1
    if row["value"] != "unknown":
        other = "absent" if row["value"] == "present" else "present"
        assert row[row["value"]] > row[other]
        assert row["usable"]


def test_deleted_and_skipped_annotations_do_not_count(default_taxonomy):
    entries = [*people("present", "absent", "absent"), said("absent", annotation=1, event="deleted")]
    entries.append(said("absent", annotation=2, event="skip"))
    assert sag(ledger.standing(entries), default_taxonomy)["value"] == "present"
