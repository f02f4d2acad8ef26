"""What a rep task costs an annotator: keys and clicks, and whether it fits the screen, in a real browser.

    python benchmarks/annotation.py [--tasks 20] [--port 18500] [--screenshots DIR] [--keep DIR]
    python benchmarks/annotation.py --workspace DIR --screenshots DIR

Draws stick figures of known form, finds and cuts their reps, pre-annotates every second one rightly and the
others wrongly, and works through them in Label Studio with Chromium at 1366x768: what is ticked rightly is
submitted, what is not is corrected first. The plain way, in the same run, is the same tasks with nothing
ticked beforehand. What reaches the ledger is held against the truth; a wrong label is an error.

--screenshots photographs both kinds of task. --keep leaves workspace and server for another run. --workspace
takes the pictures in a workspace that has been through `dvc repro` and whose Label Studio is up, and answers
nothing.
"""

import argparse
import io
import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from pushup_data import ledger, params, scaffold, tables, taxonomy
from pushup_data.labelstudio import server, set_config, sets
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.stages import pull, push, reps
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace
from tests import figures

SCREEN: ViewportSize = {"width": 1366, "height": 768}
FPS = 30.0
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FORMS: list[tuple[str, ...]] = [
    ("hips_sagging",),
    (),
    ("shallow_depth",),
    ("hips_piked", "head_dropped"),
    ("incomplete_lockout",),
]
WIDTH, HEIGHT = 1280, 720
SET, SET_REPS = "set", 6  # the video of the set task


@dataclass
class Hands:
    """A page and what was done to it."""

    page: Page
    keys: int = 0
    clicks: int = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1


@dataclass(frozen=True)
class Task:
    """What one task cost."""

    rep_id: str
    right: bool  # pre-annotated rightly
    changes: int  # boxes that had to change
    keys: int
    clicks: int
    fits: bool  # all that is needed is on the screen, without scrolling


def fill(workspace: Workspace, settings: Params, count: int) -> dict[str, tuple[str, ...]]:
    """Make videos, poses and reps of `count` figures; return each rep's errors."""
    videos, seen = [], []
    forms = {f"figure{n:02d}": FORMS[n % len(FORMS)] for n in range(count)}
    for video_id in (*forms, SET):
        errors, number = forms.get(video_id, ()), SET_REPS if video_id == SET else 1
        pose, _ = figures.push_up(errors, reps=number, fps=FPS, pause_top_s=0.5)
        if not workspace.video(video_id).exists():
            figures.film(workspace.video(video_id), pose, FPS, WIDTH, HEIGHT)
        tables.write(tables.POSE, figures.pose_table(pose), workspace.pose(video_id))
        row: dict[str, Any] = {"video_id": video_id, "original_name": f"{video_id}.mp4", "subject": video_id}
        videos.append(
            row | {"consent": "yes", "fps": FPS, "frames": len(pose), "width": WIDTH, "height": HEIGHT}
        )
        seen.append({"video_id": video_id, "view": "side", "flags": []})
    tables.write(tables.VIDEOS, tables.VIDEOS.frame(videos), workspace.videos)
    tables.write(tables.QUALITY, tables.QUALITY.frame(seen), workspace.quality)
    tables.write(tables.BOUNDARIES, tables.BOUNDARIES.empty(), workspace.boundaries)
    reps.run(workspace, settings)
    found = tables.read(tables.REPS, workspace.reps)
    of_figures = found.filter(found["video_id"] != SET).select("rep_id", "video_id")
    return {rep: forms[video] for rep, video in of_figures.iter_rows()}


def queue(workspace: Workspace, known: Taxonomy, truth: dict[str, tuple[str, ...]], *, blind: bool) -> None:
    """Queue all reps; every second prediction is right, the others miss or add an error, or both."""
    rows, queued = [], []
    for n, (rep_id, errors) in enumerate(truth.items()):
        said = set(errors) if n % 2 == 0 else _wrong(set(errors), n)
        for error in known.errors:
            chance = (0.9 if error.id in said else 0.1) if error.judged_from("side") else None
            row = {"rep_id": rep_id, "error": error.id, "probability": chance, "predictor": "rules"}
            reason = "6 % of body length off the line" if error.id in said else ""
            rows.append(row | {"present": None if chance is None else chance > 0.5, "reason": reason})
        row = {"position": n, "rep_id": rep_id, "reason": "uncertain", "blind": blind, "opinions": 1}
        queued.append(row)
    tables.write(tables.PREDICTIONS, tables.PREDICTIONS.frame(rows), workspace.predictions)
    tables.write(tables.QUEUE, tables.QUEUE.frame(queued), workspace.queue)


