from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import files, tables
from pushup_data.errors import BadInputError, MissingInputError

ALL = [t for t in vars(tables).values() if isinstance(t, tables.Table)]
ROW = {"rep_id": "a-f1", "error": "hips_sagging", "probability": 0.5, "reason": "x"}


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_every_table_is_valid_without_rows(tmp_path, table):
    path = tmp_path / f"t{Path(table.name).suffix}"
    tables.write(table, table.empty(), path)
    assert tables.read(table, path).schema == table.empty().schema


def test_missing_table_says_what_to_run(tmp_path):
    with pytest.raises(MissingInputError, match="dvc repro"):
        tables.read(tables.RULES, tmp_path / "none.parquet")
    assert tables.read(tables.RULES, tmp_path / "none.parquet", default_empty=True).is_empty()


def test_wrong_columns_are_named():
    with pytest.raises(BadInputError, match=r"missing \['reason'\], not expected \['extra'\]"):
        tables.RULES.check(pl.DataFrame([{**ROW, "extra": 1}]).drop("reason"))


def test_wrong_type_is_refused():
    frame = pl.DataFrame([{**ROW, "probability": "high"}])
    with pytest.raises(BadInputError, match="high"):
        tables.RULES.check(frame)


def test_two_rows_for_one_key_are_refused():
    with pytest.raises(BadInputError, match="two rows for a-f1, hips_sagging"):
        tables.RULES.frame([ROW, ROW])


def test_row_without_key_is_refused():
    with pytest.raises(BadInputError, match="without rep_id"):
        tables.RULES.frame([{**ROW, "rep_id": None}])


def test_damaged_file_is_named(tmp_path):
    path = tmp_path / "rules.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(BadInputError, match="delete it"):
        tables.read(tables.RULES, path)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


rows = st.lists(
    st.fixed_dictionaries(
        {
            "rep_id": st.text("abc0", min_size=1, max_size=3),
            "error": st.sampled_from(["hips_sagging", "asymmetric"]),
            "probability": st.none() | st.floats(0, 1),
            "reason": st.text(max_size=5),
        }
    ),
    unique_by=lambda r: (r["rep_id"], r["error"]),
)


@given(rows)
@settings(deadline=None)
def test_what_is_written_is_read_and_order_does_not_matter(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("t") / "rules.parquet"
    tables.write(tables.RULES, tables.RULES.frame(some), path)
    first = path.read_bytes()
    back = tables.read(tables.RULES, path)
    assert sorted(back.rows()) == sorted(
        (r["rep_id"], r["error"], r["probability"], r["reason"]) for r in some
    )
    tables.write(tables.RULES, tables.RULES.frame(some[::-1]), path)
    assert path.read_bytes() == first


def test_csv_keeps_numbers_and_commas(tmp_path):
    path = tmp_path / "rep_registry.csv"
    row = {"rep_id": "00123-f7", "video_id": "00123", "start": 1, "bottom": 7, "end": 12}
    tables.write(tables.REP_REGISTRY, tables.REP_REGISTRY.frame([row]), path)
    assert tables.read(tables.REP_REGISTRY, path).to_dicts() == [row]


def test_what_nothing_can_make_again_is_never_to_be_deleted(tmp_path):
    for table in (tables.REP_REGISTRY, tables.ASSIGNMENTS, tables.REVIEWS):
        path = tmp_path / table.name
        path.write_text("a;b\n1;2\n")
        with pytest.raises(BadInputError, match="restore it from git") as error:
            tables.read(table, path)
        assert "delete" not in str(error.value)


def test_a_merge_that_was_left_half_done_is_no_row(tmp_path):
    path = tmp_path / "assignments.csv"
    path.write_text("subject,split,reason\n<<<<<<< HEAD\nann,train,x\n=======\nann,test,x\n>>>>>>> other\n")
    with pytest.raises(BadInputError, match=r"assignments\.csv:2: git's mark of a conflict"):
        tables.read(tables.ASSIGNMENTS, path)
