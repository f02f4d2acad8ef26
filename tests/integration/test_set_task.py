"""A set task's way there and back: the browser, the real server, the ledger, the bounds and the reps."""

import browsing
import pytest

from pushup_data import labels, ledger, tables
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config, server, set_config, sets
from pushup_data.stages import labels as labels_stage
from pushup_data.stages import pull
from pushup_data.stages import reps as reps_stage
from tests import figures

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

FPS, VIDEO = 30.0, "abcdef012345"


def place(workspace, split):
    row = {"subject": "ann", "split": split, "reason": "drawn"}
    tables.write(tables.ASSIGNMENTS, tables.ASSIGNMENTS.frame([row]), workspace.assignments)


@pytest.fixture
def filmed(served, project, default_taxonomy):
    """A workspace with one video of three reps, through the reps stage."""
    served.rep_registry.unlink(missing_ok=True)
    pose, _ = figures.push_up(reps=3, fps=FPS)
    figures.film(served.video(VIDEO), pose, FPS)
    tables.write(tables.POSE, figures.pose_table(pose), served.pose(VIDEO))
    row = {"video_id": VIDEO, "original_name": "monday/set.mp4", "subject": "ann", "consent": "yes"}
    row |= {"fps": FPS, "frames": len(pose), "width": figures.WIDTH, "height": figures.HEIGHT}
    tables.write(tables.VIDEOS, tables.VIDEOS.frame([row]), served.videos)
    seen = [{"video_id": VIDEO, "view": "side", "flags": []}]
    tables.write(tables.QUALITY, tables.QUALITY.frame(seen), served.quality)
    tables.write(tables.BOUNDARIES, tables.BOUNDARIES.empty(), served.boundaries)
    place(served, "train")
    reps_stage.run(served, project)
    return served


def reps(workspace) -> list[dict]:
    return tables.read(tables.REPS, workspace.reps).sort("start").rows(named=True)


def task(client, project) -> dict:
    number = client.project(set_config.title(project.labelstudio))["id"]
    (found,) = client.tasks(number, "id,data")
    return found


def ids(rows) -> list[str]:
    return [row["rep_id"] for row in rows]


def test_a_bound_moved_in_the_browser_reaches_its_rep_to_the_frame(filmed, project, client, browser):
    before = reps(filmed)
    assert len(before) == 3
    assert "1 tasks created and 0 kept" in sets.run(filmed, project, ["monday/set.mp4"])
    assert "0 tasks created and 1 kept" in sets.run(filmed, project, [VIDEO, "monday/set.mp4"])
    number = task(client, project)["id"]
    title = set_config.title(project.labelstudio)
    page = browsing.stream(browser, filmed, client.project(title)["id"])
    page.wait_for_selector("text=Click a rep on the timeline", timeout=60_000)
    page.wait_for_selector("[class*=lifespan]")
    page.locator(".lsf-outliner-item:visible", has_text="rep").nth(1).click()
    start, end = (page.get_by_label(f"{which} frame") for which in ("Start", "End"))
    shown = [int(start.input_value()), int(end.input_value())]
    assert shown == [before[1]["start"] + 1, before[1]["end"]]  # as Label Studio counts
    page.keyboard.press("1")
    end.fill(str(shown[1] - 3))
    end.press("Enter")
    end.evaluate("box => box.blur()")
    for name in ("Hips sagging", "can't tell", "Not usable", "Submit", "Skip"):
        box = page.get_by_text(name).last.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 768, f"{name} is below the fold"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=/no more|All tasks/i", timeout=30_000)
    page.context.close()

    pull.run(filmed, project)
    (row,) = tables.read(tables.BOUNDARIES, filmed.boundaries).rows(named=True)
    assert (row["start"], row["end"]) == (before[1]["start"], before[1]["end"] - 3)
    same = filmed.boundaries.read_bytes(), list(filmed.annotations.iterdir())
    pull.run(filmed, project)
    assert (filmed.boundaries.read_bytes(), list(filmed.annotations.iterdir())) == same

    reps_stage.run(filmed, project)
    after = reps(filmed)
    assert ids(after) == ids(before)
    assert [r["drawn"] for r in after] == [False, True, False]
    assert (after[1]["start"], after[1]["end"]) == (before[1]["start"], before[1]["end"] - 3)
    assert [(r["start"], r["end"]) for r in (after[0], after[2])] == [
        (r["start"], r["end"]) for r in (before[0], before[2])
    ]
    labels_stage.run(filmed, project)
    told = tables.read(tables.LABELS, filmed.labels)
    sagging = told.filter(told["error"] == "hips_sagging").sort("rep_id")
    values = dict(sagging.select("rep_id", "value").iter_rows())
    assert [values[r] for r in ids(after)] == ["absent", "present", "absent"]
    assert all(e.seconds for e in ledger.read(filmed.annotations))
    assert "0 tasks created and 1 kept" in sets.run(filmed, project, [VIDEO])  # it is answered
    assert task(client, project)["id"] == number