def _wrong(errors: set[str], n: int) -> set[str]:
    if not errors:
        return {"hips_sagging"}
    return {"hips_piked" if "hips_piked" not in errors else "shallow_depth"} if n % 4 == 1 else set()


def open_stream(page: Page, workspace: Workspace, project: int) -> None:
    """Log in and go to a project's label stream."""
    url = server.address(workspace)
    state = json.loads((workspace.labelstudio / "server.json").read_text())
    page.goto(f"{url}/user/login/")
    if page.locator("[name=email]").count():
        page.fill("[name=email]", state["email"])
        page.fill("[name=password]", state["password"])
        page.click("button[type=submit]")
        page.wait_for_load_state()
    page.goto(f"{url}/projects/{project}/data?labeling=1")


def shown(page: Page, before: str = "") -> str:
    """Wait for another rep than `before`; return its clip's name."""
    page.wait_for_function(
        "b => { const v = document.querySelector('video.clip');"
        " return v && v.readyState >= 2 && !(b && v.src.includes(b))"
        " && document.querySelector('[name=skeleton]') }",
        arg=before,
        timeout=120_000,
    )
    return str(page.evaluate("document.querySelector('video.clip').src.split('/').pop()"))


def ticked(page: Page) -> dict[str, list[str]]:
    """Return which boxes are ticked, "can't tell" apart."""
    groups: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('.lsf-choices')].map(g =>"
        " [...g.querySelectorAll('input:checked')].map(b => b.name))"
    )
    return dict(zip(("errors", "unsure", "usable", "viewed"), groups, strict=True))


def fits(page: Page) -> bool:
    """Whether every box, the note, the buttons, the video and what is said below it are on the screen."""
    boxes: list[dict[str, float]] = page.evaluate(
        "[...document.querySelectorAll('.lsf-choice, .rep-task textarea, .rep-task input[type=text],"
        " .rep-said,"
        " .rep-videos, [aria-label*=ubmit], [aria-label*=kip]')]"
        ".map(e => e.getBoundingClientRect().toJSON()).filter(r => r.width)"
    )
    if len(boxes) < 20:
        sys.exit(f"only {len(boxes)} parts of the task found: has Label Studio changed its names?")
    return all(
        r["top"] >= 0 and r["bottom"] <= SCREEN["height"] and r["right"] <= SCREEN["width"] for r in boxes
    )


def work(page: Page, known: Taxonomy, truth: dict[str, tuple[str, ...]]) -> list[Task]:
    """Answer all tasks truly; return what each cost."""
    keys = {error.id: error.hotkey for error in known.errors}
    done, clip = [], ""
    for _ in truth:
        clip = shown(page, clip)
        rep_id = next(r for r in truth if clip.startswith(f"{r}-"))
        hands = Hands(page)
        has, should = set(ticked(page)["errors"]), set(truth[rep_id])
        fit = fits(page)
        for error in sorted(has ^ should):
            hands.press(keys[error])
        hands.press("Control+Enter")
        done.append(Task(rep_id, has == should, len(has ^ should), hands.keys, hands.clicks, fit))
    page.wait_for_selector("text=/no more|All tasks/i", timeout=60_000)
    return done


def check(workspace: Workspace, settings: Params, truth: dict[str, tuple[str, ...]]) -> None:
    """Pull, and stop where a label is not what was meant."""
    pull.run(workspace, settings)
    latest = {e.rep_id: e for e in ledger.read(workspace.annotations)}  # the last one counts
    for rep_id, errors in truth.items():
        said = {e for e, value in latest[rep_id].answer.items() if value == "present"}
        if said != set(errors):
            sys.exit(f"{rep_id}: the ledger says {sorted(said)}, meant was {sorted(errors)}")


