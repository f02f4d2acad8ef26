import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import exchange, ledger
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config
from pushup_data.workspace import TEMPLATE, Workspace
from tests.test_ledger import entry

VALUES = st.sampled_from(["present", "absent", "unknown"])
ERRORS = ["hips_sagging", "shallow_depth", "no_longer_used"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def ledgers(draw) -> list[ledger.Entry]:
    """The versions of a few annotations in the order in which pulls saw them."""
    made = []
    for minute in range(draw(st.integers(0, 8))):
        number = draw(st.integers(1, 3))
        shown = {"predictor": "rules", "errors": ["hips_sagging"], "unsure": []}
        made.append(
            entry(
                number,
                draw(st.sampled_from(["annotation", "annotation", "skip"])),
                annotator=f"coach{number}@example.org",
                updated_at=f"2026-01-01T00:{minute:02d}:00.5Z",
                seconds=draw(st.none() | st.floats(0, 1e6)),
                usable=draw(st.booleans()),
                answer=draw(st.dictionaries(st.sampled_from(ERRORS), VALUES)),
                note=draw(TEXT),
                shown=draw(st.sampled_from([None, shown])),
                result=draw(st.just([]) | st.builds(config.written, TEXT)),
            )
        )
        there = made[-1]
        for event in ["deleted", there.event, "deleted"][: draw(st.integers(0, 3))]:  # again from a backup
            made.append(there.model_copy(update={"event": event}))
    return made


@given(ledgers())
@settings(deadline=None)
def test_a_csv_holds_the_whole_ledger(entries):
    assert exchange.from_csv(exchange.to_csv(entries), "labels.csv") == entries


@given(ledgers())
@settings(deadline=None)
def test_into_an_empty_ledger_the_same_comes_back_and_a_second_time_nothing(entries):
    found = exchange.from_csv(exchange.to_csv(entries), "labels.csv")
    merged = exchange.merge([], found)
    assert ledger.latest(merged.new) == ledger.latest(entries)
    assert ledger.standing(merged.new) == ledger.standing(entries)
    assert exchange.merge(merged.new, found).new == []


@given(ledgers(), st.integers(0, 8), st.randoms())
@settings(deadline=None)
def test_an_older_or_shuffled_file_never_changes_what_stands(entries, cut, random):
    older = entries[:cut]
    assert exchange.merge(entries, older).new == []
    shuffled = random.sample(entries, len(entries))
    merged = exchange.merge(older, shuffled)
    assert {e.key: e for e in ledger.standing([*older, *merged.new])} == {
        e.key: e for e in ledger.standing(entries)
    }


def test_what_came_back_from_a_backup_stands_and_what_a_file_repeats_does_no_harm():
    there, gone = entry(1), entry(1, "deleted")
    for found in ([there, gone, there], [gone, there, there], [there, there, gone]):
        assert exchange.merge([], found).new == [there, gone, there]
    assert exchange.merge([there, gone], [there, gone, there]) == exchange.Merged([there], 2, 0)
    assert exchange.merge([there, gone, there], [there, gone]).new == []
    assert exchange.merge([there], [gone]).new == [gone]
    assert exchange.merge([gone], [there, gone]).new == []
    assert exchange.merge([there], [there, there]) == exchange.Merged([], 2, 0)
    assert exchange.merge([], [there, there]).new == [there]


def test_a_version_that_the_ledger_never_saw_is_left_out_where_it_is_older():
    late, early = entry(1, updated_at="2026-01-02T00:00:00Z"), entry(1, updated_at="2026-01-01T00:00:00Z")
    merged = exchange.merge([late], [early])
    assert (merged.new, merged.known, merged.older) == ([], 0, 1)


def test_label_studios_json_gives_the_entries_back(default_taxonomy):
    said = config.ticked(["hips_sagging"], []) + config.written("low")
    _, answer = config.answer(said, "side", default_taxonomy)
    shown = {"predictor": "rules", "errors": ["hips_piked"], "unsure": ["asymmetric"]}
    kept = [
        entry(1, answer=answer, note="low", result=said, shown=shown),
        entry(2, "skip", annotator="ben@example.org", answer=answer, result=said, shown=shown, note="low"),
    ]
    whole_set = entry(4, region="r1")
    entries = [entry(1), *kept, entry(3), entry(3, "deleted"), whole_set]
    tasks = exchange.to_tasks(entries, {"abc-f10": 4}, Workspace(Path("w")))
    assert len(tasks) == 1
    assert tasks[0]["data"]["number"] == 4
    assert "clips/abc-f10-0-20.mp4" in tasks[0]["data"]["player"]
    assert exchange.from_tasks(json.dumps(tasks), "f.json", default_taxonomy, {}) == (kept, 0)
    del tasks[0]["data"]["ext_id"]  # somebody else's task
    assert exchange.from_tasks(json.dumps(tasks), "f.json", default_taxonomy, {}) == ([], 2)


def test_json_says_nothing_of_errors_that_had_no_box(default_taxonomy):
    before = default_taxonomy.model_copy(update={"errors": default_taxonomy.errors[1:]})
    old, new = (
        entry(n, answer=config.answer([], "side", k)[1]) for n, k in ((1, before), (2, default_taxonomy))
    )
    tasks = exchange.to_tasks([old, new], {}, Workspace(Path("w")))
    found, _ = exchange.from_tasks(json.dumps(tasks), "f.json", default_taxonomy, {})
    assert [e.answer for e in found] == [old.answer, new.answer]
    for task in tasks:
        del task["data"]["boxes"]
    newer = default_taxonomy.model_copy(update={"version": 2})
    found, _ = exchange.from_tasks(json.dumps(tasks), "f.json", newer, {})
    assert [e.answer for e in found] == [{}, {}]


def test_label_studios_own_export_needs_to_know_who_is_who(default_taxonomy):
    (task,) = exchange.to_tasks([entry(1)], {}, Workspace(Path("w")))
    task |= {"predictions": [17], "meta": {}}
    task["annotations"][0]["completed_by"] = 3
    text = json.dumps([task])
    with pytest.raises(BadInputError, match="who is annotator 3"):
        exchange.from_tasks(text, "f.json", default_taxonomy, {})
    (found,), _ = exchange.from_tasks(text, "f.json", default_taxonomy, {3: "anna@example.org"})
    assert found.annotator == "anna@example.org"
    assert found.server.startswith("file:")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "", "name it .csv or .json"),
        ("none.csv", None, "is not there"),
        ("a.csv", b"\xff\xfe", "save it as UTF-8"),
        ("a.csv", "event,server\nannotation\n", "a.csv:2: another number of cells"),
        ("a.csv", "event,server\nannotation,x\n", "a.csv:2: project: Field required"),
        ("a.csv", 'event,server\nannotation,"' + "x" * 200_000, "a.csv:2: project: Field required"),
        ("a.csv", 'event,server\n"annotation,' + "x" * 200_000, "a.csv:2: another number of cells"),
        ("a.json", "{", "is not what Label Studio exports"),
        ("a.json", '[{"id": 1}]', "is not what Label Studio exports"),
        ("a.json", "[3]", "is not what Label Studio exports"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, name, text, said):
    shutil.copytree(TEMPLATE / "labeling_config", tmp_path / "labeling_config")
    workspace, path = Workspace(tmp_path), tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInputError, match=said):
        exchange.load(workspace, path, {})
    assert not list(workspace.annotations.glob("*"))


