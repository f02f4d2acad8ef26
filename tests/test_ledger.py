import pytest

from pushup_data import ledger
from pushup_data.errors import BadInputError


def entry(annotation: int = 1, event: str = "annotation", **changes) -> ledger.Entry:
    fields = {
        "event": event,
        "server": "local:x",
        "project": 1,
        "task": 5,
        "annotation": annotation,
        "rep_id": "abc-f10",
        "clip": "abc-f10-0-20.mp4",
        "video_id": "abc",
        "start": 0,
        "end": 20,
        "view": "side",
        "annotator": "coach@example.org",
        "simulated": False,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "seconds": 3.5,
        "usable": True,
        "answer": {"hips_sagging": "present"},
        "note": "",
        "blind": False,
        "shown": None,
        "taxonomy": 1,
        "result": [],
    }
    return ledger.Entry.model_validate(fields | changes)


def test_nothing_new_writes_nothing(tmp_path):
    assert ledger.append(tmp_path, []) is None
    assert list(tmp_path.iterdir()) == []


def test_files_are_never_overwritten_and_read_in_order(tmp_path):
    for number in range(12):
        ledger.append(tmp_path, [entry(number)])
    assert [e.annotation for e in ledger.read(tmp_path)] == list(range(12))
    assert len(list(tmp_path.glob("*.jsonl"))) == 12
    assert len(list(tmp_path.iterdir())) == 12


def test_what_a_killed_process_left_goes(tmp_path):
    (tmp_path / ".000001-abc.jsonl.tmp").write_text("{")
    ledger.append(tmp_path, [entry(1)])
    assert [p.suffix for p in tmp_path.iterdir()] == [".jsonl"]


def test_the_newest_version_stands_and_deleted_ones_do_not(tmp_path):
    old, new = entry(1), entry(1, answer={"hips_sagging": "absent"})
    entries = [old, entry(2), entry(3, event="skip"), new, entry(2, event="deleted")]
    assert ledger.standing(entries) == [new]
    assert [e.event for e in ledger.latest(entries).values()] == ["annotation", "deleted", "skip"]


def test_same_annotation_number_on_another_server_is_another():
    assert len(ledger.standing([entry(1), entry(1, server="https://other")])) == 2


@pytest.mark.parametrize(("field", "new"), [("annotation", '"two"'), ("created_at", '"yesterday"')])
def test_a_damaged_line_is_named(tmp_path, field, new):
    path = ledger.append(tmp_path, [entry(1), entry(2, created_at="2026-02-02T00:00:00Z")])
    assert path
    old = {"annotation": "2", "created_at": '"2026-02-02T00:00:00Z"'}[field]
    path.write_text(path.read_text().replace(f'"{field}":{old}', f'"{field}":{new}'))
    with pytest.raises(BadInputError, match=rf"{path.name}:2: {field}"):
        ledger.read(tmp_path)


@pytest.mark.parametrize("pasted", ["\u2028", "\u2029", "\x85", "\x0b", "\r\n"])
def test_a_note_may_hold_whatever_was_pasted_into_it(tmp_path, pasted):
    noted = entry(1, note=f"hips{pasted}low")
    ledger.append(tmp_path, [noted, entry(2)])
    assert ledger.read(tmp_path) == [noted, entry(2)]


def test_a_file_with_a_name_of_its_own_is_read_and_numbers_go_on(tmp_path):
    path = ledger.append(tmp_path, [entry(1)])
    path.rename(tmp_path / "from-anna.jsonl")
    assert ledger.append(tmp_path, [entry(2)]).name.startswith("000001-")
    assert {e.annotation for e in ledger.read(tmp_path)} == {1, 2}


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "000001-x.jsonl").write_bytes(entry(1).model_dump_json().encode() + b"\n\xff\n")
    with pytest.raises(BadInputError, match=r"000001-x\.jsonl.*restore the file from git"):
        ledger.read(tmp_path)
