"""`pushup-data app` and `app-stop` as a user runs them, and what Chromium shows."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import curated
import numpy as np
import pytest
from PIL import Image

from pushup_data import fiftyone_app, fiftyone_dataset, fiftyone_views, locks, mongodb, scaffold, tables
from pushup_data.workspace import Workspace

pytestmark = pytest.mark.integration

PROGRAM = str(Path(sys.executable).parent / "pushup-data")


def run(workspace, *arguments, code=0):
    done = subprocess.run(
        [PROGRAM, *arguments], cwd=workspace.root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def mongod_pid(workspace):
    return locks.holder(workspace.fiftyone / "data" / "mongod.lock")


def app_pid(workspace):
    return locks.holder(workspace.fiftyone / "app.lock")


def port(url):
    return int(url.split(":")[2].split("/")[0])


def answers(url):
    with urllib.request.urlopen(f"http://127.0.0.1:{port(url)}/fiftyone", timeout=10) as answer:
        return json.load(answer)["version"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module", autouse=True)
def _own_mongodb():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(mongodb.URI_VARIABLE, raising=False)
        yield


def new(root, videos=3):
    scaffold.init(root)
    workspace = Workspace(root)
    curated.fill(workspace, videos)
    return workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Six reps; the app is stopped at the end."""
    made = new(tmp_path_factory.mktemp("app") / "one")
    yield made
    fiftyone_app.stop(made)


@pytest.fixture
def running(workspace):
    """The workspace with its app running."""
    if fiftyone_app.address(workspace) is None:
        run(workspace, "app", "--detach", "--port", str(free_port()))
    return workspace


@pytest.fixture(scope="module")
def beside(workspace, tmp_path_factory):
    """One rep, its skeleton a frame late, in a workspace of the same name; its app wanted the same port."""
    late = new(tmp_path_factory.mktemp("beside") / workspace.root.name, videos=1)
    pose = curated.pose(0)
    later = pose.with_columns(pose.select("detected", "x", "y").shift(1, fill_value=None))
    tables.write(tables.POSE, pose.head(1).vstack(later.drop_nulls("detected")), late.pose(f"{0:012x}"))
    if fiftyone_app.address(workspace) is None:
        run(workspace, "app", "--detach", "--port", str(free_port()))
    try:
        run(late, "app", "--detach", "--port", str(port(fiftyone_app.address(workspace))))
        yield late
    finally:
        fiftyone_app.stop(late)


def test_it_starts_is_found_again_and_stops(workspace):
    said = run(workspace, "app", "--detach", "--port", str(free_port()))
    url = fiftyone_app.address(workspace)
    assert "built: 6 reps" in said
    assert url in said
    assert answers(url)
    first = (app_pid(workspace), mongod_pid(workspace))
    assert None not in first
    # neither sits in our terminal's session, so closing it ends neither
    assert os.getsid(0) not in {os.getsid(pid) for pid in first}

    again = run(workspace, "app", "--detach")
    assert "up to date" in again
    assert f"was running: {url}" in again
    assert (app_pid(workspace), mongod_pid(workspace)) == first

    said = run(workspace, "app-stop")
    assert all(f"process {pid}" in said for pid in first)
    assert (app_pid(workspace), mongod_pid(workspace)) == (None, None)
    with pytest.raises(OSError, match="refused"):
        answers(url)
    assert "not running" in run(workspace, "app-stop")

    # the data set outlives both servers
    assert "up to date" in run(workspace, "app", "--detach", "--port", str(free_port()))


def test_ctrl_c_ends_the_foreground_app_and_its_mongodb(tmp_path):
    workspace = new(tmp_path / "two", videos=1)
    app = subprocess.Popen(
        [PROGRAM, "app", "--port", str(free_port())],
        cwd=workspace.root,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the signal reaches its group only, as a terminal's does
    )
    try:
        lines = iter(app.stdout.readline, "")
        said = next(line for line in lines if line.startswith("FiftyOne: "))
        assert answers(said.split()[1])
        begun = time.monotonic()
        os.killpg(app.pid, signal.SIGINT)
        assert app.wait(timeout=60) == 0
        assert time.monotonic() - begun < 30
    finally:
        app.stdout.close()
        app.kill()
        app.wait()
        fiftyone_app.stop(workspace)
    assert (app_pid(workspace), mongod_pid(workspace)) == (None, None)