def say(name: str, tasks: list[Task]) -> None:
    for kind, part in (
        ("", tasks),
        (", right", [t for t in tasks if t.right]),
        (", wrong", [t for t in tasks if not t.right]),
    ):
        if part and (kind == "" or name == "pre-annotated"):
            keys, clicks = (statistics.mean(getattr(t, what) for t in part) for what in ("keys", "clicks"))
            changes = statistics.mean(t.changes for t in part)
            fit = sum(t.fits for t in part) / len(part)
            print(
                f"{name + kind:22} {len(part):3} tasks: {keys:.2f} keys and {clicks:.2f} clicks per task "
                f"({changes:.2f} changes), {fit:.0%} fully visible without scrolling"
            )


def with_title(settings: Params, title: str) -> Params:
    return settings.model_copy(
        update={"labelstudio": settings.labelstudio.model_copy(update={"title": title})}
    )


def project_of(workspace: Workspace) -> int:
    return int(json.loads(workspace.receipt.read_text())["project"])


def set_project_of(workspace: Workspace, settings: Params) -> int | None:
    with Client(server.access(workspace, settings.labelstudio)) as client:
        found = client.project(set_config.title(settings.labelstudio))
    return None if found is None else int(found["id"])


def photograph(page: Page, target: Path, name: str) -> None:
    page.wait_for_timeout(2000)
    target.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.quantize(64, dither=Image.Dither.NONE).save(target / f"{name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--port", type=int, default=18500)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--workspace", type=Path)
    chosen = parser.parse_args()
    with sync_playwright() as playwright:
        program = (
            shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        )
        if program is None:
            sys.exit("no Chromium: run `apt-get install chromium`")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS.split())
        page = browser.new_context(viewport=SCREEN).new_page()
        if chosen.workspace:
            workspace = Workspace(chosen.workspace.resolve())
            pictures(page, workspace, params.load(workspace.params), chosen.screenshots or Path())
        else:
            with tempfile.TemporaryDirectory(prefix="annotation-") as folder:
                measure(page, Path(chosen.keep or folder).resolve() / "workspace", chosen)
        browser.close()


def pictures(page: Page, workspace: Workspace, settings: Params, target: Path) -> None:
    """Photograph the first rep task, without and with skeleton, and the first set task if there is one."""
    open_stream(page, workspace, project_of(workspace))
    shown(page)
    photograph(page, target, "rep-task")
    page.keyboard.press("s")
    photograph(page, target, "rep-task-skeleton")
    page.keyboard.press("s")
    number = set_project_of(workspace, settings)
    if number is not None:
        open_stream(page, workspace, number)
        page.wait_for_function("document.querySelector('video')?.readyState >= 3", timeout=60_000)
        page.wait_for_timeout(1000)
        page.locator(".lsf-outliner-item:visible", has_text="rep").nth(1).click(timeout=60_000)
        page.wait_for_selector("text=This rep")
        photograph(page, target, "set-task")


def measure(page: Page, root: Path, chosen: argparse.Namespace) -> None:
    scaffold.init(root)
    workspace = Workspace(root)
    settings = params.load(workspace.params)
    known = taxonomy.load(workspace.taxonomy)
    local = settings.labelstudio.model_copy(update={"port": chosen.port})
    print(server.start(workspace, local))
    try:
        truth = fill(workspace, settings, chosen.tasks)
        for name, blind in (("pre-annotated", False), ("nothing ticked before", True)):
            for path in (workspace.receipt, workspace.server):
                path.unlink(missing_ok=True)
            before = len(ledger.read(workspace.annotations))
            titled = with_title(settings, f"push-up reps {before}" if before else settings.labelstudio.title)
            queue(workspace, known, truth, blind=blind)
            push.run(workspace, titled)
            if chosen.screenshots and not blind:
                sets.run(workspace, titled, [SET])
                pictures(page, workspace, titled, chosen.screenshots)
            open_stream(page, workspace, project_of(workspace))
            tasks = work(page, known, truth)
            check(workspace, titled, truth)
            say(name, tasks)
    finally:
        if not chosen.keep:
            print(server.stop(workspace))


if __name__ == "__main__":
    main()