@pytest.mark.parametrize("column", ["answer.hips_sagging", "usable", "seconds", "start", "updated_at"])
def test_a_wrong_cell_is_named(column):
    text = exchange.to_csv([entry(1)])
    head, row = text.splitlines()
    cells = row.split(",")
    cells[head.split(",").index(column)] = "maybe"
    with pytest.raises(BadInputError, match=r"labels.csv:2: "):
        exchange.from_csv(f"{head}\n{','.join(cells)}\n", "labels.csv")


def test_a_cell_may_be_long():
    noted = [entry(1, note="low " * 50_000)]
    assert exchange.from_csv(exchange.to_csv(noted), "labels.csv") == noted


@pytest.mark.parametrize("name", ["l.csv", "l.json"])
def test_where_nothing_can_be_written_or_read_says_so(tmp_path, name):
    workspace = Workspace(tmp_path / "one")
    (tmp_path / "file").write_text("")
    (tmp_path / name).mkdir()
    for path in (tmp_path / "file" / name, tmp_path / name):
        with pytest.raises(BadInputError, match="name a file in a folder that you may write to"):
            exchange.export(workspace, path)
    with pytest.raises(BadInputError, match="name a file that you may read"):
        exchange.load(workspace, tmp_path / name, {})


def test_into_another_workspace_and_what_to_do_next(tmp_path):
    workspace, other = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    entries = [entry(1), entry(2), entry(1, updated_at="2026-01-02T00:00:00Z", note="sure")]
    ledger.append(workspace.annotations, entries)
    assert "3 entries, every version of 2 annotations" in exchange.export(workspace, tmp_path / "l.csv")
    assert "pull --new-project" in exchange.load(other, tmp_path / "l.csv", {})
    assert ledger.standing(ledger.read(other.annotations)) == ledger.standing(entries)
    assert "0 entries added to the ledger, 3 were there" in exchange.load(other, tmp_path / "l.csv", {})
    assert len(list(other.annotations.glob("*.jsonl"))) == 1
