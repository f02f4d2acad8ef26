"""What a set task shows, and what its annotations mean."""

import xml.etree.ElementTree as ET
from types import SimpleNamespace

from label_studio_sdk.label_interface import LabelInterface

from pushup_data import labels, ledger, tables
from pushup_data.labelstudio import config, set_config, set_pull, sets
from pushup_data.workspace import TEMPLATE
from tests.test_ledger import entry

VIDEO = {"video_id": "v", "fps": 30.0, "frames": 300}
REPS = [
    {"rep_id": "v-f20", "start": 5, "end": 40, "view": "side"},
    {"rep_id": "v-f60", "start": 45, "end": 80, "view": "side"},
]


def pushed(known):
    return sets.task(VIDEO, "side", REPS, known)


def answered(known, result, *, number=7, when="2026-01-01T00:00:01.5Z", by="coach@example.org", skip=False):
    annotation = {"id": number, "result": result, "was_cancelled": skip, "completed_by": {"email": by}}
    annotation |= {"created_at": when, "updated_at": when, "lead_time": 30.0}
    full = {"id": 3, "data": pushed(known)["data"]}
    return set_pull.entries_of(annotation, full, "local:x", 2, known)


def region(name, start, end, *errors, unusable=False):
    value = sets.region(name, (start, end))
    ticked = [part | {"id": name} for part in config.ticked(errors, (), usable=not unusable)]
    return [value, *ticked]


def by_rep(entries):
    return {e.rep_id: e for e in entries}


UNTOUCHED = [*region("v-f20", 5, 40), *region("v-f60", 45, 80)]


def test_the_checked_in_config_is_current(default_taxonomy):
    assert (TEMPLATE / "labeling_config" / "set.xml").read_text() == set_config.render(default_taxonomy)


def test_the_config_is_valid_and_every_hotkey_is_used_once(default_taxonomy):
    text = set_config.render(default_taxonomy)
    LabelInterface(text).validate()
    nodes = [*ET.fromstring(text).iter("Choice"), *ET.fromstring(text).iter("Label")]
    keys = [node.get("hotkey") for node in nodes]
    assert len(keys) == len(set(keys)) == 2 * len(default_taxonomy.ids) + 3
    assert config.choices(text) == set(default_taxonomy.ids)


def test_the_task_shows_the_bounds_and_nothing_of_the_machines_opinion(default_taxonomy):
    task = pushed(default_taxonomy)
    (prediction,) = task["predictions"]
    interface = LabelInterface(set_config.render(default_taxonomy))
    assert interface.validate_prediction(prediction, return_errors=True) == []
    assert [(r["id"], r["value"]["ranges"]) for r in prediction["result"]] == [
        ("v-f20", [{"start": 6, "end": 40}]),
        ("v-f60", [{"start": 46, "end": 80}]),
    ]
    assert {r["type"] for r in prediction["result"]} == {"timelinelabels"}


class Project:
    """A project of two set tasks elsewhere, the second of which is answered while videos are uploaded."""

    access = SimpleNamespace(local=False)

    def __init__(self, known):
        counts = {"annotations": [], "drafts": [], "total_annotations": 0, "cancelled_annotations": 0}
        data = {"key": "old", "video": ""}
        self.there = {n: {"id": n, "data": data | {"video_id": f"v{n}"}} | counts for n in (1, 2)}
        self.config = set_config.render(known)
        self.imported = []

    def project(self, title):
        return {"id": 5, "title": title, "label_config": self.config}

    def update_project(self, number, changes):
        pass

    def tasks(self, number, include):
        return list(self.there.values())

    def upload(self, number, name, content):
        self.there[2]["total_annotations"] = 1
        return f"/data/{name}"

    def delete_untouched(self, number, tasks, locked):
        free = [n for n in tasks if not self.there[n]["total_annotations"]]
        for n in free:
            del self.there[n]
        return len(free)

    def import_tasks(self, number, tasks):
        self.imported += [t["data"]["video_id"] for t in tasks]


def test_a_set_answered_while_videos_are_uploaded_is_not_replaced(
    workspace, default_params, default_taxonomy
):
    there = Project(default_taxonomy)
    tasks = [sets.task(VIDEO | {"video_id": f"v{n}"}, "side", REPS, default_taxonomy) for n in (1, 2, 3)]
    for n in (1, 2, 3):
        workspace.video(f"v{n}").parent.mkdir(parents=True, exist_ok=True)
        workspace.video(f"v{n}").write_bytes(b"")
    done = sets.sync(there, workspace, default_params.labelstudio, tasks, default_taxonomy)
    assert done == (2, 1)
    assert list(there.there) == [2]
    assert there.imported == ["v1", "v3"]


def test_untouched_reps_are_judged_and_not_drawn(default_taxonomy):
    entries = answered(default_taxonomy, [*UNTOUCHED, *region("v-f60", 45, 80, "hips_sagging")[1:]])
    first, second = entries
    assert (first.rep_id, first.start, first.end, first.drawn) == ("v-f20", 5, 40, False)
    assert first.answer["hips_sagging"] == "absent"
    assert first.answer["asymmetric"] == "unknown"  # not to be seen from the side
    assert second.answer["hips_sagging"] == "present"
    assert (second.blind, second.shown, second.seconds) == (True, None, 15.0)
    assert {r["id"] for r in second.result} == {"v-f60"}
    assert set_pull.boundaries(entries) == []


