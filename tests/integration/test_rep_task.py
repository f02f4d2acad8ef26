"""What an annotator sees of a rep task, in a real browser."""

import json

import browsing
import pytest

from pushup_data import ledger
from pushup_data.labelstudio import server
from pushup_data.labelstudio.client import Client
from pushup_data.stages import pull, push
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture
def page(served, project, default_taxonomy, browser):
    """The label stream of a project of two reps, the first blind, the second pre-annotated."""
    labelling.fill(served, default_taxonomy, 2)
    push.run(served, project)
    shown = browsing.stream(browser, served, json.loads(served.receipt.read_text())["project"])
    yield shown
    shown.context.close()


def ticked(page) -> list[str]:
    page.wait_for_selector("text=What is wrong?")
    boxes = "[...document.querySelectorAll('input[type=checkbox]')].filter(b => b.checked).map(b => b.name)"
    return page.evaluate(boxes)


def video(page, name: str):
    page.wait_for_selector("video", state="attached")
    return page.evaluate(f"document.querySelector('video').{name}")


def test_the_clip_plays_and_repeats_by_itself_and_keys_answer(page, served, project):
    page.wait_for_function("document.querySelector('video')?.currentTime > 0.3", timeout=60_000)
    assert not video(page, "paused")
    page.evaluate("{const v = document.querySelector('video'); v.currentTime = v.duration - 0.2}")
    page.wait_for_function("document.querySelector('video').currentTime < 1", timeout=10_000)  # began again

    assert ticked(page) == []  # the first is blind
    assert "hips low" not in page.inner_text("body")
    for key in ("3", "w"):
        page.keyboard.press(key)
    assert sorted(ticked(page)) == ["hips_piked", "shallow_depth"]
    page.keyboard.press("Control+Enter")  # submits

    page.wait_for_selector("text=Hips sagging: hips low")
    assert sorted(ticked(page)) == ["asymmetric", "hips_sagging"]  # as the machine said
    for name in ("Not usable", "Submit", "Skip", "Asymmetric"):
        box = page.get_by_text(name, exact=False).last.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 768, f"{name} is below the fold"
    for key, seen in (("s", "skeleton"), ("d", "skeleton-slow"), ("s", "slow"), ("d", "clip")):
        page.keyboard.press(key)
        page.wait_for_function(f"document.querySelector('video.{seen}').offsetParent !== null")
        assert page.locator("video:visible").count() == 1
        page.wait_for_function(f"!document.querySelector('video.{seen}').paused")
    page.get_by_placeholder("Note").fill("hard to say")
    page.keyboard.press("Enter")
    below = page.evaluate(
        "[...document.querySelectorAll('.lsf-choice, .rep-task input, .rep-said, .rep-videos, button')]"
        ".filter(e => e.getBoundingClientRect().bottom > innerHeight).map(e => e.outerHTML)"
    )
    assert below == []
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=/no more|All tasks/i")

    pull.run(served, project)
    said = {e.rep_id: e for e in ledger.read(served.annotations)}
    assert said["v0-f10"].answer["shallow_depth"] == "present"
    assert said["v0-f10"].answer["hips_piked"] == "unknown"
    assert said["v0-f10"].answer["hips_sagging"] == "absent"
    assert said["v1-f10"].answer["hips_sagging"] == "present"
    assert said["v1-f10"].shown == {
        "predictor": "rules",
        "errors": ["hips_sagging"],
        "unsure": ["asymmetric"],
    }
    assert said["v1-f10"].seconds > 0
    assert said["v1-f10"].note == "hard to say"
    with Client(server.access(served, project.labelstudio)) as client:
        assert all(len(t["annotations"]) == 1 for t in client.tasks(said["v0-f10"].project, "id,annotations"))