def test_regions_drawn_deleted_and_undone(filmed, project, client):
    before = reps(filmed)
    sets.run(filmed, project, [VIDEO])
    full = client.task(task(client, project)["id"])
    first, second, third = full["predictions"][0]["result"]
    length = full["data"]["frames"]
    far = sets.region("Dr4wn", (before[2]["end"] + 2, length))
    second["value"]["ranges"][0]["end"] = second["value"]["ranges"][0]["start"] + 4  # hardly anything is left
    client.annotate(full["id"], {"result": [first, second, far], "lead_time": 20})
    pull.run(filmed, project)
    reps_stage.run(filmed, project)
    after = reps(filmed)
    assert ids(after)[0] == ids(before)[0]
    assert ids(after)[2] == ids(before)[2]  # its region was deleted: it is there, but not usable
    assert ids(after)[1] != ids(before)[1]  # another rep now, by MIN_OVERLAP
    assert (after[1]["start"], after[1]["end"]) == (before[1]["start"], before[1]["start"] + 5)
    assert (after[3]["start"], after[3]["end"]) == (before[2]["end"] + 2, length)
    filed = labels.file(
        ledger.standing(ledger.read(filmed.annotations)), tables.read(tables.REPS, filmed.reps)
    )
    assert filed.orphans == []
    assert {e.rep_id: e.usable for e in filed.counted} == dict(
        zip(ids(after), [True, True, False, True], strict=True)
    )

    annotation = client.task(full["id"])["annotations"][0]["id"]
    client._http.patch(f"/api/annotations/{annotation}", json={"result": [first, second, third]})
    pull.run(filmed, project)
    assert len(tables.read(tables.BOUNDARIES, filmed.boundaries)) == 1  # the drawn one is gone again
    client._http.delete(f"/api/annotations/{annotation}")
    pull.run(filmed, project)
    assert tables.read(tables.BOUNDARIES, filmed.boundaries).is_empty()
    assert ledger.standing(ledger.read(filmed.annotations)) == []
    reps_stage.run(filmed, project)
    assert [(r["rep_id"], r["start"], r["end"]) for r in reps(filmed)] == [
        (r["rep_id"], r["start"], r["end"]) for r in before
    ]


def test_an_untouched_task_follows_its_reps_and_a_touched_one_stays(filmed, project, client):
    sets.run(filmed, project, [VIDEO])
    old = task(client, project)
    shorter = tables.read(tables.REPS, filmed.reps).head(2)
    tables.write(tables.REPS, shorter, filmed.reps)
    assert "1 tasks created and 0 kept" in sets.run(filmed, project, [VIDEO])
    new = task(client, project)
    assert new["data"]["key"] != old["data"]["key"]
    assert len(new["data"]["reps"]) == 2
    client.annotate(new["id"], {"result": [], "was_cancelled": True})
    tables.write(tables.REPS, shorter.head(1), filmed.reps)
    assert "0 tasks created and 1 kept" in sets.run(filmed, project, [VIDEO])
    pull.run(filmed, project)
    (entry,) = ledger.read(filmed.annotations)
    assert (entry.event, entry.rep_id) == ("skip", "")
    pull.run(filmed, project)
    assert len(ledger.read(filmed.annotations)) == 1


def test_what_is_refused(filmed, project):
    with pytest.raises(BadInputError, match=r"no video 'tuesday\.mp4'"):
        sets.run(filmed, project, ["tuesday.mp4"])
    videos = tables.read(tables.VIDEOS, filmed.videos)
    tables.write(tables.VIDEOS, videos.with_columns(consent=tables.pl.lit("no")), filmed.videos)
    with pytest.raises(BadInputError, match="without consent"):
        sets.run(filmed, project, [VIDEO])
    tables.write(tables.VIDEOS, videos, filmed.videos)
    place(filmed, "test")
    with pytest.raises(BadInputError, match="is of a test subject"):
        sets.run(filmed, project, [VIDEO])


def test_another_server_by_url_gets_the_video_uploaded(filmed, project, client, monkeypatch):
    access = server.access(filmed, project.labelstudio)
    monkeypatch.setenv("LABEL_STUDIO_URL", access.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", access.token)
    sets.run(filmed, project, [VIDEO])
    found = task(client, project)
    assert "/data/upload/" in found["data"]["video"]
    assert client._http.get(found["data"]["video"], headers={"Range": "bytes=0-9"}).status_code == 206
    assert config.boxes(client.task(found["id"])["predictions"][0]["result"], "errors") == []
