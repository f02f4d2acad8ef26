"""`dvc plots show` in a browser that reaches nothing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pushup_data import scaffold
from pushup_data.model import curves
from pushup_data.model.curves import Epoch

pytestmark = pytest.mark.integration


def show(workspace) -> str:
    """Run `dvc plots show`; return the page's address."""
    ran = subprocess.run(
        [sys.executable, "-m", "dvc", "plots", "show"],
        cwd=workspace.root,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return re.search(r"file://\S+", ran.stdout)[0]


def drawn(browser, workspace):
    """Return how many lines each plot has, and the addresses outside the page that it asked for."""
    page = browser.new_context(offline=True).new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(show(workspace))
    page.wait_for_selector("svg.marks .mark-line path[d*=L]", state="attached")
    count = "[...document.querySelectorAll('svg.marks')].map(s => s.querySelectorAll(%r).length)"
    lines = page.evaluate(count % ".mark-line path[d*=L]")
    page.close()
    assert not wrong
    return lines, [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def record(workspace, epochs):
    with curves.record(workspace.learning_curves) as watch:
        for n in range(1, epochs + 1):
            watch(Epoch(n, 1 / n, 1.1 / n, 0.01 / n))


def test_curves_are_drawn_without_a_network(workspace, browser):
    record(workspace, 8)
    lines, asked = drawn(browser, workspace)
    rate, loss = sorted(n for n in lines if n)
    assert loss == 2 * rate  # train and val; DVC draws every line twice, to smooth one
    assert asked == []


def test_a_training_that_did_not_take_place_is_no_error(workspace):
    record(workspace, 0)
    assert show(workspace)


def test_what_a_clone_lacks_init_makes(workspace, browser):
    record(workspace, 8)
    shutil.rmtree(workspace.plots_page.parent)
    local = workspace.root / ".dvc" / "config.local"
    local.write_text("[core]\n    hardlink_lock = true\n")
    assert "the page of `dvc plots show`" in scaffold.init(workspace.root)[0]
    assert "hardlink_lock = true" in local.read_text()
    assert drawn(browser, workspace)[1] == []