def test_nothing_is_said_of_an_error_that_came_after_the_task(default_taxonomy):
    before = default_taxonomy.model_copy(update={"errors": default_taxonomy.errors[1:]})
    full = {"id": 3, "data": pushed(before)["data"]}
    when = "2026-01-01T00:00:01.5Z"
    annotation = {"id": 7, "result": UNTOUCHED, "was_cancelled": False, "completed_by": "a@example.org"}
    annotation |= {"created_at": when, "updated_at": when, "lead_time": 30.0}
    entries = set_pull.entries_of(annotation, full, "local:x", 2, default_taxonomy)
    assert [set(e.answer) for e in entries] == [set(before.ids)] * 2


def test_moved_and_new_regions_are_drawn_to_the_frame(default_taxonomy):
    result = [*region("v-f20", 3, 42), *region("v-f60", 45, 80), *region("Xy1", 90, 120, "head_dropped")]
    entries = by_rep(answered(default_taxonomy, result))
    assert entries["v-f20"].drawn
    assert not entries["v-f60"].drawn
    assert entries[""].region == "Xy1"
    rows = set_pull.boundaries(entries.values())
    assert sorted((r["start"], r["end"]) for r in rows) == [(3, 42), (90, 120)]
    assert {r["annotation"] for r in rows} == {"local:x 2 7 v-f20", "local:x 2 7 Xy1"}
    tables.BOUNDARIES.frame(rows)


def test_a_rep_whose_region_was_deleted_is_not_usable(default_taxonomy):
    entries = by_rep(answered(default_taxonomy, region("v-f20", 5, 40)))
    assert not entries["v-f60"].usable
    assert set(entries["v-f60"].answer.values()) == {"unknown"}
    assert not entries["v-f60"].drawn


def test_a_region_drawn_anew_in_a_reps_place_is_that_rep(default_taxonomy):
    result = [*region("v-f20", 5, 40), *region("new", 47, 85, "hips_piked")]
    entries = answered(default_taxonomy, result)
    assert [(e.rep_id, e.region, e.usable) for e in entries] == [
        ("v-f20", "v-f20", True),
        ("v-f60", "new", True),
    ]


def test_who_looked_at_bounds_only_draws_and_labels_nothing(default_taxonomy):
    bounds = {"from_name": "bounds", "to_name": "clip", "type": "choices"}
    bounds |= {"value": {"choices": [set_config.BOUNDS_ONLY]}}
    entries = answered(default_taxonomy, [*region("v-f20", 3, 42), *region("v-f60", 45, 80), bounds])
    assert [(e.event, e.drawn, e.start, e.end) for e in entries] == [("skip", True, 3, 42)]
    assert len(set_pull.boundaries(entries)) == 1
    assert ledger.standing(entries) == []
    (nothing,) = answered(default_taxonomy, [*UNTOUCHED, bounds])
    assert (nothing.event, nothing.drawn) == ("skip", False)


def test_a_skipped_set_says_nothing_whatever_its_regions(default_taxonomy):
    (entry_,) = answered(default_taxonomy, region("v-f20", 0, 100), skip=True)
    assert (entry_.event, entry_.rep_id, entry_.drawn) == ("skip", "", False)


def test_the_newest_bounds_of_a_rep_count(default_taxonomy):
    old = answered(default_taxonomy, [*region("v-f20", 3, 42), *region("v-f60", 45, 80)], number=7)
    new = answered(
        default_taxonomy,
        [*region("v-f20", 4, 41), *region("v-f60", 45, 80)],
        number=8,
        when="2026-01-01T00:00:02Z",
        by="physio@example.org",
    )
    rows = set_pull.boundaries([*old, *new])
    assert [(r["start"], r["end"]) for r in rows] == [(4, 41)]
    gone = [e.model_copy(update={"event": "deleted"}) for e in new]
    rows = set_pull.boundaries(ledger.latest([*old, *new, *gone]).values())
    assert [(r["start"], r["end"]) for r in rows] == [(3, 42)]


def test_regions_of_one_annotation_are_kept_apart_in_the_ledger(default_taxonomy):
    entries = answered(default_taxonomy, UNTOUCHED)
    assert len(ledger.latest(entries)) == 2


def test_a_label_goes_to_the_rep_that_has_its_frames_today(default_taxonomy):
    result = [*region("v-f20", 60, 75), *region("Xy1", 90, 120)]  # the first was moved far away
    entries = [e for e in answered(default_taxonomy, result) if e.usable]
    row = {"video_id": "v", "subject": "ann", "bottom": 0}
    today = tables.REPS.frame(
        [
            row | {"rep_id": "v-f68", "start": 60, "end": 75},
            row | {"rep_id": "v-f100", "start": 90, "end": 120},
            row | {"rep_id": "v-f20", "start": 5, "end": 40},
        ]
    )
    filed = labels.file(entries, today)
    assert {e.rep_id: e.region for e in filed.counted} == {"v-f68": "v-f20", "v-f100": "Xy1"}
    narrow = today.with_columns(end=today["start"] + 5)
    assert [o.why for o in labels.file(entries, narrow).orphans]
    assert labels.file(entries, narrow).counted == []


def test_a_rep_label_stays_above_the_stated_overlap_only():
    row = {"rep_id": "abc-f10", "video_id": "abc", "subject": "ann", "bottom": 10}
    for end, counts in ((40, 1), (41, 0)):  # the label was made for frames 0 to 20
        reps = tables.REPS.frame([row | {"start": 0, "end": end}])
        assert len(labels.file([entry(1)], reps).counted) == counts