def test_without_tables_it_says_what_to_do_and_starts_nothing(tmp_path):
    scaffold.init(tmp_path / "new")
    workspace = Workspace(tmp_path / "new")
    said = run(workspace, "app", "--detach", code=1)
    assert said.startswith("error: ")
    assert "samples.parquet is not there; run `dvc repro`" in said
    assert mongod_pid(workspace) is None


def test_tracking_is_off(running):
    environment = Path(f"/proc/{app_pid(running)}/environ").read_bytes().split(b"\0")
    assert b"FIFTYONE_DO_NOT_TRACK=true" in environment


# what Chromium shows


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    # FiftyOne's advertisement would lie over the grid.
    page.add_init_script("localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')")
    yield page
    page.close()


def pixels(page):
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)


def is_color(image, color):
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return np.abs(image - wanted).max(axis=-1) < 40


SKELETON = fiftyone_views.COLORS["frames.pose"]
PREDICTION = fiftyone_views.COLORS["predictions"]


def test_the_grid_shows_clips_skeletons_and_labels(running, page):
    page.goto(fiftyone_app.address(running))
    page.get_by_text("6 samples").wait_for(timeout=60_000)
    grid = (slice(100, None), slice(290, None))  # without top bar and sidebar
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and is_color(pixels(page)[grid], SKELETON).sum() < 6 * 20:
        time.sleep(0.5)
    image = pixels(page)[grid]
    assert (image.min(axis=-1) > 235).sum() > 500  # the white squares of the clips
    assert is_color(image, SKELETON).sum() > 6 * 20
    assert is_color(image, PREDICTION).sum() > 3 * 200  # three reps are predicted to sag


def test_a_saved_view_opens_by_its_address(running, page):
    page.goto(f"{fiftyone_app.address(running)}?view=label-against-prediction")
    page.get_by_text("1 sample", exact=True).wait_for(timeout=60_000)
    page.get_by_text("label against prediction").first.wait_for()


def test_new_labels_are_there_after_a_reload(running, page):
    url = fiftyone_app.address(running)
    page.goto(f"{url}?view=unlabelled")
    page.get_by_text("3 samples").wait_for(timeout=60_000)
    tables.write(tables.LABELS, tables.LABELS.empty(), running.labels)
    curated.curate(running)
    assert "was running" in run(running, "app")
    page.reload()
    page.get_by_text("6 samples").wait_for(timeout=60_000)
    assert fiftyone_dataset.name(running) in page.url


def shift(page):
    """Return by how many pixels of the clip the skeleton lies right of the square that it stands on.

    0 where both are of the same frame; a frame more or less is 2 pixels.
    """
    image = pixels(page)[80:820, 50:1040]  # without sidebar, timeline and the frame of the window
    ys, xs = np.nonzero(is_color(image, SKELETON))
    middle = int(np.median(ys))
    _, white = np.nonzero((image[middle - 60 : middle + 60].min(axis=-1)) > 235)
    zoom = (white.max() - white.min() + 1) / 9  # the square is 9 pixels wide
    skeleton, square = (xs.min() + xs.max()) / 2, (white.min() + white.max()) / 2
    within = (
        0 + 28
    ) / 2 / 1000 * curated.WIDTH - 0.5  # landmarks 0 to 28 spread; the square's middle is half a pixel on
    return (skeleton - square) / zoom - within


def shifts(page, url, frames=4):
    """Open the first rep, go through its first frames, and return the shift at each.

    The app remembers which sample is open, for all browsers: whoever wants the grid must come before.
    """
    page.goto(url)
    page.locator('[data-cy="looker"]').first.click(timeout=60_000)
    page.locator("#modal canvas").first.wait_for()
    time.sleep(4)
    found = []
    for _ in range(frames):
        found.append(shift(page))
        page.keyboard.press(".")  # one frame on
        time.sleep(1)
    return np.array(found)


def test_the_skeleton_lies_on_the_frame_that_is_shown(running, page):
    assert np.abs(shifts(page, fiftyone_app.address(running))).max() < 0.7


def test_a_skeleton_one_frame_late_would_be_seen(beside, page):
    """The counter-proof of the test above: it can fail."""
    np.testing.assert_allclose(shifts(page, fiftyone_app.address(beside)), -2, atol=0.7)


def test_two_workspaces_stand_side_by_side(running, beside):
    url, other = (fiftyone_app.address(workspace) for workspace in (running, beside))
    assert port(other) != port(url)  # that was taken
    assert answers(other)
    assert answers(url)
    assert mongod_pid(beside) != mongod_pid(running)
    run(beside, "app-stop")
    assert answers(url)
